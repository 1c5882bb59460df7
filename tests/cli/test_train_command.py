"""Classifiers trained, evaluated and used from the command line."""

import json
import re

import numpy as np
import pytest
import torch
from helpers import PETS, full_disk
from words import QUICK, TRAIN, files, sidecar, stops_after

from pellucid import load_bundle, read_image
from pellucid.training.checkpoint import CHECKPOINT, PREVIOUS, read_checkpoint
from pellucid.zoo.models import fingerprint
from pellucid.zoo.networks import build


def test_a_classifier_is_trained_evaluated_and_used(run, here, data):
    code, out, err = run(*TRAIN, "--epochs", "2", "--attack.eps", "0.2", "--out", "runs/net", model=False)
    assert (code, err) == (0, "")
    assert "runs/net/net.safetensors" in out
    assert "did you mean runs/net/net?" in run("show", "runs/net", model=False)[2]
    names = {"checkpoint.safetensors", "checkpoint-before.safetensors", "metrics.jsonl", "net.safetensors", "net.json"}
    names |= {"examples/epoch-0002.png"}
    assert set(files(here / "runs" / "net")) == names
    classifier = load_bundle("runs/net/net")
    assert classifier.card["threat"] == "l2 eps 0.2"
    assert (classifier.class_names, classifier.size) == (PETS, 8)
    assert classifier.gaussians is not None
    evaluating = (
        "evaluate",
        "--data",
        "data.npz",
        "--model",
        "runs/net/net",
        "--eps",
        "0.1",
        "0.5",
        "--steps",
        "1",
        "5",
    )
    code, out, err = run(*evaluating, "--out", "result.json", model=False)
    assert (code, err) == (0, "")
    facts = sidecar(here / "result.json")
    assert facts["images"] == 12
    assert set(facts["robust"]) == {"0.1", "0.5"}
    assert set(facts["robust"]["0.5"]) == {"pgd-1", "pgd-5"}
    assert facts["model_sha256"] == fingerprint(classifier)
    assert out.splitlines()[0].startswith("12 images ")
    assert f"{100 * facts['clean']:.2f}" in out
    generating = ("generate", "--model", "runs/net/net", *QUICK, "--eps", "1", "--out", "made.png")
    assert run(*generating, model=False)[0] == 0


def test_training_goes_on_exactly_where_it_stopped(run, here, data, monkeypatch):
    assert run(*TRAIN, "--epochs", "2", "--out", "whole", model=False)[0] == 0
    stops_after(monkeypatch, "pellucid.cli.train", "train", 4)
    code, _, err = run(*TRAIN, "--epochs", "2", "--out", "parts", model=False)
    assert (code, err.count("\n"), "--resume" in err) == (130, 1, True)
    assert not (here / "parts" / "parts.safetensors").exists()
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert "holds a run; go on with --resume" in run(*TRAIN, "--epochs", "2", "--out", "parts", model=False)[2]
    assert run(*TRAIN, "--epochs", "2", "--out", "parts", "--resume", model=False)[0] == 0
    assert (here / "parts" / "parts.safetensors").read_bytes() == (here / "whole" / "whole.safetensors").read_bytes()


def test_a_classifier_is_trained_on_noise_and_says_so(run, here, data):
    words = (*TRAIN, "--epochs", "1", "--method", "noise", "--sigma", "0.25", "--out", "runs/net")
    assert run(*words, model=False)[0] == 0
    assert load_bundle("runs/net/net").card["threat"] == "none (Gaussian noise, sigma 0.25)"
    assert "1 forward and 1 backward" in run(*words, "--dry-run", model=False)[1]


def test_a_dry_run_says_what_training_would_cost_and_writes_nothing(run, here, data):
    before = files(here)
    words = ("--epochs", "3", "--attack.eps", "0.2", "--attack.steps", "7", "--dry-run")
    code, out, err = run(*TRAIN, *words, "--out", "net", model=False)
    assert (code, err) == (0, "")
    assert files(here) == before
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    network = build("preact-4-8", 3)
    assert lines["parameters"] == f"{sum(p.numel() for p in network.parameters()):,}"
    assert lines["images"] == "24 in 3 steps an epoch"
    assert lines["passes"] == "8 forward and 8 backward, an image and epoch"
    assert re.fullmatch(r"0 h 0 min for 3 epochs", lines["time"].split(", ")[1])


def test_examples_show_training_images_above_their_worst_neighbors(run, here, data):
    words = ("--epochs", "4", "--attack.eps", "0.5", "--examples-every", "3", "--out", "net")
    assert run(*TRAIN, *words, model=False)[0] == 0
    assert sorted(p.name for p in (here / "net" / "examples").iterdir()) == ["epoch-0003.png", "epoch-0004.png"]
    picture = read_image(here / "net" / "examples" / "epoch-0004.png")
    assert picture.shape[1] / picture.shape[2] == pytest.approx(2 / 8, abs=0.02)


