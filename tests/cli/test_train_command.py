"""Classifiers trained, evaluated and used from the command line."""

import json
import re

import pytest
from helpers import PETS
from words import QUICK, TRAIN, files, sidecar, stops_after

from pellucid import load_bundle, read_image
from pellucid.zoo.networks import build


def test_a_classifier_is_trained_evaluated_and_used(run, here, data):
    code, out, err = run(*TRAIN, "--epochs", "2", "--attack.eps", "0.2", "--out", "runs/net", model=False)
    assert (code, err) == (0, "")
    assert "runs/net/net.safetensors" in out
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
    assert facts["model_sha256"] == classifier.card["sha256"]
    assert out.splitlines()[0].startswith("12 images, ")
    assert f"{100 * facts['clean']:.2f}" in out
    generating = ("generate", "--model", "runs/net/net", *QUICK, "--eps", "1", "--out", "made.png")
    assert run(*generating, model=False)[0] == 0


def test_training_goes_on_exactly_where_it_stopped(run, here, data, monkeypatch):
    assert run(*TRAIN, "--epochs", "2", "--out", "whole", model=False)[0] == 0
    stops_after(monkeypatch, "pellucid.cli.train", "train", 4)
    code, _, err = run(*TRAIN, "--epochs", "2", "--out", "parts", model=False)
    assert code == 130
    assert len(err.splitlines()) == 1
    assert not (here / "parts" / "parts.safetensors").exists()
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert "holds a run; go on with --resume" in run(*TRAIN, "--epochs", "2", "--out", "parts", model=False)[2]
    assert run(*TRAIN, "--epochs", "2", "--out", "parts", "--resume", model=False)[0] == 0
    assert (here / "parts" / "parts.safetensors").read_bytes() == (here / "whole" / "whole.safetensors").read_bytes()


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
    assert re.match(r"passes +8 an image and epoch", lines["forward"])
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
