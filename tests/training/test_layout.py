"""A fault of torch on CPUs: channels-last 1x1 convolutions with a stride and few channels corrupt memory."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from pellucid import Classifier
from pellucid.base.devices import fast_layout

TRAINING = """
import pathlib, sys, torch, pellucid as pl
split = pl.Split(torch.randint(0, 256, (32, 3, 64, 64), dtype=torch.uint8), torch.arange(32) % 2)
recipe = pl.TrainRecipe(arch="preact-8-8", attack=pl.Attack(eps=0.5), epochs=1, batch_size=16)
pl.train(pl.Dataset("noise", split, split, ["a", "b"]), recipe, pathlib.Path(sys.argv[1]), precision="float32")
"""


@pytest.mark.parametrize(
    ("convolution", "last"),
    [
        ((8, 8, 1, 2), False),
        ((3, 32, 1, 2), False),
        ((15, 8, 1, (1, 2)), False),
        ((16, 8, 1, 2), True),
        ((8, 8, 1, 1), True),
        ((8, 8, 3, 2), True),
    ],
)
def test_such_networks_are_kept_out_of_channels_last(convolution, last):
    network = nn.Sequential(nn.Conv2d(3, convolution[0], 3), nn.Conv2d(*convolution))
    assert fast_layout(network) == (torch.channels_last if last else torch.contiguous_format)
    weight = Classifier(nn.Sequential(network, nn.Flatten(), nn.Linear(1, 2))).network[0][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) == last


def test_training_such_a_network_ends_well(tmp_path):
    ended = subprocess.run([sys.executable, "-c", TRAINING, tmp_path], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
