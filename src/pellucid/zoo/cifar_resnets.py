"""The ResNets of 32 px that published checkpoints hold: with convolutions on the shortcuts, or without parameters.

Their modules have the names that those checkpoints use: `conv1`, `bn1`, `layer1.0.conv1`, `shortcut.0`, `linear`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

# Blocks of each stage and whether they are bottlenecks, by depth (He et al. 2016, *Deep Residual Learning*, table 1).
DEPTHS = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
}


class PaddedShortcut(nn.Module):
    """Option A of He et al. 2016, section 3.3: every second pixel, and zeros for the channels that are new."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    def forward(self, values: Tensor) -> Tensor:
        """`(N, inputs, H, W)` to `(N, outputs, H / 2, W / 2)`."""
        return F.pad(values[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class ResidualBlock(nn.Module):
    """Convolutions, each with its norm, beside a shortcut; a ReLU after all but the last, and one after the sum.

    Args:
        inputs: channels that come in.
        width: channels of the 3x3 convolutions; a bottleneck gives out four times as many.
        stride: of the first 3x3 convolution.
        bottleneck: 1x1, 3x3, 1x1 convolutions and not two of 3x3.
        padded: shortcuts of option A, which have no parameters.
    """

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool, padded: bool):
        super().__init__()
        outputs = 4 * width if bottleneck else width
        shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        if not bottleneck:
            shapes = [(inputs, width, 3, stride), (width, outputs, 3, 1)]
        self.convolutions = len(shapes)
        for number, (before, after, side, step) in enumerate(shapes, start=1):
            self.add_module(f"conv{number}", nn.Conv2d(before, after, side, step, side // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(after))
        self.relu = nn.ReLU(inplace=True)
        if stride == 1 and inputs == outputs:
            self.shortcut = nn.Identity()
        elif padded:
            self.shortcut = PaddedShortcut(inputs, outputs)
        else:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, values: Tensor) -> Tensor:
        """`(N, inputs, H, W)` to `(N, outputs, H / stride, W / stride)`."""
        carried = self.shortcut(values)
        for number in range(1, self.convolutions + 1):
            values = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(values))
            if number < self.convolutions:
                values = self.relu(values)
        return self.relu(values + carried)


class SmallImageResNet(nn.Module):
    """A 3x3 stem, stages of residual blocks that halve the resolution from the second on, the mean, a linear layer.

    Args:
        widths: width of each stage's blocks; the stem has the first.
        depths: blocks of each stage.
        classes: how many logits.
        bottleneck, padded: see `ResidualBlock`.
    """

    def __init__(self, widths: list[int], depths: list[int], classes: int, bottleneck: bool, padded: bool):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.stages = len(widths)
        inputs = widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            blocks = []
            for position in range(depth):
                stride = 2 if number > 1 and position == 0 else 1
                blocks.append(ResidualBlock(inputs, width, stride, bottleneck, padded))
                inputs = 4 * width if bottleneck else width
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.linear = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Normalized `(N, 3, H, W)` to logits `(N, classes)`."""
        values = self.relu(self.bn1(self.conv1(images)))
        for number in range(1, self.stages + 1):
            values = getattr(self, f"layer{number}")(values)
        return self.linear(values.mean((2, 3)))


def wide_stage_resnet(depth: int, classes: int) -> SmallImageResNet:
    """ResNet-18 to -152 with the widths of ImageNet's and a stem for small images."""
    depths, bottleneck = DEPTHS[depth]
    return SmallImageResNet([64, 128, 256, 512], list(depths), classes, bottleneck, padded=False)


def padded_resnet(depth: int, classes: int) -> SmallImageResNet:
    """ResNet-20, -32, -44, ... of He et al. 2016, section 4.2: depth 6n + 2, widths 16, 32 and 64, option A."""
    return SmallImageResNet([16, 32, 64], [(depth - 2) // 6] * 3, classes, bottleneck=False, padded=True)
