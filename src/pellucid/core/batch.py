"""What belongs to the images of a batch: tensors with a row for each image, or one row that is meant for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..base.errors import InputError

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class PerImage:
    """A frozen dataclass whose tensor fields hold one row for each image, so that images can leave the batch.

    A tensor without axes, or with a single row, is meant for all images.
    """

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same with `function` applied to every tensor field."""
        changed = {f.name: _mapped(getattr(self, f.name), function) for f in fields(self) if f.init}
        return replace(self, **changed)

    def select(self, index: Tensor) -> Self:
        """The same for the images at `index`."""
        return self.map_tensors(lambda values: select_rows(values, index))

    def to(self, device: torch.device) -> Self:
        """The same with its tensors on `device`."""
        return self.map_tensors(lambda values: values.to(device))

    def check_rows(self, count: int) -> None:
        """Raise `InputError` unless every tensor field has a row for each of `count` images, or one for all."""
        for f in fields(self):
            value = getattr(self, f.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, PerImage):
                    part.check_rows(count)
                elif f.init and isinstance(part, Tensor) and part.ndim and len(part) not in (1, count):
                    raise InputError(
                        f"{type(self).__name__}: {f.name} {tuple(part.shape)} has {len(part)} rows for {count} images; "
                        "give one row for all, or one for each"
                    )


def select_rows(values: Tensor, index: Tensor) -> Tensor:
    """The rows of the images at `index`; what is meant for all images stays as it is.

    >>> select_rows(torch.tensor([5, 6, 7]), torch.tensor([2, 0])), select_rows(torch.tensor([5]), torch.tensor([2, 0]))
    (tensor([7, 5]), tensor([5]))
    """
    return values[index.to(values.device)] if values.ndim and len(values) != 1 else values


def check_shape(name: str, values: Tensor, images: Tensor) -> None:
    """Raise `InputError` unless the rows of `values` are as large as `images`, in all of their channels or in one."""
    channels, *sides = images.shape[1:]
    if values.shape[1:] not in [(channels, *sides), (1, *sides)]:
        given, whole, right = tuple(values.shape[1:]), tuple(images.shape[1:]), (1, *sides)
        raise InputError(f"{name} is {given} for an image of {whole}; give {right} or {whole} for each")


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, PerImage):
        return value.map_tensors(function)
    if isinstance(value, tuple) and value and isinstance(value[0], PerImage):
        return tuple(v.map_tensors(function) for v in value)
    return value
