"""The presets of 2019 on networks of their own kinds, against the published procedure written out in plain PyTorch."""

from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from helpers import shake_norms
from torch import nn
from torchvision.transforms import Resize

from pellucid import Classifier, stylize
from pellucid.style.pyramid import resized, scales, with_shorter_side
from pellucid.style.recipe import PRESETS
from pellucid.zoo.networks import build

SIDE, EVALUATIONS, SEED = 48, 4, 3


def network(arch):
    """Random weights, and batch norms whose statistics are those of real passes."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        with torch.device("meta"):  # a VGG's own head alone has 120 million weights
            made = build(arch, 2)
            if hasattr(made, "classifier"):
                made.classifier = nn.Linear(512 * 7 * 7, 2)
        made.to_empty(device="cpu")
        for module in made.modules():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
                module.reset_parameters()
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        for module in shake_norms(made).modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None  # the plain mean over passes
                module.reset_running_stats()
        made.train()
        for _ in range(2):
            made(torch.randn(2, 3, 64, 64))
    return Classifier(made.eval(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), card={"size": 64})


def picture(seed, height, width):
    """Blobs of color with a little noise."""
    generator = torch.Generator().manual_seed(seed)
    blobs = resized(torch.rand(1, 3, 6, 8, generator=generator), (height, width))
    return (blobs + 0.1 * torch.randn(1, 3, height, width, generator=generator)).clamp(0, 1)


CONTENT, STYLE = picture(0, SIDE, 64), picture(1, 56, SIDE)


# What was published, without anything of ours


def normalized(images):
    """By Restricted ImageNet's statistics, whatever the network was trained with."""
    mean, std = (0.4717, 0.4499, 0.3837), (0.2600, 0.2516, 0.2575)
    return (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def straight_relu(values):
    """ReLU forward, identity backward."""
    return values + (values.relu() - values).detach()


def resnet_layers(resnet, images):
    """Outputs of the four stages, after their last ReLU; that of the fourth lets the whole gradient through."""
    values = resnet.maxpool(resnet.bn1(resnet.conv1(normalized(images))).relu())
    found = []
    for stage in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
        for block in stage:
            branch = block.bn1(block.conv1(values)).relu()
            branch = block.bn2(block.conv2(branch)).relu()
            branch = block.bn3(block.conv3(branch))
            kept = values if block.downsample is None else block.downsample(values)
            relu = straight_relu if block is resnet.layer4[-1] else torch.relu
            values = relu(branch + kept)
        found.append(values)
    return found, found[2]


def vgg_layers(vgg, images):
    """Outputs of the 1st, 3rd, 5th, 9th and 13th convolution, and of the 10th, before their ReLUs; average pooling."""
    values, convolutions = normalized(images), []
    for module in vgg.features:
        if isinstance(module, nn.Conv2d):
            values = module(values)
            convolutions.append(values)
        else:
            values = values.relu() if isinstance(module, nn.ReLU) else F.avg_pool2d(values, 2, 2)
    return [convolutions[number - 1] for number in (1, 3, 5, 9, 13)], convolutions[10 - 1]


def gram(features):
    batch, channels, height, width = features.shape
    rows = features.reshape(batch * channels, height * width)
    return rows @ rows.T / (batch * channels * height * width)


class Enough(Exception):  # noqa: N818
    """The last evaluation is made."""


def published(layers, content, style, start, style_weight, content_weight):
    """Losses (style, content) of every evaluation, and the picture after the step that follows the last."""
    with torch.no_grad():
        grams = [gram(values) for values in layers(style)[0]]
        target = layers(content)[1]
    image, history = start.clone().requires_grad_(), []
    optimizer = torch.optim.LBFGS([image])

    def closure():
        image.data.clamp_(0, 1)
        if len(history) == EVALUATIONS:  # every evaluation counts, not every call of `step`
            raise Enough
        optimizer.zero_grad()
        ours, kept = layers(image)
        style_loss = style_weight * sum(F.mse_loss(gram(a), b) for a, b in zip(ours, grams, strict=True))
        content_loss = content_weight * F.mse_loss(kept, target)
        history.append((style_loss.item(), content_loss.item()))
        (style_loss + content_loss).backward()
        return style_loss + content_loss

    try:
        while True:
            optimizer.step(closure)
    except Enough:
        return history, image.detach()


# The presets


@dataclass(frozen=True)
class Case:
    arch: str
    preset: str
    layers: object
    changes: dict
    rounding: float  # how far from the published picture, as a share of how far that is from the start


# From noise on a ResNet, L-BFGS without a line search magnifies rounding about tenfold with each evaluation.
TEXTURE = {"start": "normal-noise", "content_weight": 0.0, "style_weight": 1e9}
# The lowest weight of the published grid, at which style and content both count. At the preset's 4e6 the walk from
# noise on these weights climbs at the fifth evaluation, and such a leap magnifies rounding too.
VGG = {"start": "normal-noise", "style_weight": 1e4}
CASES = {
    "resnet50": Case("torchvision:resnet50", "distill2019", resnet_layers, {}, 1e-3),
    "resnet50-texture": Case("torchvision:resnet50", "distill2019", resnet_layers, TEXTURE, 0.05),
    "vgg19": Case("torchvision:vgg19", "distill2019-vgg19", vgg_layers, VGG, 1e-3),
}


@pytest.fixture(scope="module")
def networks():
    return {arch: network(arch) for arch in {case.arch for case in CASES.values()}}


@pytest.mark.parametrize("name", CASES)
def test_a_preset_walks_as_published(networks, name):
    case = CASES[name]
    classifier = networks[case.arch]
    recipe = replace(PRESETS[case.preset], size=SIDE, evaluations=EVALUATIONS, **case.changes)
    made = stylize(classifier, CONTENT, [STYLE], recipe, seed=SEED)
    noise = torch.randn(CONTENT.shape, generator=torch.Generator().manual_seed(SEED))
    start = CONTENT if recipe.start == "content" else noise  # N(0, 1), which only the closure clamps
    expected, image = published(
        lambda images: case.layers(classifier.network, images),
        CONTENT, STYLE, start, recipe.style_weight, recipe.content_weight,
    )  # fmt: skip
    found = [(losses.style, losses.content) for losses in made.history[0]]
    assert found[0][0] > 1.3 * found[-1][0]  # it has gone somewhere
    assert torch.allclose(torch.tensor(found), torch.tensor(expected), rtol=1e-3, atol=0)
    image, start = image.clamp(0, 1), start.clamp(0, 1)
    assert (made.images - image).norm() < case.rounding * (image - start).norm()


def test_the_2019_presets_take_one_scale_whatever_the_size():
    for name in ("distill2019", "distill2019-standard", "distill2019-vgg19"):
        for side in (128, 512, 1024):
            assert scales(side, 2 * side, PRESETS[name].smallest) == [(side, 2 * side)]


def test_the_shorter_side_of_content_and_style_is_the_size(networks):
    for height, width in ((100, 60), (60, 90), (77, 77)):
        image = picture(0, height, width)
        assert with_shorter_side(image, SIDE).shape == Resize(SIDE)(image).shape


def test_the_style_is_brought_to_the_size_too(networks):
    """A style of twice the size is the same style."""
    classifier = networks["torchvision:vgg19"]
    recipe = replace(PRESETS["distill2019-vgg19"], size=32, evaluations=1, start="gray")
    large, small = (
        stylize(classifier, CONTENT, [style], recipe).history[0][0].style
        for style in (STYLE, with_shorter_side(STYLE, 32))
    )
    assert large == pytest.approx(small, rel=1e-4)
