"""Per-image data: one row per image, or one row shared by all; and a random generator for each image."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..base.devices import at_once as at_once
from ..base.devices import even_batches as even_batches
from ..base.errors import InputError

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class PerImage:
    """A frozen dataclass whose tensors hold one row for each image, or a single row, or a number, for all of them."""

    def select(self, index: Tensor) -> Self:
        """The same for the images at `index`."""
        return replace(self, **{f.name: select_rows(getattr(self, f.name), index) for f in fields(self) if f.init})

    def to(self, device: torch.device) -> Self:
        """The same with its tensors on `device`, ready for gradients even if they were made in inference mode."""
        return replace(self, **{f.name: _moved(getattr(self, f.name), device) for f in fields(self) if f.init})

    def ready(self, labels: Callable[[Any], Tensor], images: Tensor) -> Self:
        """The same with numbers for names of classes, where `images` are; `InputError` if its rows are not theirs."""
        numbered = self.numbered(labels)
        numbered.check_rows(len(images))
        return numbered.to(images.device)

    def numbered(self, labels: Callable[[Any], Tensor]) -> Self:
        """The same with numbers, as `labels` gives them, where its `label` is the name of a class, or several."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        terms = {name: tuple(part.numbered(labels) if isinstance(part, PerImage) else part for part in value)
                 for name, value in given.items() if type(value) is tuple and name != "label"}  # fmt: skip
        named = isinstance(given.get("label"), Sized) and not isinstance(given["label"], Tensor)
        return replace(self, **terms, **({"label": labels(given["label"])} if named else {}))

    def check_rows(self, count: int) -> None:
        """Raise `InputError` unless every tensor has a row for each of `count` images, or one for all."""
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


def select_rows(values: Any, index: Tensor) -> Any:
    """The rows of the images at `index`; a single row, a number, or what is no tensor is meant for all and stays.

    >>> select_rows(torch.tensor([5, 6, 7]), torch.tensor([2, 0])), select_rows(torch.tensor([5]), torch.tensor([2, 0]))
    (tensor([7, 5]), tensor([5]))
    """
    if isinstance(values, PerImage):
        return values.select(index)
    if type(values) is tuple:
        return tuple(select_rows(value, index) for value in values)
    return (
        values[index.to(values.device)] if isinstance(values, Tensor) and values.ndim and len(values) != 1 else values
    )


def _moved(values: Any, device: torch.device) -> Any:
    if isinstance(values, PerImage):
        return values.to(device)
    if type(values) is tuple:
        return tuple(_moved(value, device) for value in values)
    return (values.clone() if values.is_inference() else values).to(device) if isinstance(values, Tensor) else values


def per_image(values: Any, images: Tensor) -> Any:
    """Shape one value per image, `(N,)`, so that it broadcasts over `images`, `(N, ...)`; other values stay."""
    if isinstance(values, Tensor) and values.ndim == 1:
        return values.to(images.device).reshape(-1, *[1] * (images.ndim - 1))
    return values


def norms(images: Tensor) -> Tensor:
    """The Euclidean norm of each image, `(N, ...) -> (N,)`."""
    return torch.linalg.vector_norm(images, dim=tuple(range(1, images.ndim)))  # flattening would copy channels last


def generators(seed: int, count: int, first: int = 0) -> list[torch.Generator]:
    """One generator for each of `count` images, the first of which is image number `first` of the run."""
    return [torch.Generator().manual_seed((seed * 1_000_003 + first + i) % 2**63) for i in range(count)]


def draw(sample: Callable[..., Tensor], like: Tensor, generators: list[torch.Generator]) -> Tensor:
    """One sample of the shape of each image of `like`, each from its own CPU generator, on `like`'s device.

    Drawn on the CPU so that a seed means the same image on every device.
    """
    return torch.stack([sample(like.shape[1:], generator=g) for g in generators]).to(like)
