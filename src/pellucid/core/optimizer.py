"""How a descent steps: what moves (parametrizations), which way (optimizers) and how far (schedules).

An optimizer keeps its memory in tensors with one row for each image, so that finished images can leave the batch, and
no image's steps depend on another's. `Fourier` and `Maco`, which move spectra, are in `data` and `representation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ..base.blur import gaussian_blur
from ..base.errors import InputError, warn
from .ball import Ball, Linf
from .batch import per_image

State = tuple[Tensor, ...]
Step = tuple[Tensor, State]
Schedule = Callable[[float], float]
"""From the share of the run that is done, [0, 1], to what a step's size is multiplied by."""


class Parametrization(Protocol):
    """What moves, and the images that it stands for. Only pixels take steps along the ball; others take Adam's."""

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` images to the parameter `(N, ...)` that decodes to them, as nearly as there is one."""
        ...

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """The parameter to images `(N, C, H, W)` of the given size, in [0, 1]."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The images themselves."""

    def encode(self, images: Tensor) -> Tensor:
        return images

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        return parameter


class Optimizer(Protocol):
    """From the gradient of a step to the change that it asks for."""

    def step(self, gradient: Tensor, step_size: float | Tensor, ball: Ball, state: State, progress: float) -> Step:
        """The change of what moves, `(N, ...)`, and the state for the next step; the first state is `()`.

        `progress` is the share of the steps that are done.
        """
        ...


@dataclass(frozen=True)
class NormalizedGradient:
    """The ball's steepest step of the given length: projected gradient descent as the papers use it.

    >>> from pellucid import L2
    >>> NormalizedGradient().step(torch.tensor([[3.0, 4.0]]), 1.0, L2(8.0), (), 0.0)[0]
    tensor([[-0.6000, -0.8000]])
    """

    def step(self, gradient: Tensor, step_size: float | Tensor, ball: Ball, state: State, progress: float) -> Step:
        """-step_size · g / ‖g‖ in an L2 ball."""
        return ball.step(gradient, step_size), ()


@dataclass(frozen=True)
class Smoothed:
    """Another optimizer's steps along the blurred gradient G_σ ∗ g, where G_σ is a Gaussian of σ pixels.

    Blurring is symmetric and positive, so this is steepest descent in a smoother norm: a Sobolev gradient. A plain
    normalized gradient spends its length on the highest frequencies, which shows as a lattice of dots. Only the path is
    smooth; the ball stays the same. σ falls geometrically from the first of `sigmas` to the last.
    """

    sigmas: tuple[float, float] = (1.0, 1.0)
    optimizer: Optimizer = field(default_factory=NormalizedGradient)

    def sigma(self, progress: float) -> float:
        first, last = self.sigmas
        return first * (last / first) ** progress if first and last else first + (last - first) * progress

    def step(self, gradient: Tensor, step_size: float | Tensor, ball: Ball, state: State, progress: float) -> Step:
        blurred = gaussian_blur(ball.allowed(gradient), self.sigma(progress))  # nothing leaks into a mask
        return self.optimizer.step(blurred, step_size, ball, state, progress)


@dataclass(frozen=True)
class Adam:
    """Adam's steps (Kingma and Ba 2015), for every element on its own; `step_size` is its learning rate."""

    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def step(self, gradient: Tensor, step_size: float | Tensor, ball: Ball, state: State, progress: float) -> Step:
        """-step_size · m / (√v + epsilon), m and v the gradient's running mean and mean square, corrected for bias."""
        if not state:
            count = torch.zeros(len(gradient), device=gradient.device)
            state = (torch.zeros_like(gradient), torch.zeros_like(gradient), count)
        first, second, count = state
        b1, b2 = self.betas
        first = b1 * first + (1 - b1) * gradient
        second = b2 * second + (1 - b2) * gradient.square()
        count = count + 1
        mean = first / per_image(1 - b1**count, gradient)
        power = second / per_image(1 - b2**count, gradient)
        return -per_image(step_size, gradient) * mean / (power.sqrt() + self.epsilon), (first, second, count)


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


def cosine(progress: float) -> float:
    """A half cosine from 1 to 0.

    >>> cosine(0.0), round(cosine(0.5), 6), cosine(1.0)
    (1.0, 0.5, 0.0)
    """
    return 0.5 * (1 + math.cos(math.pi * progress))


def step_length(
    given: float | None, ball: Ball, steps: int, optimizer: Optimizer, schedule: Schedule, centered: bool
) -> float | Tensor:
    """The length of a step: as given, or `2.5 * eps / steps`; warns of steps that cannot lead from center to border."""
    eps = torch.as_tensor(ball.eps)
    if isinstance(ball, Linf) and bool((eps > 1).any()):
        warn(f"an Linf eps of {ball.eps} allows any image; values are in [0, 1]: 8/255, not 8")
    if given is not None and not (0 < given < math.inf):
        raise InputError(f"step_size must be positive, not {given}")
    if isinstance(getattr(optimizer, "optimizer", optimizer), Adam):  # also within `Smoothed`
        return 0.05 if given is None else given
    if given is None:
        if not bool(eps.isfinite().all()):
            raise InputError("a descent in an unbounded ball needs a step_size")
        return 2.5 * ball.eps / steps
    way = given * sum(schedule(number / steps) for number in range(steps))
    if centered and bool((eps.isfinite() & (eps > way * (1 + 1e-6))).any()):
        warn(f"{steps} steps of {given} cannot reach the border of a ball of eps {ball.eps}")
    return given
