"""Results repeated from their sidecars, and sidecars that are refused."""

import json

import numpy as np
import pytest
from helpers import images
from words import QUICK, files, sidecar

from pellucid.data.image import write_image


def change(path, **changes):
    path.write_text(json.dumps({**sidecar(path), **changes}))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"command": "generate"}', "[" * 100_000, '{"command": [], "model": 1}']
)
def test_a_file_that_is_no_sidecar_is_refused(refused, here, text):
    (here / "made.json").write_text(text)
    assert "made.json is not a sidecar of pellucid's" in refused("rerun", "made.json", model=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": ["train", "--out", "x"]}, "only generate"),
        ({"command": ["rerun", "made.json"]}, "only generate"),
        ({"command": ["translate", 5]}, "is not a sidecar"),
        ({"model": 5}, "is not a sidecar"),
        ({"inputs": "photo.png"}, "is not a sidecar"),
        ({"inputs": [{"path": "gone.png", "sha256": ""}]}, "the input gone.png is not there any more"),
        ({"inputs": [{"path": "small.png", "sha256": "0" * 64}]}, "the input small.png has changed since"),
        ({"model": "tiny-net"}, "unknown model 'tiny-net'"),
    ],
    ids=str,
)
def test_a_hostile_sidecar_is_refused(refused, result, changes, message):
    change(result, **changes)
    assert message in refused("rerun", "made.json", model=False)


def test_rerun_refuses_inputs_that_changed_and_results_that_exist(refused, result, here):
    (here / "made-rerun.png").write_text("mine")
    assert "made-rerun.png exists" in refused("rerun", "made.json", model=False)
    write_image(here / "photo.png", images(1, size=16, seed=9)[0])
    assert "photo.png has changed since" in refused("rerun", "made.json", "--out", "again.png", model=False)
    assert "is not a file; give the JSON" in refused("rerun", "nothing.json", model=False)


def test_rerun_writes_where_it_is_told_and_nowhere_else(run, here, tiny_bundle):
    words = ("--classes", "cat", "--count", "1", *QUICK, "--eps", "2", "--save_frames", "f.gif", "--out", "made")
    assert run("generate", *words)[0] == 0
    (here / "f.gif").write_text("mine")
    code, _, err = run("rerun", "made", "--out", "again", "--overwrite", model=False)
    assert (code, err) == (0, "")
    assert (here / "f.gif").read_text() == "mine"
    assert set(files(here / "again")) == {"0000.png", "descent.json"}


def test_rerun_warns_of_another_classifier(run, result):
    change(result, model_sha256="0" * 64)
    code, _, err = run("rerun", "made.json", model=False)
    assert code == 0
    assert "is not the classifier that made this; expect other images" in err


@pytest.mark.parametrize("part", ["content_model", "beside"])
def test_rerun_warns_of_another_classifier_for_content_or_beside(run, result, other_bundle, part):
    other = str(other_bundle)
    wrong = {"content_model": other, "content_model_sha256": "0" * 64}
    change(result, **(wrong if part == "content_model" else {"beside": [{"model": other, "model_sha256": "0" * 64}]}))
    code, _, err = run("rerun", "made.json", model=False)
    assert (code, err) == (0, f"warning: {other} is not the classifier that made this; expect other images\n")


def test_rerun_makes_no_frames(run, here):
    pictures = ("--content", "photo.png", "--styles", "photos/0.png", "--style-layers", "stem", "stage1")
    few = ("--content-layers", "stage1", "--evaluations", "4", "--save-frames", "way.gif", "--save-every", "2")
    assert run("stylize", *pictures, *few, "--out", "made.png")[0] == 0
    (here / "way.gif").unlink()
    assert run("rerun", "made.json", model=False)[0] == 0
    assert (here / "made-rerun.png").read_bytes() == (here / "made.png").read_bytes()
    assert not (here / "way.gif").exists()


def test_rerun_refuses_a_data_set_that_changed(run, refused, data, here):
    assert run("invert", "--data", "data.npz", "--count", "2", "--steps", "2", "--out", "made.png")[0] == 0
    with np.load("data.npz") as arrays:
        np.savez("data.npz", **{**arrays, "test_images": arrays["test_images"][::-1]})
    assert "the input data.npz has changed since" in refused("rerun", "made.json", model=False)


