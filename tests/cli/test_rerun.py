"""Results repeated from their sidecars, and sidecars that are refused."""

import json

import pytest
from helpers import images
from words import QUICK, files, sidecar

from pellucid.data.image import write_image


def change(path, **changes):
    path.write_text(json.dumps({**sidecar(path), **changes}))


@pytest.mark.parametrize(
    "text", ["", "no", "[]", "5", "{}", '{"command": "generate"}', "[" * 100_000, '{"command": [], "model": 1}']
)
def test_a_file_that_is_no_sidecar_is_refused(refused, here, text):
    (here / "made.json").write_text(text)
    assert "made.json is not a sidecar of pellucid's" in refused("rerun", "made.json", model=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"command": ["train", "--out", "x"]}, "only generate, inpaint"),
        ({"command": ["rerun", "made.json"]}, "only generate, inpaint"),
        ({"command": ["..cli.train"]}, "only generate, inpaint"),
        ({"command": ["translate", 5]}, "is not a sidecar"),
        ({"command": []}, "is not a sidecar"),
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


@pytest.mark.parametrize("out", ["", ".", "/"])
def test_rerun_of_a_result_without_a_name_finds_one(run, here, result, out):
    command = sidecar(result)["command"]
    command[command.index("--out") + 1] = out
    change(result, command=command)
    assert run("rerun", "made.json", model=False)[0] == 0
    assert (here / "pellucid-out-rerun" / "0000.png").exists()
