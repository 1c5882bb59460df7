"""Adversarial examples of one classifier, tried on another: the matrix, its figure, its command."""

import json

import numpy as np
import pytest
import torch
from evaluation_helpers import SIDE, flat_classifier, gray_split, radii
from helpers import PETS, conv_classifier, forward_batches, pictures
from PIL import Image
from torch import nn

from pellucid import Classifier, InputError, TransferabilityRecipe, transferability
from pellucid.cli.main import main
from pellucid.data.dataset import Split
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.networks import build


def plane_of(classifier):
    layer = classifier.network[1]
    return (layer.weight[1] - layer.weight[0]).detach().double(), float(layer.bias.detach().diff())


def test_between_linear_classifiers_every_rate_is_known():
    """The example of s moves by eps straight at s's plane; on t this changes the margin by eps cos(s, t)."""
    one, other = flat_classifier(0), flat_classifier(1)
    with torch.no_grad():  # somewhat alike
        other.network[1].weight.add_(one.network[1].weight)
        other.network[1].bias.copy_(-0.5 * other.network[1].weight.sum(1))
    split, eps = gray_split(200), 0.15
    made = transferability({"one": one, "other": other}, split, TransferabilityRecipe(eps=eps, batch_size=70))
    models, signs = [one, other], 2 * split.labels - 1
    x = split.images.flatten(1).double() / 255
    for row, source in enumerate(models):
        direction = plane_of(source)[0] / plane_of(source)[0].norm()
        adversarial = x - eps * signs[:, None] * direction
        for column, target in enumerate(models):
            both = (radii(source, split, 2) > 0) & (radii(target, split, 2) > 0)
            plane, bias = plane_of(target)
            wrong = ((adversarial @ plane + bias) * signs < 0) & both
            assert made.counts[row, column] == both.sum()
            assert float(made.rates[row, column]) == pytest.approx(float(wrong.sum() / both.sum()))
    assert 0 < made.rates[0, 1] < made.rates[0, 0] < 1
    assert made.counts[0, 1] < made.counts[0, 0]


def test_the_attack_does_not_stop_at_the_first_success():
    """An example that just crosses the source's own plane would not reach that of a parallel, shifted one."""
    near, far = flat_classifier(), flat_classifier()
    with torch.no_grad():
        plane = near.network[1].weight[1] - near.network[1].weight[0]
        far.network[1].bias[1] += 0.05 * plane.norm()
    split = gray_split(100)
    positive = (radii(near, split, 2) > 0) & (split.labels == 1)
    split = Split(split.images[positive], split.labels[positive])
    eps = float(radii(far, split, 2).max()) * 1.01
    made = transferability({"near": near, "far": far}, split, TransferabilityRecipe(eps=eps))
    assert made.rates.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_classifier_that_is_always_wrong_has_no_rate():
    one, split = flat_classifier(), gray_split()
    split = Split(split.images, one.logits(split.batch(slice(None))[0]).argmax(1))
    wrong = flat_classifier()
    with torch.no_grad():
        wrong.network[1].weight.neg_()
        wrong.network[1].bias.neg_()
    with forward_batches(wrong.network) as passes:
        made = transferability({"one": one, "wrong": wrong}, split)
    assert passes == [1, 40]
    assert made.counts.tolist() == [[40, 0], [0, 0]]
    assert made.to_json()["rates"][0][1] is None


def test_progress_ends_at_one():
    shares = []
    pair = {"a": flat_classifier(0), "b": flat_classifier(1)}
    transferability(pair, gray_split(), TransferabilityRecipe(count=30, batch_size=20), callback=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 5 / 6, 1.0])


# Errors


