"""Every command line and every snippet in the documents works, and no public name is missing from the reference.

Descents take two steps here. What cannot be run has a comment before it: `<!-- not run: why -->`.
"""

import json
import re
import shlex
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import pellucid
from pellucid import bundled
from pellucid.base.recipes import Recipe
from pellucid.cli.main import COMMANDS, main

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PAGES = {str(page.relative_to(ROOT)): page.read_text() for page in GUIDES}
FENCE = re.compile(r"(<!-- not run: [^\n]+ -->\n\n?)?^( *)```([a-z]*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
BLOCKS = {  # of each page: whether it is not run, the language, the text
    name: [(bool(skip), language, dedent(body)) for skip, _, language, body in FENCE.findall(text)]
    for name, text in PAGES.items()
}
LINES = [
    (name, line.split("  #")[0].strip())
    for name, blocks in BLOCKS.items()
    for _, _, text in blocks
    for line in re.findall(r"^(?:accelerate launch -m )?pellucid .*", text, re.MULTILINE)
    if not line.endswith("\\")
]
WHOLE = [name for name in PAGES if name == "README.md" or name.startswith("docs/tutorials/")]  # commands are run, too
TINY = {
    "samples": ["--overwrite"],
    "stylize": ["--evaluations", "1", "--size", "96"],
    "layers": ["--count", "2", "--steps", "2", "--restarts", "1"],
    "evaluate": ["--count", "4", "--no-sanity"],
    "train": ["--epochs", "1"],
    "transfer": ["--seeds", "1"],
}
ENDLESS = ("studio", "demo", "report")


class Understood(Exception):  # noqa: N818 - it is what the test hopes for
    """The flags were parsed; the work is not begun."""


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda value: str(value)[:60])
def test_a_command_line_is_understood(page, line, monkeypatch):
    words = shlex.split(line.removeprefix("accelerate launch -m "))[1:]
    words = words[: words.index("#")] if "#" in words else words
    command = words[0]
    assert command in COMMANDS, f"{page}: {line}"
    module = import_module(f"pellucid.cli.{command.replace('-', '_')}")
    parse = module.parse

    def then_stop(*args, **options):
        parse(*args, **options)
        raise Understood

    monkeypatch.setattr(module, "parse", then_stop)
    with pytest.raises(Understood):
        main(words)


def test_there_are_command_lines():
    assert len(LINES) > 40


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    return pellucid.samples(tmp_path_factory.mktemp("all") / "samples")


@pytest.fixture
def here(tmp_path, monkeypatch, pictures):
    """A folder with the sample pictures and a data set, in which every descent takes two steps."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pictures, "samples")
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    np.savez("cifar10.npz", test_images=images, test_labels=np.array([6, 6, 3]), class_names=np.arange(10).astype(str))
    at = Recipe.at

    def quick(recipe, side):
        return at(replace(recipe, steps=2) if hasattr(recipe, "steps") else recipe, side)

    monkeypatch.setattr(Recipe, "at", quick)
    return tmp_path


@pytest.mark.skipif(not bundled(), reason="needs the bundled classifiers")
@pytest.mark.parametrize("page", [name for name, text in PAGES.items() if name in WHOLE or "```python" in text])
@pytest.mark.filterwarnings("ignore::UserWarning")  # two steps are few
def test_what_a_page_shows_works(page, here, capsys):
    scope = {"__name__": page}
    for skipped, language, text in BLOCKS[page]:
        if skipped:
            continue
        if language == "python":
            quick = re.sub(r"\b(steps|evaluations)=\d+", r"\1=2", text)
            exec(compile(quick, page, "exec"), scope)
        elif page in WHOLE:
            for line in re.findall(r"^pellucid .*", text, re.MULTILINE):
                words = shlex.split(line.split("  #")[0])[1:]
                if words[0] in ENDLESS:
                    continue
                assert main([*words, *TINY.get(words[0], [])]) == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("page", [name for name in WHOLE if name != "README.md"])
def test_a_tutorial_is_a_notebook_too(page, monkeypatch):
    """Its cells are the page's snippets and commands, which run above; they show what they make, and run twice."""
    monkeypatch.syspath_prepend(DOCS)
    made = json.loads(import_module("pages").notebook(PAGES[page]))
    assert (made["nbformat"], made["metadata"]["kernelspec"]["name"]) == (4, "python3")
    keys = {"cell_type", "metadata", "source"}
    for cell in made["cells"]:
        assert cell.keys() == keys | ({"outputs", "execution_count"} if cell["cell_type"] == "code" else set())
    cells = [cell["source"] for cell in made["cells"] if cell["cell_type"] == "code"]
    if "samples/" in PAGES[page]:
        assert "pl.samples()" in cells.pop(0)
    for _, language, text in BLOCKS[page]:
        lines = [line if language == "python" else f"!{line}" for line in text.strip().splitlines()]
        if language == "python" or lines[0].startswith("!pellucid"):
            cell = re.sub(r",? (?:--overwrite|overwrite=True)", "", cells.pop(0)).splitlines()
            assert cell[: len(lines)] == lines
    assert not cells


def test_every_public_name_is_in_the_reference():
    shown = {name for text in PAGES.values() for name in re.findall(r"^::: pellucid\.(\w+)", text, re.MULTILINE)}
    assert shown == set(pellucid.__all__)
