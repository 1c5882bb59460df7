"""Networks by name: small-image ResNets of our own, and any of timm's and torchvision's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import Tensor, nn

from ..base.errors import InputError, unknown
from .cifar_resnets import DEPTHS, padded_resnet, wide_stage_resnet

OWN = (
    *(f"{kind}-W1-W2-..." for kind in ("preact", "preact2", "smooth", "smooth2", "smooth4")),
    *("cifar-resnet18", "cifar-resnet20", "madry-cifar-resnet50", "wide_resnet50_4", "wrn-DEPTH-WIDTH"),
    *("timm:NAME", "torchvision:NAME"),
)


class StagedResNet(nn.Module):
    """A stem, stages of pre-activation blocks, a norm and an activation, the mean over positions, a linear head."""

    def __init__(self, stem: nn.Module, stages: Sequence[nn.Module], width: int, act: nn.Module, classes: int):
        super().__init__()
        self.stem = stem
        for number, stage in enumerate(stages, start=1):
            self.add_module(f"stage{number}", stage)
        self.stages = len(stages)
        self.norm, self.act = nn.BatchNorm2d(width), act
        self.head = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Normalized `(N, 3, H, W)` to logits `(N, classes)`."""
        values = self.stem(images)
        for number in range(1, self.stages + 1):
            values = getattr(self, f"stage{number}")(values)
        return self.head(self.act(self.norm(values)).mean((2, 3)))


