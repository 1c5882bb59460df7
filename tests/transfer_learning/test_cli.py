"""`pellucid transfer` as a user runs it."""

import json
import shutil

import numpy as np
import pytest
from helpers import PETS, pictures

from pellucid import write_image
from pellucid.cli.main import main


def command(bundle, *words):
    return ["transfer", "--source", str(bundle), "--data", "data.npz", "--device", "cpu", *words]


def run(bundle, *words):
    return main(command(bundle, *words))


def alike(facts):
    """A result without what differs between two runs that should be the same."""
    return {name: value for name, value in facts.items() if name not in ("seconds", "command")}


def test_the_command_writes_a_result(data_folder, tiny_bundle, capsys):
    assert run(tiny_bundle, "--mode", "fixed", "--seeds", "3", "--out", "made/result.json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "top-1 accuracy" in out
    facts = json.loads((data_folder / "made/result.json").read_text())
    assert facts["data"] == "data"
    assert facts["recipe"]["seeds"] == len(facts["top-1"]) == len(facts["chosen"]) == 3
    low, high = facts["sampling_interval"]
    assert low <= facts["top-1"][0] <= high
    assert len(list((data_folder / "cache/features").iterdir())) == 2
    assert run(tiny_bundle, "--out", "made/result.json") == 2
    assert "exists; choose another name or say --overwrite" in capsys.readouterr().err


def test_fine_tuning_by_the_command(data_folder, tiny_bundle, capsys):
    words = ["--mode", "full", "--seeds", "1", "--lrs", "0.05", "--train.epochs", "1", "--freeze", "stage1"]
    assert run(tiny_bundle, *words, "--train.attack.eps", "0.1", "--out", "full.json") == 0
    facts = json.loads((data_folder / "full.json").read_text())
    assert facts["recipe"]["train"]["attack"]["eps"] == 0.1
    assert facts["chosen"] == [{"lr": 0.05}]


def test_a_result_is_repeated_by_rerun(data_folder, tiny_bundle, capsys, mistaken):
    assert run(tiny_bundle, "--seeds", "1", "--penalties", "0.1", "--cache", "features", "--out", "one.json") == 0
    for path in (data_folder / "features").iterdir():
        path.unlink()
    capsys.readouterr()
    assert main(["rerun", "one.json"]) == 0
    assert capsys.readouterr().err == ""
    one, again = (json.loads((data_folder / name).read_text()) for name in ("one.json", "one-rerun.json"))
    assert alike(one) == alike(again)
    assert [entry["path"] for entry in one["inputs"]] == ["data.npz"]
    assert not list((data_folder / "features").iterdir())  # it writes where it is told, and nowhere else
    with np.load("data.npz") as arrays:
        np.savez("data.npz", **{**arrays, "test_labels": arrays["test_labels"][::-1]})
    assert "the input data.npz has changed since" in mistaken("rerun", "one.json", "--out", "two.json")


def test_a_folder_that_has_changed_is_not_transferred_to_again(data_folder, tiny_bundle, mistaken):
    for part, count, seed in (("train", 30, 0), ("test", 18, 1)):
        split = pictures(16, count, seed)
        for number, (pixels, label) in enumerate(zip(split.images, split.labels.tolist(), strict=True)):
            write_image(data_folder / "photos" / part / PETS[label] / f"{number}.png", pixels.float() / 255)
    words = ["--data", "photos", "--seeds", "1", "--penalties", "0.1"]
    assert run(tiny_bundle, *words, "--out", "one.json") == 0
    assert main(["rerun", "one.json", "--out", "again.json"]) == 0
    for part in ("train", "test"):
        shutil.rmtree(data_folder / "photos" / part / PETS[2])
    assert "the data of photos have changed since" in mistaken("rerun", "one.json", "--out", "two.json")


@pytest.mark.parametrize(
    ("out", "message"),
    [("kept.json", "kept.json will be the card of --save"), ("mine.json", "old.json exists; choose another name")],
)
def test_the_card_of_what_is_kept_takes_no_others_place(data_folder, tiny_bundle, capsys, out, message):
    (data_folder / "old.json").write_text("mine")
    words = ["--mode", "full", "--seeds", "1", "--lrs", "0.05", "--train.epochs", "1", "--out", out]
    assert run(tiny_bundle, *words, "--save", "kept" if out == "kept.json" else "old") == 2
    assert message in capsys.readouterr().err
    assert (data_folder / "old.json").read_text() == "mine"


def test_what_was_trained_can_be_kept_and_measured(data_folder, tiny_bundle, capsys):
    words = ["--mode", "full", "--seeds", "2", "--lrs", "0.05", "--train.epochs", "1", "--train.attack.eps", "0.1"]
    assert run(tiny_bundle, *words, "--save", "kept/pets", "--out", "full.json") == 0
    assert "seed 0: kept/pets.safetensors" in capsys.readouterr().out
    full, card = (json.loads((data_folder / name).read_text()) for name in ("full.json", "kept/pets.json"))
    measuring = ["--data", "data.npz", "--eps", "0.1", "--steps", "1", "--device", "cpu", "--out", "clean.json"]
    assert main(["evaluate", "--model", "kept/pets", *measuring]) == 0
    assert json.loads((data_folder / "clean.json").read_text())["clean"] == pytest.approx(full["top-1"][0], abs=1e-4)
    assert (card["data"], card["threat"], card["start_sha256"]) == ("data", "l2 eps 0.1", full["source_sha256"])
    assert run(tiny_bundle, *words, "--save", "kept/pets") == 2
    assert "kept/pets.safetensors exists; choose another name or say --overwrite" in capsys.readouterr().err


def test_the_papers_way_and_its_known_bugs(data_folder, tiny_bundle):
    words = ["--paper-compat", "--known-bugs.adapting-norms", "--known-bugs.unnormalized",
             "--known-bugs.test-selection", "--known-bugs.best-epoch"]  # fmt: skip
    train = ["--train.epochs", "1", "--seeds", "1"]
    assert run(tiny_bundle, *words, *train, "--out", "paper.json") == 0
    assert json.loads((data_folder / "paper.json").read_text())["recipe"]["known_bugs"] == {
        "unnormalized": True, "adapting_norms": True, "test_selection": True, "best_epoch": True,
    }  # fmt: skip


def test_test_images_that_are_trained_on_are_warned_of_by_the_command(data_folder, tiny_bundle, capsys):
    with np.load("data.npz") as arrays:
        np.savez("leaky.npz", **{**arrays, "test_images": arrays["train_images"][:18]})
    assert run(tiny_bundle, "--data", "leaky.npz", "--seeds", "1") == 0
    assert "warning: 18 of 18 test images of leaky are also training images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", ""], "name the data"),
        (["--data", "nowhere"], "no data at 'nowhere'"),
        (["--data", "paper:caltech100"], "unknown data set of the paper 'caltech100'; did you mean"),
        (["--data", "paper:pets"], "pets is not in data as torchvision lays it out"),
        (["--data", "paper:pets", "--skip-unreadable"], "read as the paper has it, without skip_unreadable"),
        (["--data", "one.npz"], "the target has 1 class; a transfer needs two or more"),
        (["--data", "few.npz"], "validation by 5 folds needs 5 training images of each class; too few: cat (3)"),
        (["--data", "untested.npz"], "untested has no test images"),
        (["--out", "result.txt"], "the result is a .json, not result.txt"),
        (["--size", "32"], "takes images of 16 px, not 32; leave out --size"),
        (["--save", "kept"], "only what is trained can be saved: --mode full, or --paper-compat"),
        (
            ["--mode", "full", "--layer", "nosuchlayer", "--augment", "3"],
            "layer, augment would be ignored in mode full",
        ),
        (["--lrs", "99", "--train.attack.eps", "4"], "lrs, train would be ignored in mode fixed; leave them out"),
        (["--mode", "full", "--train.seed", "77"], "train.seed of a transfer follows from seeds; leave it out"),
        (["--mode", "full", "--freeze", "logits"], "freezing up to logits leaves nothing to train"),
        (["--folds", "1"], "folds must be at least 2"),
        (["--layer", "stage7"], "unknown layer 'stage7'"),
        (["--granularity", "64"], "granularity 64 is above the images' own side, 16"),
        (["--preset", "papre-fixed"], "did you mean 'paper-fixed'"),
        (["--source", "cifar10-l2"], "unknown model 'cifar10-l2'; did you mean"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(data_folder, tiny_bundle, mistaken, words, message):
    assert message in mistaken(*command(tiny_bundle, "--quiet", *words))
