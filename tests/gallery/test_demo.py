"""The demo's page, made by tiny classifiers."""

import re

import pytest

from pellucid import load_bundle
from pellucid.gallery.demo import demo
from pellucid.gallery.scene import Pair

TASKS = [
    "Generate", "Manipulate", "Inpaint", "Translate", "Super-resolve", "Sketch to image", "Paint with features",
    "Invert a representation", "Interpolate", "Visualize units", "Add a feature",
    "Carry style",
]  # fmt: skip


def pair(path, name):
    robust, standard = load_bundle(path), load_bundle(path)
    robust.card["name"], standard.card["name"] = f"{name}-robust", f"{name}-standard"
    return Pair(robust, standard)


@pytest.mark.parametrize("other", [False, True])
def test_the_page_shows_every_task_and_every_picture_it_made(tiny_bundle, tmp_path, other):
    seen = []
    index = demo(
        pair(tiny_bundle, "small"),
        tmp_path / "page",
        others=[pair(tiny_bundle, "large")] if other else [],
        callback=seen.append,
    )
    text = index.read_text()
    headings = re.findall(r"<h2>(.*?)</h2>", text)
    assert [task for task in TASKS if any(h.startswith(task) for h in headings)] == TASKS
    assert len([h for h in headings if h.startswith("Generate")]) == 1 + other
    shown = set(re.findall(r'src="([^"]+\.png)"', text))
    assert shown == {path.name for path in (tmp_path / "page").iterdir()} - {"index.html"}
    made_by = {name.split("-")[0] for name in shown}
    assert made_by == ({"small", "large"} if other else {"small"})
    assert any(name.startswith("small-robust-sketch") for name in shown)
    commands = re.findall(r"pellucid [a-z]+ --model (\S+)", text)
    assert len(commands) == len(headings)
    assert set(commands) == ({"small-robust", "large-robust"} if other else {"small-robust"})
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)