class PreActBlock(nn.Module):
    """norm, ReLU, 3x3 convolution, twice, beside a shortcut (He et al. 2016, *Identity Mappings*)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """`(N, inputs, H, W)` to `(N, outputs, H / stride, W / stride)`."""
        active = self.relu1(self.norm1(values))
        carried = values if self.shortcut is None else self.shortcut(active)
        return self.conv2(self.relu2(self.norm2(self.conv1(active)))) + carried


class PreActResNet(StagedResNet):
    """A pre-activation ResNet for small images; its representation is as wide as its last stage.

    Args:
        widths: channels of each stage; every stage after the first halves the resolution.
        depths: blocks of each stage.
        classes: how many logits.
        stem: channels of the stem, the first stage's if not given.
        stride: 1 for a 3x3 stem, 2 for a 4x4 stem that halves the resolution. (A kernel that the stride divides: the
            gradient to the image has no checkerboard in it.)
    """

    def __init__(self, widths: list[int], depths: list[int], classes: int, stem: int | None = None, stride: int = 1):
        stem = stem or widths[0]
        first = nn.Conv2d(3, stem, 2 + stride, stride, 1, bias=False)
        stages: list[nn.Module] = []
        for inputs, outputs, depth in zip([stem, *widths[:-1]], widths, depths, strict=True):
            blocks = [PreActBlock(inputs, outputs, 2 if stages else 1)]
            stages.append(nn.Sequential(*blocks, *(PreActBlock(outputs, outputs, 1) for _ in range(depth - 1))))
        super().__init__(first, stages, widths[-1], nn.ReLU(inplace=True), classes)


class SmoothBlock(nn.Module):
    """norm, SiLU, 3x3 convolution, twice, beside a shortcut; a 2 x 2 average after the first SiLU may halve the size.

    A strided convolution or a max pooling sends its gradient to some pixels of every square and not to others, and a
    descent on pixels shows that as a lattice of dots. An average spreads it evenly.
    """

    def __init__(self, inputs: int, outputs: int, halve: bool):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.act1, self.act2 = nn.SiLU(), nn.SiLU()
        self.average = nn.AvgPool2d(2) if halve else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = None if inputs == outputs and not halve else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        """`(N, inputs, H, W)` to `(N, outputs, H, W)`, or half of H and W."""
        active = self.average(self.act1(self.norm1(values)))
        carried = values if self.shortcut is None else self.shortcut(active)
        return self.conv2(self.act2(self.norm2(self.conv1(active)))) + carried


class SmoothResNet(StagedResNet):
    """A pre-activation ResNet whose gradient to the image has no lattice: SiLU, and averages instead of strides.

    Args:
        widths: channels of each stage, of one block; every stage after the first halves the resolution.
        classes: how many logits.
        halvings: how often the stem averages 2 x 2 before the first stage: 0 for 32 px, 1 for 64, 2 for 128. Its
            convolutions have a third of the first stage's width until the last of them.
    """

    def __init__(self, widths: list[int], classes: int, halvings: int = 0):
        channels = [3, *[max(1, widths[0] // 3)] * halvings, widths[0]]
        layers: list[nn.Module] = []
        for number in range(halvings):
            layers.append(nn.Conv2d(channels[number], channels[number + 1], 3, padding=1, bias=False))
            layers += [nn.BatchNorm2d(channels[number + 1]), nn.SiLU(), nn.AvgPool2d(2)]
        stem = nn.Sequential(*layers, nn.Conv2d(channels[-2], channels[-1], 3, padding=1, bias=False))
        pairs = zip([widths[0], *widths[:-1]], widths, strict=True)
        stages = [SmoothBlock(*pair, halve=number > 0) for number, pair in enumerate(pairs)]
        super().__init__(stem, stages, widths[-1], nn.SiLU(), classes)


def build(arch: str, classes: int) -> nn.Module:
    """A network with fresh weights.

    Args:
        arch: `preact-32-64-128` (a pre-activation ResNet of these widths, one block a stage; `preact2-...`
            halves the resolution at once, for 64 px and more), `smooth-32-64-128`, `smooth2-...`, `smooth4-...` (the
            same with SiLU and averages, for 32, 64 and 128 px), `cifar-resnet18`
            (torchvision's with the 3x3 stem of CIFAR and without max pooling), `cifar-resnet20`, `-32`, `-44`, ... (He
            et al. 2016, with shortcuts of option A), `madry-cifar-resnet50`, `-18`, `-34`, `-101`, `-152` (of the
            MadryLab's CIFAR-10 checkpoints), `wide_resnet50_4` (torchvision's code, four times as wide), `wrn-28-10`
            (a Wide ResNet of that depth and widening, Zagoruyko and Komodakis 2016), `timm:NAME` or
            `torchvision:NAME`.
        classes: how many logits.

    Raises:
        InputError: no such name, with the nearest.

    >>> sum(parameter.numel() for parameter in build("cifar-resnet20", 10).parameters())
    269722
    """
    if re.fullmatch(r"preact2?(-[1-9]\d{0,3}){1,6}", arch):
        widths = [int(width) for width in arch.split("-")[1:]]
        return PreActResNet(widths, [1] * len(widths), classes, stride=2 if arch.startswith("preact2") else 1)
    if match := re.fullmatch(r"smooth([24]?)((?:-[1-9]\d{0,3}){1,6})", arch):
        widths = [int(width) for width in match[2].split("-")[1:]]
        return SmoothResNet(widths, classes, halvings={"": 0, "2": 1, "4": 2}[match[1]])
    if match := re.fullmatch(r"wrn-(\d{1,3})-(\d{1,2})", arch):
        depth, width = int(match[1]), int(match[2])
        if depth < 10 or (depth - 4) % 6 or not width:
            raise InputError(f"{arch}: a Wide ResNet's depth is 6n + 4 (10, 16, 22, 28, 34, ...)")
        return PreActResNet([16 * width, 32 * width, 64 * width], [(depth - 4) // 6] * 3, classes, stem=16)
    if arch == "cifar-resnet18":
        return _cifar_resnet18(classes)
    if match := re.fullmatch(r"cifar-resnet(\d{1,3})", arch):
        if int(match[1]) < 8 or (int(match[1]) - 2) % 6:
            raise InputError(f"{arch}: the depth of a ResNet of three stages is 6n + 2 (20, 32, 44, 56, 110, ...)")
        return padded_resnet(int(match[1]), classes)
    if (match := re.fullmatch(r"madry-cifar-resnet(\d{2,3})", arch)) and int(match[1]) in DEPTHS:
        return wide_stage_resnet(int(match[1]), classes)
    if arch == "wide_resnet50_4":
        return _wide_resnet50_4(classes)
    library, _, name = arch.partition(":")
    if library == "timm" and name:
        return _from_timm(name, classes)
    if library == "torchvision" and name:
        return _from_torchvision(name, classes)
    raise unknown("architecture", arch, OWN)


def input_size(arch: str) -> int:
    """The side in pixels of the images that an architecture is made for, as far as its name says.

    >>> input_size("cifar-resnet20"), input_size("torchvision:resnet50")
    (32, 224)
    """
    if arch.startswith("smooth4-"):
        return 128
    if arch.startswith(("preact2-", "smooth2-")):
        return 64
    if "cifar" in arch or arch.startswith(("preact-", "smooth-", "wrn-")):
        return 32
    if arch.startswith("timm:"):
        from timm.models import get_pretrained_cfg

        facts = get_pretrained_cfg(arch.removeprefix("timm:"))
        return facts.input_size[-1] if facts else 224
    return 224


def _cifar_resnet18(classes: int) -> nn.Module:
    from torchvision.models import resnet18

    network = resnet18(num_classes=classes)
    network.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    network.add_module("maxpool", nn.Identity())
    return network


def _wide_resnet50_4(classes: int) -> nn.Module:
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [3, 4, 6, 3], num_classes=classes, width_per_group=256)


def _from_timm(name: str, classes: int) -> nn.Module:
    import timm

    if not timm.is_model(name):
        raise unknown("timm model", name, timm.list_models())
    return timm.create_model(name, num_classes=classes)


def _from_torchvision(name: str, classes: int) -> nn.Module:
    from torchvision import models

    if name not in models.list_models(models):
        raise unknown("torchvision model", name, models.list_models(models))
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return models.get_model(name, weights=None, num_classes=classes, **options)
