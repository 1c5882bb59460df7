"""Objectives, what a descent lowers, and stop rules, when an image is finished.

Objectives add, subtract and scale: `CrossEntropy(label) + 10 * Outside(mask, original)`. Every term reads the same
`Activations`, so the network runs once a step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.checks import check_index, check_weight
from ..base.errors import InputError
from .batch import PerImage, norms
from .reading import Activations


@dataclass(frozen=True)
class Objective(PerImage):
    """One loss per image. A subclass is a frozen dataclass with `__call__`.

    `layers` names what it reads besides logits and representation. `uses_straight_through` asks for the gradient of
    the representation to pass the last ReLUs as if they were the identity (see `Classifier.forward`).
    """

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        """The loss of each image: `(N, C, H, W)` images in [0, 1] to `(N,)`."""
        raise NotImplementedError

    @property
    def layers(self) -> frozenset[str]:
        """The layers it reads."""
        return frozenset({self.layer}) if hasattr(self, "layer") else frozenset()  # type: ignore[attr-defined]

    @property
    def uses_straight_through(self) -> bool:
        """Whether it wants the straight-through last ReLUs."""
        return bool(getattr(self, "straight_through", False))

    @property
    def group_size(self) -> int:
        """How many images in a row stay in one batch, because the loss of each reads the others; mostly 1."""
        return 1

    def check(self, activations: Activations) -> None:
        """Raise `InputError` for a class or a unit that does not exist, or for numbers that are not finite.

        Done once a descent, before the first loss, because reading a tensor waits for its device.
        """

    def __add__(self, other: Objective | Literal[0]) -> Objective:
        if isinstance(other, int) and other == 0:  # which `sum` begins with
            return self
        if not isinstance(other, Objective):
            kind = type(other).__name__
            raise InputError(f"only objectives are added to an objective or subtracted from it, not {kind}")
        return Sum((self, other), (1.0, 1.0))

    __radd__ = __add__

    def __sub__(self, other: Objective) -> Objective:
        return self + (-1.0 * other if isinstance(other, Objective) else other)

    def __mul__(self, weight: float) -> Objective:
        return Sum((self,), (check_weight(weight),))

    __rmul__ = __mul__

    def __truediv__(self, number: float) -> Objective:
        if check_weight(number) == 0:
            raise InputError("an objective cannot be divided by 0")
        return self * (1 / check_weight(number))

    def __neg__(self) -> Objective:
        return self * -1.0


@dataclass(frozen=True)
class Sum(Objective):
    """Σ wᵢ · termᵢ, written `a + 2 * b - c`."""

    terms: tuple[Objective, ...]
    weights: tuple[float, ...]

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        losses = [w * term(images, activations) for w, term in zip(self.weights, self.terms, strict=True)]
        return torch.stack(losses).sum(0)

    def check(self, activations: Activations) -> None:
        for term in self.terms:
            term.check(activations)

    @property
    def layers(self) -> frozenset[str]:
        return frozenset().union(*(term.layers for term in self.terms))

    @property
    def uses_straight_through(self) -> bool:
        return any(term.uses_straight_through for term in self.terms)

    @property
    def group_size(self) -> int:
        return math.lcm(*(term.group_size for term in self.terms))


@dataclass(frozen=True)
class CrossEntropy(Objective):
    """-log softmax(logits)[label]; `-CrossEntropy(label)` is an untargeted attack's.

    `label` is a class's number or name, for all images, or one for each: `(N,)` ints or a list. `descend` takes names.
    """

    label: Tensor | int | str | Sequence[str | int]
    straight_through: bool = False

    def check(self, activations: Activations) -> None:
        if activations.logits.shape[1] == 1:
            raise InputError("cross-entropy compares classes; of one logit z make two: torch.cat([-z, z], 1)")
        check_index("the classifier has classes", self.label, activations.logits.shape[1])

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        logits = activations.logits
        if isinstance(self.label, Sized) and not isinstance(self.label, Tensor):
            raise InputError(f"descend looks up {self.label!r}; without it give numbers, as of classifier.labels(...)")
        labels = torch.as_tensor(self.label, device=logits.device).expand(len(logits))
        return F.cross_entropy(logits, labels, reduction="none")


def pooled(values: Tensor) -> Tensor:
    """A layer's activations as `(N, U)`: channels `(N, C, H, W)` and tokens `(N, T, U)` averaged over their positions.

    >>> pooled(torch.ones(2, 5, 4, 4)).shape, pooled(torch.ones(2, 9, 5)).shape, pooled(torch.ones(2, 5)).shape
    (torch.Size([2, 5]), torch.Size([2, 5]), torch.Size([2, 5]))
    """
    if not 2 <= values.ndim <= 4:
        raise InputError(f"a layer of units, tokens or channels has 2 to 4 axes, not {tuple(values.shape)}")
    if values.ndim == 4:
        return values.mean((2, 3))
    return values.mean(1) if values.ndim == 3 else values


@dataclass(frozen=True)
class Activation(Objective):
    """One activation of a layer: a unit or channel, or a direction in its space.

    `unit` is one int for all images or `(N,)` ints; of a layer with positions it is a channel, averaged over them (see
    `pooled`). `direction`, `(U,)` for all images or `(N, U)`, takes the dot product instead. Lower is better, so what
    an image is to show is maximized by `-Activation(unit=5)`.
    """

    unit: Tensor | int | None = None
    layer: str = "representation"
    direction: Tensor | None = None
    straight_through: bool = False

    def __post_init__(self) -> None:
        if (self.unit is None) == (self.direction is None):
            raise InputError("an Activation takes either a unit or a direction")
        if isinstance(self.direction, Tensor) and self.direction.ndim == 1:  # one row for all images
            object.__setattr__(self, "direction", self.direction[None])

    def check(self, activations: Activations) -> None:
        units = pooled(activations[self.layer]).shape[1]
        if self.unit is not None:
            check_index(f"layer {self.layer!r} has units", self.unit, units)
        if self.direction is None:
            return
        if self.direction.shape[1:] != (units,) or not bool(self.direction.isfinite().all()):
            raise InputError(f"layer {self.layer!r} has {units} units; give a direction of as many finite numbers, "
                             f"not {tuple(self.direction.shape[1:])}")  # fmt: skip

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        values = pooled(activations[self.layer])
        if self.direction is not None:
            return (values * self.direction.to(values)).sum(1)
        return of_unit(values, self.unit)


def of_unit(values: Tensor, unit: Any) -> Tensor:
    """One unit, an int or `(N,)` ints, of each row of `(N, U)` values: `(N,)`."""
    return values.gather(1, torch.as_tensor(unit, device=values.device).expand(len(values))[:, None])[:, 0]


@dataclass(frozen=True)
class Distance(Objective):
    """‖a(x) - target‖₂ / ‖target‖₂ of a layer's activations `a`: eq. 4 of the representations paper.

    `target` holds one row for each image, or one for all, of the layer's shape. Its loss has no unit: 0 is reached, 1
    is as far away as the zero vector.
    """

    target: Tensor
    layer: str = "representation"
    straight_through: bool = False

    def __post_init__(self) -> None:
        if self.target.ndim < 2:
            raise InputError(f"a target is (N, ...), or (1, ...) for all images, not {tuple(self.target.shape)}")

    def check(self, activations: Activations) -> None:
        found, given = tuple(activations[self.layer].shape[1:]), tuple(self.target.shape[1:])
        if math.prod(found) != math.prod(given):
            raise InputError(f"layer {self.layer!r} yields {found} for an image, and the target has {given}")
        if not bool(self.target.isfinite().all()):
            raise InputError("a target must hold finite numbers alone")

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        target = self.target.flatten(1)
        return norms(activations[self.layer].flatten(1) - target) / norms(target).clamp_min(1e-12)


@dataclass(frozen=True)
class StopRule(PerImage):
    """When an image is finished. A subclass is a frozen dataclass with `__call__`."""

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        """Which images are finished: `(N, C, H, W)` images in [0, 1] to `(N,)` bools."""
        raise NotImplementedError

    def check(self, activations: Activations) -> None:
        """Raise `InputError` for a class or a unit that does not exist; done once a descent."""
