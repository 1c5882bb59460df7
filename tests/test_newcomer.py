"""What a newcomer sees: every last line of a cell shows itself, briefly; and type checkers agree with the examples."""

import base64
import re
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import pytest
from newcomer import cells
from PIL import Image

import pellucid as pl

ROOT = Path(__file__).parent.parent
PYRIGHT = Path(sys.executable).with_name("pyright")
MISTAKES = """
import pellucid as pl
c = pl.load("cifar10-l2-0.5")
pl.generate(c, "cat", stpes=3)
pl.generate(c, "cat", eps="large")
pl.invert(c, 3.5)
pl.stylize(c, "a.png", "b.png", colors="mine")
pl.evaluate(c, pl.load_data("x").test, eps=0.5)
"""


def test_everything_that_a_newcomer_sees_shows_itself(tiny_bundle, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shown = list(cells(str(tiny_bundle), tmp_path))
    for result in shown:
        assert len(repr(result)) < 400, type(result)
        page = result._repr_html_() if hasattr(result, "_repr_html_") else ""
        for kind, content in re.findall(r"data:image/(\w+);base64,([^\"]+)", page):
            with Image.open(BytesIO(base64.b64decode(content))) as image:
                assert image.format == kind.upper()
                image.load()
    assert [line.strip() for line in repr(shown[0]).splitlines()] == [
        f"Classifier {tiny_bundle}", "preact-8-16, 5,115 weights",
        "16 px, 3 classes (cat, dog, ship), threat model none",
    ]  # fmt: skip
    assert repr(shown[2]).startswith("Descent(3 images, 16 x 16: cat, dog, ship; loss ")
    assert shown[2]._repr_html_().count("<img") == 6  # before and after
    assert "ship, loss" in shown[2]._repr_html_()
    assert repr(shown[3]).startswith("Descent(1 image, 16 x 16: dog;")
    units = next(result for result in shown if isinstance(result, pl.Descent) and "features" in result.info)
    assert re.findall(r"<figcaption>(.*?): \w+, loss", units._repr_html_()) == ["3", "logits:cat"]
    with Image.open(BytesIO(shown[5].content)) as gif:
        assert gif.n_frames == 4  # the start, and after each step
    tables = [result for result in shown if isinstance(result, (pl.Accuracies, pl.Transferability, pl.DistanceCurve))]
    assert len(tables) == 3
    assert all("<table>" in table._repr_html_() and "\n" in repr(table) for table in tables)
    assert shown[-1] == tmp_path / "cats.png"
    assert (tmp_path / "cats.json").exists()


def test_show_opens_the_image(tiny_bundle, monkeypatch):
    seen = []
    monkeypatch.setattr(Image.Image, "show", lambda image: seen.append(image.size))
    made = pl.generate(pl.load(str(tiny_bundle), "cpu"), ["cat", "dog"], steps=1)
    made.show()
    made.animate().show()
    assert seen == [(258, 128), (258, 128)]


def test_a_large_result_shows_its_first_images(tiny_bundle):
    made = pl.generate(pl.load(str(tiny_bundle), "cpu"), ["cat"] * 20, steps=1)
    assert made._repr_html_().count("<figure") == 16
    assert "and 4 more" in made._repr_html_()


@pytest.mark.skipif(not PYRIGHT.exists(), reason="needs pyright")
def test_type_checkers_agree_with_the_examples(tmp_path):
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    blocks = ["\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)) for page in pages]
    for name, text in zip(("readme", "contributing"), blocks, strict=True):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "newcomer.py").write_text((ROOT / "tests" / "newcomer.py").read_text())
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    command = [PYRIGHT, "--pythonpath", sys.executable, *sorted(tmp_path.glob("*.py"))]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    wrong = re.findall(r"(\w+)\.py:(\d+):\d+ - error: (.*)", said)
    assert [line for file, line, _ in wrong if file == "mistakes"] == ["4", "5", "6", "7", "8"], said
    assert [error for error in wrong if error[0] != "mistakes"] == []
