"""Where a layer has its images and where its units: networks put both where they like, and no tensor says so itself.

Convolutions make `(N, C, H, W)`, Swin's layers are `(N, H, W, C)`, those of `nn.TransformerEncoderLayer` are
`(T, N, U)` unless it is told otherwise. Everything that reads a layer here has images first, and then

    (N, U)   units,      (N, T, U)   units of tokens,      (N, C, H, W)   channels.

The axis of images is the one whose length is that of the batch, in a pass with one image and in one with two. The axis
of units is the one along which the modules work that make or read the layer: the second of a convolution, the last of
a linear layer. Where no module tells, positions of a square image are a square, and tokens' units come last. All of
this is looked for once, when a layer is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .errors import InputError
from .frozen import frozen

SECOND = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveAvgPool2d,
)


@dataclass(frozen=True)
class Layout:
    """The axis of a layer's images, and that of its units; None where nothing tells."""

    images: int
    units: int | None

    def arranged(self, name: str, values: Tensor, count: int, units: int | None) -> Tensor:
        """The layer's values with images first and units where they belong; `units` is their axis if a user said so.

        Raises:
            InputError: no row for each of `count` images; four axes, and nothing tells which of them is the channels'.
        """
        if values.shape[self.images] != count:
            raise InputError(
                f"layer {name!r} is {tuple(values.shape)} for {count} images; choose one that has a row for each"
            )
        units = self.units if units is None else units % values.ndim
        others = [axis for axis in range(values.ndim) if axis not in (self.images, units)]
        if values.ndim == 4:
            if units is None:
                raise InputError(
                    f"layer {name!r} is {tuple(values.shape)}, and no module that makes or reads it tells which axis "
                    f"is the channels'; say so: classifier.unit_axes[{name!r}] = 1, or 3"
                )
            return values.permute(self.images, units, *others)
        return values.permute(self.images, *others, *([] if units is None else [units]))


def pooled_input(head: nn.Module, values: Tensor) -> Tensor:
    """What a head reads as `(N, U)`: averaged over the positions of a linear layer's units, or of channels."""
    if values.ndim > 2 and isinstance(head, nn.Linear):
        return values.flatten(1, -2).mean(1)
    return values.mean((2, 3)) if values.ndim == 4 else values.flatten(1)


@contextmanager
def looking(network: nn.Module, layers: Mapping[str, nn.Module], images: Tensor) -> Iterator[Look]:
    """Within, see in a pass of these images what its modules tell of these layers."""
    look = Look(told={images.shape: {1}}, square=images.shape[-1] == images.shape[-2])
    with ExitStack() as hooks:
        if layers:
            for module in network.modules():
                hooks.callback(module.register_forward_hook(look.saw).remove)
        for name, module in layers.items():  # after those that say where their own units are
            hooks.callback(module.register_forward_hook(look.keep(name)).remove)
        yield look


def find_layouts(network: nn.Module, images: Tensor, layers: Mapping[str, nn.Module]) -> dict[str, Layout]:
    """The layouts of those layers that a pass reaches, seen in two passes of the first of the normalized `images`.

    Raises:
        InputError: a layer none of whose axes is the images'.
    """
    looks = []
    with torch.no_grad(), frozen(network):
        for count in (1, 2):
            batch = images[:1].detach().repeat(count, 1, 1, 1)
            with looking(network, layers, batch) as look:
                network(batch)
            looks.append(look)
    one, two = looks
    return {name: two.layout(name, _images_axis(name, one.made[name].shape, two.made[name].shape)) for name in two.made}


def _images_axis(name: str, one: torch.Size, two: torch.Size) -> int:
    """The axis of images of a layer that is of these shapes for one image and for two."""
    axes = [axis for axis, lengths in enumerate(zip(one, two, strict=True)) if lengths == (1, 2)]
    if len(axes) != 1:
        raise InputError(
            f"layer {name!r} is {tuple(one)} for one image and {tuple(two)} for two: no axis of it is that of "
            "images; choose another layer"
        )
    return axes[0]


@dataclass
class Look:
    """What one pass shows of layers.

    Attributes:
        made: the layers.
        told: for each shape the axes of units that modules with a tensor of this shape stand for.
        exact: the same for a layer itself, from modules that made or read that very tensor.
        last: the tensor that a module told of last, and its axis.
        square: whether the images are.
    """

    made: dict[str, Tensor] = field(default_factory=dict)
    told: dict[torch.Size, set[int]] = field(default_factory=dict)
    exact: dict[str, set[int]] = field(default_factory=dict)
    last: tuple[Tensor | None, int] = (None, 0)
    square: bool = False

    def plain(self, count: int) -> dict[str, Layout]:
        """The layouts of the layers whose first axis, and no other, is as long as the batch of `count` images."""
        shapes = {name: list(values.shape) for name, values in self.made.items()}
        return {name: self.layout(name, 0) for name, s in shapes.items() if s[:1] == [count] and s.count(count) == 1}

    def layout(self, name: str, images: int) -> Layout:
        """The layout of a layer with this axis of images."""
        shape, units = self.made[name].shape, self.units(name)
        if units is None and len(shape) == 4:  # the positions of a square image are a square
            others = [axis for axis in range(4) if axis != images]
            alone = [axis for axis in others if [shape[other] for other in others].count(shape[axis]) == 1]
            units = alone[0] if self.square and len(alone) == 1 else None
        if units is None and len(shape) == 3:
            units = 2
        return Layout(images, units)

    def units(self, name: str) -> int | None:
        """The axis of a layer's units; None if nothing tells, or what tells does not agree."""
        values = self.made[name]
        for axes in (self.exact.get(name, set()), self.told.get(values.shape, set())):
            if len(axes) == 1:
                return next(iter(axes))
        return None

    def saw(self, module: nn.Module, args: tuple, output: object) -> None:
        """A forward hook of every module."""
        for values in (*args[:1], output):
            if isinstance(values, Tensor) and (axis := _unit_axis(module, values.shape)) is not None:
                self.told.setdefault(values.shape, set()).add(axis)
                for name in [name for name, made in self.made.items() if made is values]:
                    self.exact.setdefault(name, set()).add(axis)
                self.last = (values, axis)

    saw.counted = True  # type: ignore[attr-defined] - it looks at shapes alone; see `pellucid.folding`

    def keep(self, name: str):
        """A forward hook of a layer."""

        def hook(module: nn.Module, args: tuple, output: object) -> None:
            values = output[0] if isinstance(output, tuple) and output else output
            if isinstance(values, Tensor):  # whatever else it is, reading it says so
                self.made[name] = values
                self.exact[name] = {self.last[1]} if self.last[0] is values else set()

        hook.counted = True  # type: ignore[attr-defined]
        return hook


def _unit_axis(module: nn.Module, shape: torch.Size) -> int | None:
    """The axis along which a module has its units, of a tensor of this shape that it makes or reads."""
    last = len(shape) - 1
    if last < 2:
        return None
    if isinstance(module, SECOND):
        return 1
    if isinstance(module, nn.Linear):
        return last
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        axes = [axis for axis in (1, last) if shape[axis] == module.normalized_shape[0]]
        # Some norms of channels are a LayerNorm between two transpositions; PyTorch's own is over the last axis.
        return axes[0] if len(axes) == 1 else last if type(module) is nn.LayerNorm else None
    return None
