"""Objectives: what a descent lowers.

An objective maps `(images, activations)` to one loss per image, `(N,)`; lower is better. Objectives add, subtract
and scale, and every term of a sum reads the same `Activations`, so the network runs once a step:

    CrossEntropy(label) + 10 * Outside(mask, original)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import InputError

if TYPE_CHECKING:
    from typing_extensions import Self

    from .classifier import Activations


@dataclass(frozen=True)
class PerImage:
    """A frozen dataclass whose tensor fields hold one row for each image, so that images can leave the batch."""

    def map_tensors(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same with `function` applied to every tensor field."""
        changed = {f.name: _mapped(getattr(self, f.name), function) for f in fields(self)}
        return replace(self, **changed)

    def select(self, index: Tensor) -> Self:
        """The same for the images at `index` (rows of every tensor field that has rows)."""
        return self.map_tensors(lambda t: t[index.to(t.device)] if t.ndim else t)

    def to(self, device: torch.device) -> Self:
        """The same with its tensors on `device`."""
        return self.map_tensors(lambda t: t.to(device))


@dataclass(frozen=True)
class Objective(PerImage):
    """One loss per image. A subclass is a frozen dataclass with `__call__`.

    `layers` names what it reads besides logits and representation. `uses_straight_through` asks for the gradient of
    the representation to pass the last ReLU as if it were the identity (see `Classifier.forward`).
    """

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        """The loss of each image: `(N, C, H, W)` images in [0, 1] to `(N,)`."""
        raise NotImplementedError

    @property
    def layers(self) -> frozenset[str]:
        """The layers it reads."""
        return frozenset()

    @property
    def uses_straight_through(self) -> bool:
        """Whether it wants the straight-through last ReLU."""
        return bool(getattr(self, "straight_through", False))

    def __add__(self, other: Objective) -> Objective:
        return Sum((self, other), (1.0, 1.0))

    def __sub__(self, other: Objective) -> Objective:
        return Sum((self, other), (1.0, -1.0))

    def __mul__(self, weight: float) -> Objective:
        return Sum((self,), (float(weight),))

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1.0


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, PerImage):
        return value.map_tensors(function)
    if isinstance(value, tuple) and value and isinstance(value[0], PerImage):
        return tuple(v.map_tensors(function) for v in value)
    return value


@dataclass(frozen=True)
class Sum(Objective):
    """Σ wᵢ · termᵢ, written `a + 2 * b - c`."""

    terms: tuple[Objective, ...]
    weights: tuple[float, ...]

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        losses = [w * term(images, activations) for w, term in zip(self.weights, self.terms, strict=True)]
        return torch.stack(losses).sum(0)

    def select(self, index: Tensor) -> Objective:
        """The sum of each term's own selection: not every term has a row for each image."""
        return replace(self, terms=tuple(term.select(index) for term in self.terms))

    @property
    def layers(self) -> frozenset[str]:
        return frozenset().union(*(term.layers for term in self.terms))

    @property
    def uses_straight_through(self) -> bool:
        return any(term.uses_straight_through for term in self.terms)


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """-log softmax(logits)[label]: low where the classifier sees `label`, an int or `(N,)` ints.

    Towards a class: `CrossEntropy(label)`. Away from it, as an untargeted attack goes: `-CrossEntropy(label)`.
    """

    label: Tensor | int
    straight_through: bool = False

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        logits = activations.logits
        labels = torch.as_tensor(self.label, device=logits.device).expand(len(logits))
        return F.cross_entropy(logits, labels, reduction="none")


@dataclass(frozen=True)
class Activation(Objective):
    """One activation of a layer, `(N, U)` or `(N, C, H, W)`: a unit or channel, or a direction in its space.

    `unit` is one int for all images or `(N,)` ints; of a spatial layer it is a channel, averaged over positions.
    `direction`, `(U,)`, takes the dot product instead. Lower is better, so what an image is to show is maximized by
    `-Activation(unit=5)`.
    """

    unit: Tensor | int | None = None
    layer: str = "representation"
    direction: Tensor | None = None
    straight_through: bool = False

    def __post_init__(self) -> None:
        if (self.unit is None) == (self.direction is None):
            raise InputError("an Activation takes either a unit or a direction")
        if isinstance(self.direction, Tensor) and self.direction.ndim == 1:
            # One row for all images; with two dimensions there is a row for each.
            object.__setattr__(self, "direction", self.direction[None].expand(1, -1))

    @property
    def layers(self) -> frozenset[str]:
        return frozenset({self.layer})

    def select(self, index: Tensor) -> Self:
        shared = self.direction is not None and len(self.direction) == 1
        return self if shared else super().select(index)

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        values = activations[self.layer]
        if values.ndim == 4:
            values = values.mean((2, 3))
        if self.direction is not None:
            return (values * self.direction.to(values)).sum(1)
        # Only what is known without asking the device: a tensor of units is checked where it is made.
        if isinstance(self.unit, int) and not 0 <= self.unit < values.shape[1]:
            raise InputError(f"layer {self.layer!r} has units 0 to {values.shape[1] - 1}, not {self.unit}")
        units = torch.as_tensor(self.unit, device=values.device).expand(len(values))
        return values.gather(1, units[:, None])[:, 0]


@dataclass(frozen=True)
class Distance(Objective):
    """‖a(x) - target‖₂ / ‖target‖₂ of a layer's activations `a`: eq. 4 of the representations paper.

    `target` holds one row for each image, of the layer's shape. Its loss has no unit: 0 is reached, 1 is as far away
    as the zero vector.
    """

    target: Tensor
    layer: str = "representation"
    straight_through: bool = False

    @property
    def layers(self) -> frozenset[str]:
        return frozenset({self.layer})

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        target = self.target.flatten(1)
        offset = activations[self.layer].flatten(1) - target
        return torch.linalg.vector_norm(offset, dim=1) / torch.linalg.vector_norm(target, dim=1).clamp_min(1e-12)


@dataclass(frozen=True)
class Outside(Objective):
    """mean((x - original)² · (1 - mask)): what changed outside the mask.

    `mask` is `(N, 1, H, W)`, 1 where change is free. The papers write a norm (eq. 3 and 5); their code, and so their
    published weights, use this mean of squares over all pixels and channels.
    """

    mask: Tensor
    original: Tensor

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        return ((images - self.original).square() * (1 - self.mask)).flatten(1).mean(1)
