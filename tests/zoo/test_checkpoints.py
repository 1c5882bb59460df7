"""Checkpoints as people save them, one a row: how it is made from a network's tensors, and the right answer."""

import pytest
import torch
from torch import nn
from zoo_helpers import GIVEN, MEAN, STD, assert_same, by_madry, made, named, normalization

from pellucid import ConvertRecipe, InputError, convert


@pytest.fixture(scope="module")
def small():
    return made("cifar-resnet20")


def zeros(state):
    return {name: torch.zeros_like(value) for name, value in state.items()}


# The network alone; the user gives the normalization.
NAMES = {
    "nothing around it": lambda s: s,
    "torch.compile": lambda s: named("_orig_mod.", s),
    "a layer compiled alone": lambda s: {n.replace("layer1.", "layer1._orig_mod."): v for n, v in s.items()},
    "Lightning, net": lambda s: named("net.", s),
    "Lightning, model.backbone": lambda s: named("model.backbone.", s),
    "compiled within Lightning": lambda s: named("model._orig_mod.", s),
    "two wrappers": lambda s: named("module.", s),
    "a name of its own": lambda s: named("encoder_q.", s),
    "the copy of the attacker alone": lambda s: named("attacker.model.", s),
    "averaged by torch": lambda s: {"n_averaged": torch.tensor(5), **named("module.", s)},
}
# The normalization is saved with it.
NORMALIZED = {
    "Sequential": lambda s: normalization("0.mean", "0.std") | named("1.", s),
    "compiled Sequential": lambda s: named("_orig_mod.", normalization("0.mean", "0.std") | named("1.", s)),
    "named Sequential": lambda s: normalization("normalize.mean", "normalize.std") | named("model.", s),
    "normalization": lambda s: normalization("normalization.mean", "normalization.std") | s,
    "a list": lambda s: normalization("normalizer.1.new_mean", "normalizer.1.new_std") | s,
    "mu and sigma": lambda s: normalization("mu", "sigma") | s,
    "mu and sigma beside a wrapper": lambda s: normalization("mu", "sigma") | named("model.", s),
    "mu and sigma in Lightning": lambda s: named("net.", normalization("mu", "sigma") | named("model.", s)),
    "data_mean": lambda s: normalization("data_mean", "data_std") | s,
}


def converted(tmp_path, content, recipe=None, name="net.pt"):
    torch.save(content, tmp_path / name)
    return convert(tmp_path / name, recipe)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("row", [*NAMES, *NORMALIZED])
def test_weights_are_found_under_their_prefixes(tmp_path, small, row, prefix):
    state = named(prefix, (NAMES | NORMALIZED)[row](small.state_dict()))
    classifier = converted(tmp_path, {"state_dict": state}, GIVEN if row in NAMES else None)
    assert_same(classifier, small)
    assert classifier.card.get("notes", []) == []


CONTAINERS = {
    **{key: lambda s, key=key: {key: by_madry(s), "epoch": 3, "amp": None} for key in ("model", "state_dict", "net")},
    "nothing": lambda s: by_madry(s),
    "a wrapped network": lambda s: {"model": by_madry(s, "model.")},
    "RobustBench": lambda s: {"model": s, **normalization("mu", "sigma"), "best": torch.tensor(0.9)},
    "two keys": lambda s: {"ema": {"decay": 0.99, "shadow": by_madry(s)}, "epoch": 3},
    "the tutorial's keys": lambda s: {
        "model_state_dict": by_madry(s),
        "optimizer_state_dict": {"state": {0: {"m": s}}},
    },
    "a key of its own": lambda s: {"ema_weights": normalization("mu", "sigma") | s, "losses": {"last": torch.ones(1)}},
}


@pytest.mark.parametrize("row", CONTAINERS)
def test_weights_are_found_within_the_file(tmp_path, small, row):
    assert_same(converted(tmp_path, CONTAINERS[row](small.state_dict())), small)


def test_a_network_is_found_beside_what_it_was_trained_with(tmp_path, small):
    state = named("net.backbone.", small.state_dict()) | {"loss.weight": torch.ones(10), "seen": torch.tensor(3)}
    classifier = converted(tmp_path, {"state_dict": state}, GIVEN)
    assert_same(classifier, small)
    assert "loss.weight, seen" in classifier.card["notes"][0]


SEVERAL = {
    "timm": ("state_dict", "state_dict_ema"),
    "torchvision": ("model", "model_ema"),
    "other": ("net", "ema_state_dict"),
    "DINO": ("student", "teacher"),
}


@pytest.mark.parametrize("row", SEVERAL)
def test_of_several_sets_the_user_chooses_one(tmp_path, small, row):
    first, second = SEVERAL[row]
    content = {first: zeros(small.state_dict()), second: named("module.", small.state_dict()), "epoch": 3}
    with pytest.raises(InputError, match=f"{first}, {second}.*--weights"):
        converted(tmp_path, content, GIVEN)
    recipe = ConvertRecipe(mean=MEAN, std=STD, weights=second)
    classifier = converted(tmp_path, content, recipe)
    assert_same(classifier, small)
    assert classifier.card["source"]["weights"] == second


