"""Checkpoints that several tests of the zoo use."""

import torch
from helpers import images, shake_norms

from pellucid import ConvertRecipe
from pellucid.zoo.networks import build

MEAN, STD = (0.4717, 0.4499, 0.3837), (0.26, 0.2516, 0.2575)
GIVEN = ConvertRecipe(mean=MEAN, std=STD)


def made(arch, classes=10):
    """A network whose weights are the same in every test."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return shake_norms(build(arch, classes)).eval()


def named(prefix, state):
    return {prefix + name: value for name, value in state.items()}


def normalization(mean="mean", std="std", values=(MEAN, STD)):
    return dict(zip((mean, std), (torch.tensor(v).reshape(3, 1, 1) for v in values), strict=True))


def by_madry(state, wrapped=""):
    """What the robustness library saves: everything twice, and the normalization too."""
    twice = named(f"module.model.{wrapped}", state)
    twice |= {name: value.clone() for name, value in named(f"module.attacker.model.{wrapped}", state).items()}
    found = normalization("module.normalizer.new_mean", "module.normalizer.new_std")
    return twice | found | normalization("module.attacker.normalize.new_mean", "module.attacker.normalize.new_std")


@torch.no_grad()
def assert_same(classifier, network, size=32):
    """The classifier says what the network says of images that are normalized with MEAN and STD."""
    batch = images(2, size)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (MEAN, STD))
    expected = network((batch - mean) / std)
    assert expected.std() > 0.01
    assert torch.allclose(classifier.logits(batch), expected, atol=1e-5, rtol=1e-5)
