"""Pictures whose style can be told by statistics, and a small network to tell it."""

import math
from dataclasses import replace

import torch

from pellucid import Classifier, StylizeRecipe
from pellucid.style.prepare import prepare
from pellucid.style.stylize import make_reader
from pellucid.zoo.networks import build

FAST = StylizeRecipe(evaluations=12, smallest=32, style_layers=("stem", "stage1"), content_layers=("stage1",))


def preact(arch="preact-8-12", seed=0, mean=0.5, std=0.25):
    """A classifier of 32 px with random weights and the layers stem, stage1, ..."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(build(arch, 2).eval(), [mean] * 3, [std] * 3, card={"size": 32})


def stripes(period, height=32, width=40, colors=((0.9, 0.3, 0.2), (0.1, 0.2, 0.6))):
    """A picture of diagonal stripes: a style that statistics can tell."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    share = 0.5 + 0.5 * torch.sin(2 * math.pi * (x + y) / period)
    first, second = (torch.tensor(color)[:, None, None] for color in colors)
    return (share * first + (1 - share) * second)[None]


def scene(height=32, width=40):
    """A picture of a bright disk on a dark slope."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    disk = ((x.square() + y.square()) < 0.3).float()
    return (0.25 + 0.1 * y + 0.5 * disk).expand(1, 3, height, width).contiguous()


CONTENT, STYLE = scene(), stripes(6)


def judged(network, image, style=STYLE, **changes):
    """Style and content loss of an image, each relative: 1 is the content's own style, and no content at all."""
    recipe = replace(FAST, content_weight=1.0, **changes)
    losses, _ = prepare(make_reader(network, network, recipe), CONTENT, [style], recipe, [1.0], [None])(image)
    return losses.style, losses.content