def test_a_preset_is_changed_by_further_flags(run, here, data):
    words = ("--preset", "fast-cifar10", "--epochs", "1", "--out", "net")
    assert run(*TRAIN, *words, model=False)[0] == 0
    recipe = load_bundle("net/net").card["recipe"]
    assert recipe["attack"]["step_size"] == pytest.approx(10 / 255)
    assert (recipe["epochs"], recipe["arch"], recipe["average"]) == (1, "preact-4-8", 0.0)


def test_epochs_go_to_tensorboard_too(run, here, data):
    pytest.importorskip("tensorboard", reason='needs the extra "log"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert run(*TRAIN, "--epochs", "2", "--tensorboard", "--out", "net", model=False)[0] == 0
    events = EventAccumulator(str(here / "net" / "tensorboard")).Reload()
    lines = [json.loads(line) for line in (here / "net" / "metrics.jsonl").read_text().splitlines()]
    losses = [(event.step, event.value) for event in events.Scalars("train_loss")]
    assert losses == [(line["epoch"], pytest.approx(line["train_loss"])) for line in lines]


def test_a_robust_classifier_is_fine_tuned_to_other_classes(run, here, data):
    assert run(*TRAIN, "--epochs", "1", "--attack.eps", "0.2", "--out", "source", model=False)[0] == 0
    words = ("train", "--data", "data.npz", "--start", "source/source", "--epochs", "1", "--batch-size", "8")
    code, _, err = run(*words, "--out", "tuned", "--precision", "float32", model=False)
    assert (code, err) == (0, "")
    assert load_bundle("tuned/tuned").card["arch"] == "preact-4-8"


def test_training_anew_forgets_the_metrics_of_the_run_before(run, here, data):
    assert run(*TRAIN, "--epochs", "2", "--out", "net", model=False)[0] == 0
    assert run(*TRAIN, "--epochs", "1", "--out", "net", "--overwrite", model=False)[0] == 0
    assert len((here / "net" / "metrics.jsonl").read_text().splitlines()) == 1


def test_a_bundle_has_the_very_weights_that_were_trained_and_with_half_half_the_size(run, here, data):
    assert run(*TRAIN, "--epochs", "1", "--out", "full", model=False)[0] == 0
    average = read_checkpoint(here / "full" / CHECKPOINT)[0]["average"]
    read = load_bundle("full/full").network.state_dict()
    assert all(torch.equal(read[name], average[name]) for name in read)
    assert run(*TRAIN, "--epochs", "1", "--out", "half", "--half", model=False)[0] == 0
    assert torch.equal(
        load_bundle("half/half").network.state_dict()["stem.weight"], average["stem.weight"].half().float()
    )
    assert run(*TRAIN, "--epochs", "1", "--out", "half", "--resume", model=False)[0] == 0
    assert (here / "half" / "half.safetensors").read_bytes() == (here / "full" / "full.safetensors").read_bytes()


def test_a_bundle_in_the_folder_of_the_moment_has_its_name(run, here, data, monkeypatch):
    (here / "net").mkdir()
    monkeypatch.chdir(here / "net")
    words = ["../data.npz" if word == "data.npz" else word for word in TRAIN]
    assert run(*words, "--epochs", "1", "--out", ".", model=False)[0] == 0
    assert load_bundle("net").class_names == PETS


def test_a_full_disk_ends_training_in_one_line_with_both_checkpoints_whole(run, here, data):
    assert run(*TRAIN, "--epochs", "1", "--out", "net", model=False)[0] == 0
    before = files(here)
    with full_disk():
        code, out, err = run(*TRAIN, "--epochs", "1", "--out", "net", "--resume", model=False)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"pellucid train: cannot write into .*net: .*File too large.*\n", err)
    assert files(here) == before
    assert [read_checkpoint(here / "net" / name)[1]["epoch"] for name in (CHECKPOINT, PREVIOUS)] == [1, 0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grain", "3"], "grain 3 does not divide 8 x 8"),
        (["--grain", "0"], "grain must be a whole number of at least 1"),
        (["--rank", "0"], "rank must be a whole number of at least 1"),
        (["--size", "11", "--grain", "2"], "grain 2 does not divide 11 x 11"),
    ],
)
def test_gaussians_that_could_not_be_fitted_are_refused_before_the_training(refused, data, words, message):
    assert message in refused(*TRAIN, *words, "--out", "net", model=False)


def test_a_class_without_training_images_is_refused_before_the_training(refused, data):
    np.savez(data, **{**np.load(data), "class_names": np.array([*PETS, "plane"])})
    assert "no training images to fit a Gaussian to in class plane" in refused(*TRAIN, "--out", "net", model=False)


@pytest.mark.parametrize(("size", "grain"), [(8, 2), (9, 3), (11, 1)])
def test_the_usual_grain_divides_the_side(run, here, data, size, grain):
    assert run(*TRAIN, "--epochs", "1", "--size", size, "--out", "net", model=False)[0] == 0
    assert load_bundle("net/net").gaussians.grain == grain
