"""What an image file of several images shows: what was given above, what was made below, with captions."""

import pytest
from words import COMMAND_LINES, QUICK, sidecar

from pellucid import read_image
from pellucid.cli import run as running

SUPERRES = ("superres", "--images", "photo.png", "--factor", "2", "--eps", "2")


@pytest.fixture
def rows(monkeypatch):
    """The rows of every sheet that is made."""
    found = []
    sheet = running.sheet
    monkeypatch.setattr(running, "sheet", lambda rows: found.append(rows) or sheet(rows))
    return lambda: [(row.label, len(row.images), [*row.captions]) for row in found[-1]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (COMMAND_LINES["translate"], [("original", 2, []), ("result", 2, ["dog"] * 2)]),
        (COMMAND_LINES["inpaint"], [("original", 2, []), ("hole", 2, []), ("result", 2, None)]),
        (COMMAND_LINES["brush"], [("original", 2, []), ("result", 2, ["dog"] * 2)]),
        (COMMAND_LINES["sketch"], [("drawing", 2, []), ("start", 2, []), ("result", 2, ["dog", "cat"])]),
        (COMMAND_LINES["superres"], [("8 px", 1, []), ("bicubic", 1, []), ("result", 1, [])]),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_what_was_given_stands_above_what_was_made(words, expected, rows, run, here):
    assert run(*words, *QUICK, "--out", "made.png")[0] == 0
    for (label, count, captions), (wanted, number, said) in zip(rows(), expected, strict=True):
        assert (label, count) == (wanted, number)
        assert said is None or captions == said


def test_superres_with_a_reference_says_how_near_it_comes(rows, run, here):
    assert run(*SUPERRES, *QUICK, "--out", "made.png")[0] == 0
    (original, *_), _, bicubic, result = rows()
    facts = sidecar(here / "made.json")
    assert original == "original"
    assert bicubic[2] == [f"{facts['bicubic']['psnr'][0]:.1f} dB"]
    assert result == ("result", 1, [f"{facts['result']['psnr'][0]:.1f} dB"])


def test_one_image_to_many_classes_is_one_row(rows, run, here, other_bundle):
    words = ("translate", "--images", "photo.png", "--classes", "cat", "dog", "ship", *QUICK, "--eps", "2")
    assert run(*words, "--out", "made.png")[0] == 0
    assert rows() == [("", 4, ["original", "cat", "dog", "ship"])]
    assert run(*words, "--beside", other_bundle, "--out", "two.png")[0] == 0
    assert [row[0] for row in rows()] == ["tiny-0.5", "tiny-standard"]
    assert run(*words, "--out", "folder")[0] == 0
    assert [image["label"] for image in sidecar(here / "folder" / "descent.json")["images"]] == [0, 1, 2]


def test_an_image_is_filled_with_several_seeds_that_differ(rows, run, here):
    words = (*COMMAND_LINES["inpaint"], *QUICK, "--seeds", "2")
    assert run(*words, "--out", "made.png")[0] == 0
    assert rows() == [("", 4, ["original", "hole", "seed 1", "seed 2"])] * 2
    assert run(*words, "--out", "made")[0] == 0
    one, other, last = (read_image(here / "made" / f"{number:04d}.png") for number in (0, 1, 3))
    assert (one != other).any()
    assert (one == other).float().mean() > 0.8  # but for the hole
    assert (one == last).float().mean() < 0.5
    assert sidecar(here / "made" / "descent.json")["recipe"]["variety"] == 0.1


def test_generate_shows_what_it_began_with(rows, run, here):
    assert run(*COMMAND_LINES["generate"], *QUICK, "--starts", "--out", "made.png")[0] == 0
    assert [row[:2] for row in rows()] == [("cat, start", 2), ("cat", 2), ("ship, start", 2), ("ship", 2)]


def test_units_have_the_names_that_the_user_gives(rows, run, refused, here, other_bundle):
    words = ("visualize", "--units", "3", "logits:cat", "--seeds", "2", "--steps", "2", "--names", "3", "dog ears")
    assert run(*words, "--out", "made.png")[0] == 0
    assert all(captions[1].startswith("dog ears: ") for _, _, captions in rows())
    facts = sidecar(here / "made.json")["features"]
    assert [fact.get("name") for fact in facts] == ["dog ears", "dog ears", None, None]
    assert run(*words, "--beside", other_bundle, "--out", "two.png")[0] == 0
    assert [captions[1][:3] for _, _, captions in rows()] == ["dog", "dog", "3: ", "3: "]  # a unit of --model has it
    assert "unknown unit '4'" in refused("visualize", "--units", "3", "--names", "4", "ears", "--out", "x.png")


def test_the_middle_of_a_walk_says_how_much_of_both_ends_shines_through(rows, run, here):
    words = ("interpolate", "--images", "photo.png", "photos/0.png", "--intervals", "2", "--steps", "2")
    assert run(*words, "--out", "made.png")[0] == 0
    (value,) = sidecar(here / "made.json")["ghosting"]
    assert [captions for _, _, captions in rows()] == [[], ["", f"ghosting {value:.2f}", ""]]
