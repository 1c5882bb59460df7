"""Momentum: steps along a decaying sum of directions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base.checks import number
from ..core.ball import Ball
from ..core.optimizer import State, Step


@dataclass(frozen=True)
class Momentum:
    """Steps of the given length along a decaying sum of directions:   v ← μ v + g / ‖g‖,   step along -v.

    Directions are summed and not gradients (Dong et al. 2018, there with another norm), so that a step's length means
    the same on every network.
    """

    decay: float = 0.9

    def __post_init__(self) -> None:
        number("momentum", self.decay, 0, 1)

    def step(self, gradient: Tensor, step_size: float | Tensor, ball: Ball, state: State, progress: float) -> Step:
        """The steepest step against the sum of directions."""
        direction = -ball.step(gradient, 1.0)
        velocity = direction if not state else self.decay * state[0] + direction
        return ball.step(velocity, step_size), (velocity,)
