"""Where a layer has its images and where its units: networks put both where they like, and no tensor says so itself.

Convolutions make `(N, C, H, W)`, Swin's layers are `(N, H, W, C)`, those of `nn.TransformerEncoderLayer` are
`(T, N, U)` unless it is told otherwise. Everything that reads a layer here has images first, and then

    (N, U)   units,      (N, T, U)   units of tokens,      (N, C, H, W)   channels.

The axis of images is the one whose length is that of the batch: of the batch at hand if it is the first axis and no
other is as long, else in a pass with one image and in one with two. The axis of units is the one along which operations
work that the layer comes from or goes to (`pellucid.core.flow`). Where none tells, the units of tokens come last, and the
channels of images are for the user to say. All of this is looked for when a layer is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..base.errors import InputError
from .flow import Flow
from .frozen import frozen
from .layers import first_tensor


@dataclass(frozen=True)
class Layout:
    """The axis of a layer's images, and that of its units; None where nothing tells."""

    images: int
    units: int | None

    def arranged(self, name: str, values: Tensor, count: int, said: int | None) -> Tensor:
        """The layer's values with images first and units where they belong; `said` is the units' axis by the user.

        Raises:
            InputError: no row for each of `count` images; four axes, and nothing tells which of them is the channels';
                what the user said is no axis of units.
        """
        if values.shape[self.images] != count:
            raise InputError(
                f"layer {name!r} is {tuple(values.shape)} for {count} images; choose one that has a row for each"
            )
        units = self.units if said is None else self._checked(name, values, said)
        others = [axis for axis in range(values.ndim) if axis not in (self.images, units)]
        if values.ndim == 4:
            if units is None:
                raise InputError(
                    f"layer {name!r} is {tuple(values.shape)}, and no operation that makes or reads it tells which "
                    f"axis is the channels'; say so: classifier.unit_axes[{name!r}] = 1, or 3"
                )
            return values.permute(self.images, units, *others)
        return values.permute(self.images, *others, *([] if units is None else [units]))

    def _checked(self, name: str, values: Tensor, said: object) -> int:
        """The axis that the user said, counted from the first."""
        axes = [axis for axis in range(values.ndim) if axis != self.images]
        if isinstance(said, int) and -values.ndim <= said < values.ndim and said % values.ndim in axes:
            return said % values.ndim
        raise InputError(
            f"layer {name!r} is {tuple(values.shape)}, so classifier.unit_axes[{name!r}] must be one of "
            f"{', '.join(map(str, axes))}, not {said!r}"
        )


def pooled_input(head: nn.Module, values: Tensor) -> Tensor:
    """What a head reads as `(N, U)`: averaged over the positions of a linear layer's units, or of channels."""
    if values.ndim > 2 and isinstance(head, nn.Linear):
        return values.flatten(1, -2).mean(1)
    return values.mean((2, 3)) if values.ndim == 4 else values.flatten(1)


@contextmanager
def looking(network: nn.Module, layers: Mapping[str, nn.Module], images: Tensor) -> Iterator[Look]:
    """Within, see in a pass of these images what its operations tell of these layers."""
    look = Look(images)
    with ExitStack() as context:
        for name, module in layers.items():
            context.callback(module.register_forward_hook(look.keep(name)).remove)
        context.enter_context(look.flow)
        yield look


def find_layouts(network: nn.Module, images: Tensor, layers: Mapping[str, nn.Module]) -> dict[str, Layout]:
    """The layouts of those layers that a pass reaches, seen in two passes of the first of the normalized `images`.

    Raises:
        InputError: a layer none of whose axes is the images'.
    """
    looks = []
    with _left_as_it_was(network):
        for batch in _one_and_two(images):
            with looking(network, layers, batch) as look:
                network(batch)
            looks.append(look)
    one, two = looks
    return {
        name: two.layout(name, _images_axis(f"layer {name!r}", one.made[name].shape, two.made[name].shape))
        for name in two.made
    }


def images_axis_of_input(network: nn.Module, module: nn.Module, images: Tensor) -> int:
    """The axis of images of what a module reads, seen in two passes of the first of the normalized `images`.

    Raises:
        InputError: there is none.
    """
    shapes: list[torch.Size] = []

    def keep(module: nn.Module, args: tuple, named: dict) -> None:
        shapes.append(first_tensor(args, named).shape)

    read = []
    with _left_as_it_was(network), module.register_forward_pre_hook(keep, with_kwargs=True):
        for batch in _one_and_two(images):
            network(batch)
            read.append(shapes[-1])
    return _images_axis("the representation", *read)


def _one_and_two(images: Tensor) -> list[Tensor]:
    return [images[:1].detach().repeat(count, 1, 1, 1) for count in (1, 2)]


@contextmanager
def _left_as_it_was(network: nn.Module) -> Iterator[None]:
    """Within, passes of which the network shows nothing after."""
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    with torch.no_grad(), frozen(network):
        try:
            yield
        finally:
            for buffer, was in buffers:
                if not buffer.equal(was):  # of a norm that trains whatever mode it is given
                    buffer.copy_(was)


def _images_axis(what: str, one: torch.Size, two: torch.Size) -> int:
    """The axis of images of something that is of these shapes for one image and for two."""
    same = len(one) == len(two)
    axes = [axis for axis, lengths in enumerate(zip(one, two, strict=True)) if lengths == (1, 2)] if same else []
    if len(axes) != 1:
        raise InputError(
            f"{what} is {tuple(one)} for one image and {tuple(two)} for two: no axis of it is that of "
            "images; choose another layer"
        )
    return axes[0]


@dataclass
class Made:
    """What a layer made: its shape, its place in the flow, and whether it comes from the images."""

    shape: torch.Size
    place: int
    from_images: bool


class Look:
    """What one pass shows of layers, each by its name."""

    def __init__(self, images: Tensor):
        self.images = len(images)
        self.flow = Flow(images)
        self.made: dict[str, Made] = {}

    def plain(self) -> dict[str, Layout]:
        """The layouts of the layers whose first axis, and no other, is as long as the batch."""
        return {
            name: self.layout(name, 0)
            for name, made in self.made.items()
            if made.from_images and made.shape[:1] == (self.images,) and made.shape.count(self.images) == 1
        }

    def layout(self, name: str, images: int) -> Layout:
        """The layout of a layer with this axis of images."""
        made = self.made[name]
        units = self.flow.units(made.place, len(made.shape))
        if units is None and len(made.shape) == 3:
            units = 2
        return Layout(images, None if units == images else units)

    def keep(self, name: str):
        """A forward hook of a layer."""

        def hook(module: nn.Module, args: tuple, output: object) -> None:
            values = output[0] if isinstance(output, (tuple, list)) and output else output
            if isinstance(values, Tensor):  # whatever else it is, reading it says so
                self.made[name] = Made(values.shape, self.flow.place(values), self.flow.comes_from_images(values))

        hook.counted = True  # type: ignore[attr-defined] - it looks at shapes alone; see `pellucid.core.folding`
        return hook