def named(network, size=None, names=None):
    return Classifier(network, class_names=names, card={"size": size} if size else None)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ((None, None), None, "name two or more"),
        ((4, None), (5, None), "one has 4 classes and other has 5"),
        ((3, ["a", "b", "c"]), (3, ["b", "a", "c"]), "same classes in another order"),
    ],
)
def test_classifiers_that_cannot_be_compared_are_refused(one, other, message):
    models = {
        name: named(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, facts[0] or 2)), names=facts[1])
        for name, facts in (("one", one), ("other", other))
        if facts is not None
    }
    with pytest.raises(InputError, match=message):
        transferability(models, gray_split())


def test_classifiers_of_two_sizes_are_refused():
    pair = {"a": named(conv_classifier().network, 8), "b": named(conv_classifier().network, 16)}
    with pytest.raises(InputError, match=r"a takes 8 px and b takes 16 px; .*take models of one size"):
        transferability(pair, gray_split(size=8, classes=4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"norm": "linf", "eps": 8.0}, "did you mean 8/255"),
        ({"eps": 0.0}, "eps must be positive"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"count": 0}, "count must be a whole number"),
        ({"step_size": -1.0}, "step_size must be positive"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        TransferabilityRecipe(**settings)


# The command


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Two bundles of 8 px and test images."""
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build("preact-4-8", len(PETS))
        save_bundle(Classifier(network, class_names=PETS, card={"arch": "preact-4-8", "size": 8}), f"net{seed}")
    split = pictures(8, 12)
    np.savez(
        "data.npz",
        test_images=split.images.permute(0, 2, 3, 1).numpy(),
        test_labels=split.labels.numpy(),
        class_names=np.array(PETS),
    )
    return tmp_path


COMMAND = ("transferability", "--data", "data.npz", "--steps", "2", "--device", "cpu")


def test_the_command_writes_a_figure_and_its_numbers(here, capsys):
    words = [*COMMAND, "--models", "net0", "net1", "--eps", "8/255", "--norm", "linf", "--out", "made/matrix.png"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert Image.open("made/matrix.png").size[0] > 200
    facts = json.loads((here / "made" / "matrix.json").read_text())
    assert facts["models"] == ["net0", "net1"]
    assert facts["eps"] == 8 / 255
    assert facts["count"] == 12
    assert set(facts["model_sha256"]) == {"net0", "net1"}
    assert (facts["data"], facts["split"]) == ("data", "test")
    assert np.array(facts["counts"]).shape == (2, 2)
    lines = [line.split() for line in out.splitlines() if line.strip(" ─")]
    assert lines[0] == ["made", "on", "net0", "net1"]
    assert [line[0] for line in lines[1:3]] == ["net0", "net1"]
    assert main(words) == 2
    assert "exists; choose another name or say --overwrite" in capsys.readouterr().err


def test_the_command_takes_classes_by_name(here, capsys):
    words = [*COMMAND, "--models", "net0", "net1", "--quiet"]
    assert main([*words, "--out", "one.png"]) == 0
    expected = capsys.readouterr().out
    with np.load("data.npz") as arrays:
        labels, names = 2 - arrays["test_labels"], np.array(PETS[::-1])
        np.savez("moved.npz", **{**arrays, "test_labels": labels, "class_names": names})
    assert main([*words, "--data", "moved.npz", "--out", "two.png"]) == 0
    assert capsys.readouterr() == (expected, "")
    counts = [json.loads((here / name).read_text())["counts"] for name in ("one.json", "two.json")]
    assert counts[0] == counts[1] != [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "net0"], "name two or more"),
        ([], "name two or more"),
        (["--models", "net0", "net0"], "net0 is named twice"),
        (["--models", "net0", "netz"], "unknown model 'netz'"),
        (["--models", "net0", "net1", "--out", "matrix.gif"], "the figure is a .png"),
        (["--models", "net0", "net1", "--eps", "8", "--norm", "linf"], "did you mean 8/255?"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(here, capsys, words, message):
    before = sorted(here.iterdir())
    assert main([*COMMAND, *words]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err
    assert sorted(here.iterdir()) == before
