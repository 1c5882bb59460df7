"""`--smooth`, which every command that makes images takes."""

import pytest
from words import COMMAND_LINES, QUICK, sidecar

LINES = {command: (*line, *QUICK) for command, line in COMMAND_LINES.items()} | {
    "invert": ("invert", "--targets", "photo.png", "--steps", "4"),
    "interpolate": ("interpolate", "--images", "photo.png", "photos/0.png", "--intervals", "1", "--steps", "4"),
    "visualize": ("visualize", "--units", "1", "--eps", "2", *QUICK),
    "distance": ("distance", "--images", "photo.png", "--targets", "photos/0.png", "--radii", "1", "--steps", "4"),
}
SMOOTH = ["--smooth", "0.3", "--samples", "2"]


@pytest.mark.parametrize("command", LINES)
def test_a_smoothed_classifier_makes_other_images_and_they_are_repeated(command, run, here):
    for name, flags in (("plain", []), ("smooth", SMOOTH), ("finer", [*SMOOTH, "--samples", "3"])):
        assert run(*LINES[command], *flags, "--out", f"{name}.png")[0] == 0
    assert run("rerun", "smooth.json", "--out", "again.png", model=False)[::2] == (0, "")
    plain, smooth, finer, again = (sidecar(here / f"{name}.json") for name in ("plain", "smooth", "finer", "again"))
    assert len({facts["model_sha256"] for facts in (plain, smooth, finer)}) == 3
    assert smooth["model_sha256"] == again["model_sha256"]
    pictures = [(here / f"{name}.png").read_bytes() for name in ("plain", "smooth", "finer", "again")]
    assert len(set(pictures)) == 3
    assert pictures[1] == pictures[3]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*COMMAND_LINES["generate"], "--smooth", "-1"), "sigma must be positive"),
        ((*COMMAND_LINES["generate"], "--smooth", "0.5", "--samples", "0"), "samples must be a whole number"),
        (("stylize", "--content", "photo.png", "--styles", "photo.png", "--smooth", "0.5"), "leave out --smooth"),
    ],
)
def test_what_cannot_be_smoothed_is_one_line(refused, words, said):
    assert said in refused(*words)


def test_samples_for_a_data_set_are_smoothed_and_others_are_not_mixed_in(run, here):
    words = ("generate", "--count", "1", *QUICK, "--eps", "2")
    assert run(*words, "--out", "plain.npz")[0] == run(*words, *SMOOTH, "--out", "smooth.npz")[0] == 0
    assert (here / "plain.npz").read_bytes() != (here / "smooth.npz").read_bytes()