def caught(tmp_path, content, recipe):
    with pytest.raises(InputError) as error:
        converted(tmp_path, content, recipe)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    return str(error.value)


RESNET20 = {"arch": "cifar-resnet20", "mean": MEAN, "std": STD}
BYTES = {"values": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))}
# How it is made, the recipe, and what the message must name.
REFUSED = {
    "two networks": (
        lambda s: named("encoder_q.", s) | named("encoder_k.", s) | {"queue": torch.ones(4, 4)},
        {"mean": MEAN, "std": STD},
        ["encoder_q, encoder_k"],
    ),
    "no such key": (lambda s: {"model": s}, {"weights": "ema"}, ["'ema'", "model"]),
    "a network, not its weights": (lambda s: [1], {}, ["state_dict"]),
    "no weights": (lambda s: {"epoch": 3}, {}, ["no weights"]),
    "no normalization": (lambda s: s, {}, ["--mean"]),
    "half of a normalization": (lambda s: {"mu": torch.tensor(MEAN), **s}, {}, ["--mean"]),
    "mean in bytes": (lambda s: normalization(**BYTES) | s, {}, ["--mean 0.485 0.456 0.406 --std 0.229 0.224 0.225"]),
    "std of 0": (lambda s: normalization(values=(MEAN, (0.2, 0.0, 0.2))) | s, {}, ["0.0"]),
    "std below 0": (lambda s: normalization(values=(MEAN, (0.2, -0.2, 0.2))) | s, {}, ["-0.2"]),
    "mean of NaN": (lambda s: normalization(values=((0.1, float("nan"), 0.2), STD)) | s, {}, ["nan"]),
    "copies that differ": (
        lambda s: by_madry(s) | {"module.attacker.model.linear.bias": torch.ones(10)},
        {},
        ["linear.bias"],
    ),
    "normalizations that differ": (
        lambda s: by_madry(s) | {"module.attacker.normalize.new_mean": torch.zeros(3, 1, 1)},
        {},
        ["in the mean"],
    ),
    "the first normalization differs": (
        lambda s: {"std": torch.ones(3, 1, 1)} | by_madry(s),
        {},
        ["in the std"],
    ),
    "NaN": (lambda s: s | {"bn1.bias": torch.full((16,), float("nan"))}, RESNET20, ["not finite", "bn1.bias"]),
    "infinity": (lambda s: s | {"bn1.bias": torch.full((16,), float("inf"))}, RESNET20, ["not finite", "bn1.bias"]),
    "another naming": (
        lambda s: {n.replace("linear.", "fc.").replace("bn1.", "norm_1."): v for n, v in s.items()},
        RESNET20,
        ["same order", "norm_1.weight is bn1.weight"],
    ),
    "another depth": (lambda s: s, RESNET20 | {"arch": "cifar-resnet32"}, ["72 missing", "layer1.3.conv1.weight"]),
    "another family": (
        lambda s: s,
        RESNET20 | {"arch": "torchvision:resnet18"},
        ["resnet18", "unexpected"],
    ),
    "another kernel": (
        lambda s: s | {"layer1.0.conv1.weight": torch.ones(16, 16, 5, 5)},
        RESNET20,
        ["layer1.0.conv1.weight: (16, 16, 5, 5), not (16, 16, 3, 3)"],
    ),
    "no known architecture": (lambda s: nn.Linear(3, 2).state_dict(), {}, ["weight (2, 3), bias (2,)", "--arch"]),
    "an unknown architecture": (lambda s: s, RESNET20 | {"arch": "cifar-resnet_20"}, ["'cifar-resnet20'"]),
    "names of other classes": (lambda s: s, RESNET20 | {"classes": "horse2zebra"}, ["2 classes", "10"]),
    "names of no data set": (lambda s: s, RESNET20 | {"classes": "cifar11"}, ["'cifar10'"]),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_converted_is_refused_with_what_would_be_right(tmp_path, small, row):
    make, recipe, named_values = REFUSED[row]
    message = caught(tmp_path, make(small.state_dict()), ConvertRecipe(**recipe))
    assert [value for value in named_values if value not in message] == [], message


RECIPES = {
    "mean in bytes": ({"mean": BYTES["values"][0], "std": BYTES["values"][1]}, "--mean 0.485 0.456 0.406"),
    "std of 0": ({"mean": MEAN, "std": (0.2, 0.0, 0.2)}, "above 0"),
    "mean alone": ({"mean": MEAN}, "mean and std go together"),
    "size of 0": ({"size": 0}, "size"),
    "size beyond all images": ({"size": 5000}, "4096"),
}


@pytest.mark.parametrize("row", RECIPES)
def test_recipes_that_make_no_sense_are_refused(row):
    options, value = RECIPES[row]
    with pytest.raises(InputError, match=value):
        ConvertRecipe(**options)