def test_rerun_refuses_a_folder_of_a_data_set_that_changed(run, refused, here):
    for number, image in enumerate(images(6)):
        write_image(here / "set" / ("train", "test")[number % 2] / "cat" / f"{number}.png", image)
    code, _, err = run("stylize-data", "--data", "set", *STYLIZE_DATA, "--out", "made.npz")
    assert code == 0, err
    assert run("rerun", "made.json", "--out", "again.npz", model=False)[0] == 0
    (here / "set/train/cat/0.png").unlink()
    assert "the data of set have changed since" in refused("rerun", "made.json", model=False)


FEW = ("--steps", "2")
STYLIZE = ("stylize", "--content", "photo.png", "--styles", "photos/0.png", "--style-layers", "stem",
           "--content-layers", "stage1", "--evaluations", "2")  # fmt: skip
STYLIZE_DATA = ("--style.evaluations", "1", "--style.style-layers", "stem", "--style.content-layers", "stage1")
OTHERS = {
    "invert": ("invert", "--targets", "photo.png", *FEW),
    "interpolate": ("interpolate", "--images", "photo.png", "photos/0.png", "--intervals", "2", *FEW),
    "visualize": ("visualize", "--units", "3", *FEW),
    "activating": ("activating", "--data", "data.npz", "--units", "3", *FEW),
    "manipulate": ("manipulate", "--images", "photo.png", "--units", "3", *FEW),
    "stylize": STYLIZE,
}


@pytest.mark.parametrize("out", ["again", "again.png"])
@pytest.mark.parametrize("command", OTHERS)
def test_rerun_writes_a_folder_or_a_file(command, out, run, data, here):
    assert run(*OTHERS[command], "--out", "made.png")[0] == 0
    code, _, err = run("rerun", "made.json", "--out", out, model=False)
    assert (code, err) == (0, "")
    assert (here / out).exists()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("distance", "--images", "photo.png", "--targets", "photos/0.png", *FEW), "made.png"),
        (("stylize-data", "--data", "data.npz", *STYLIZE_DATA), "made.npz"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_rerun_of_what_is_one_file_refuses_a_folder(command, name, run, data, here):
    code, _, err = run(*command, "--out", name)
    assert code == 0, err
    before = files(here)
    code, _, err = run("rerun", "made.json", "--out", "again", model=False)
    assert (code, files(here)) == (2, before)
    assert "not again" in err
    assert run("rerun", "made.json", model=False)[0] == 0
    assert (here / f"made-rerun{name[-4:]}").exists()


def test_an_interrupted_picture_is_not_repeated(run, refused, here):
    assert run(*STYLIZE, "--out", "made.png")[0] == 0
    change(here / "made.json", interrupted=True)
    assert "this stylize was interrupted" in refused("rerun", "made.json", model=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stopped": 0}, "before its first step"),
        ({"stopped": 3, "command": ["sketch"]}, "no --steps"),
        ({"stopped": 3, "command": ["interpolate", "--steps", "9"]}, "was stopped at step 3, and its steps depend"),
    ],
    ids=str,
)
def test_a_stopped_run_that_cannot_be_repeated_is_refused(refused, result, changes, message):
    change(result, **changes)
    assert message in refused("rerun", "made.json", model=False)


def test_a_stopped_run_is_repeated_up_to_there(run, result, here):
    assert run("rerun", "made.json", "--out", "whole.png", model=False)[0] == 0
    change(result, stopped=2)
    assert run("rerun", "made.json", "--out", "part.png", model=False)[0] == 0
    assert sidecar(here / "part.json")["recipe"]["steps"] == 2
    assert (here / "part.png").read_bytes() != (here / "whole.png").read_bytes()


@pytest.mark.parametrize("out", ["", ".", "/"])
def test_rerun_of_a_result_without_a_name_finds_one(run, here, result, out):
    command = sidecar(result)["command"]
    command[command.index("--out") + 1] = out
    change(result, command=command)
    assert run("rerun", "made.json", model=False)[0] == 0
    assert (here / "pellucid-out-rerun" / "0000.png").exists()
