"""Networks by name: small-image ResNets of our own, and any of timm's and torchvision's."""

from __future__ import annotations

import re

from torch import Tensor, nn

from ..errors import InputError, unknown

OWN = ("preact-W1-W2-...", "cifar-resnet18", "wrn-DEPTH-WIDTH", "timm:NAME", "torchvision:NAME")


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


class PreActResNet(nn.Module):
    """A pre-activation ResNet with a 3x3 stem for small images; its representation is as wide as its last stage.

    Args:
        widths: channels of each stage; every stage after the first halves the resolution.
        depths: blocks of each stage.
        classes: how many logits.
        stem: channels of the stem, the first stage's if not given.
    """

    def __init__(self, widths: list[int], depths: list[int], classes: int, stem: int | None = None):
        super().__init__()
        stem = stem or widths[0]
        self.stem = nn.Conv2d(3, stem, 3, 1, 1, bias=False)
        before = [stem, *widths[:-1]]
        for number, (inputs, outputs, depth) in enumerate(zip(before, widths, depths, strict=True), start=1):
            first = PreActBlock(inputs, outputs, 1 if number == 1 else 2)
            rest = [PreActBlock(outputs, outputs, 1) for _ in range(depth - 1)]
            self.add_module(f"stage{number}", nn.Sequential(first, *rest))
        self.stages = len(widths)
        self.norm, self.relu = nn.BatchNorm2d(widths[-1]), nn.ReLU(inplace=True)
        self.head = nn.Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Normalized `(N, 3, H, W)` to logits `(N, classes)`."""
        values = self.stem(images)
        for number in range(1, self.stages + 1):
            values = getattr(self, f"stage{number}")(values)
        return self.head(self.relu(self.norm(values)).mean((2, 3)))


def build(arch: str, classes: int) -> nn.Module:
    """A network with fresh weights.

    Args:
        arch: `preact-32-64-128` (a pre-activation ResNet of these widths, one block a stage), `cifar-resnet18`
            (torchvision's with the 3x3 stem of CIFAR and without max pooling), `wrn-28-10` (a Wide ResNet of that
            depth and widening, Zagoruyko and Komodakis 2016), `timm:NAME` or `torchvision:NAME`.
        classes: how many logits.
    """
    if re.fullmatch(r"preact(-[1-9]\d{0,3}){1,6}", arch):
        widths = [int(width) for width in arch.split("-")[1:]]
        return PreActResNet(widths, [1] * len(widths), classes)
    if match := re.fullmatch(r"wrn-(\d{1,3})-(\d{1,2})", arch):
        depth, width = int(match[1]), int(match[2])
        if depth < 10 or (depth - 4) % 6 or not width:
            raise InputError(f"{arch}: a Wide ResNet's depth is 6n + 4 (10, 16, 22, 28, 34, ...)")
        return PreActResNet([16 * width, 32 * width, 64 * width], [(depth - 4) // 6] * 3, classes, stem=16)
    if arch == "cifar-resnet18":
        return _cifar_resnet18(classes)
    library, _, name = arch.partition(":")
    if library == "timm" and name:
        return _from_timm(name, classes)
    if library == "torchvision" and name:
        return _from_torchvision(name, classes)
    raise unknown("architecture", arch, OWN)


def _cifar_resnet18(classes: int) -> nn.Module:
    from torchvision.models import resnet18

    network = resnet18(num_classes=classes)
    network.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    network.add_module("maxpool", nn.Identity())
    return network


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
