"""Lowering the loss of one image: L-BFGS or Adam, which go back and halve their step where they diverge.

Pixels stay within [0, 1]. L-BFGS with a line search moves z in x = softclamp(z): its curvature estimates and the strong
Wolfe conditions need a smooth loss, and clamping pixels is not smooth. Adam's steps are clamped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..core.optimizer import Parametrization, Pixels
from .objective import Losses

Evaluate = Callable[[Tensor], tuple[Losses, Tensor]]
Watch = Callable[[Losses, Tensor], None]

EDGE = 1 / 512  # half of an 8-bit step: where pixels of 0 and 1 begin
EXPLODED = 1e4  # times the first loss
# Pixels are bounded, and so is how bad a picture can get: steps that are far too long stay at some ten times the first
# loss. A first step that was too long, or a probe of a line search, is over after a few evaluations.
HIGH, PATIENCE = 2.0, 10  # times the first loss; evaluations in a row


@dataclass(frozen=True)
class SoftClamp:
    """Pixels as what moves, bent near 0 and 1 so that they never get there:

        x = 1 - r exp(-(z - 1 + r) / r)   for z > 1 - r,     x = r exp((z - r) / r)   for z < r,     x = z   in between.

    It is smooth enough for a line search (its slope is continuous), and leaves most pixels as they are; a sigmoid would
    stretch the scale of each pixel differently, from 1/4 to nothing.
    """

    rim: float = 0.05

    def encode(self, images: Tensor) -> Tensor:
        """`(N, C, H, W)` in [0, 1] to what decodes to them; pixels nearer to 0 or 1 than 1/512 are moved there."""
        x, r = images.clamp(EDGE, 1 - EDGE), self.rim
        above, below = 1 - r - r * torch.log((1 - x) / r), r + r * torch.log(x / r)
        return torch.where(x > 1 - r, above, torch.where(x < r, below, x))

    def decode(self, parameter: Tensor, size: torch.Size) -> Tensor:
        """`(N, C, H, W)` to pixels in [0, 1]."""
        z, r = parameter, self.rim
        # Clamped within, so that the branch that is not taken stays finite.
        above = 1 - r * torch.exp(-(z - 1 + r).clamp_min(0) / r)
        below = r * torch.exp((z - r).clamp_max(0) / r)
        return torch.where(z > 1 - r, above, torch.where(z < r, below, z))


@dataclass(frozen=True)
class Moments:
    """What Adam remembers: running means of the gradient and of its square, and for how many steps."""

    mean: Tensor
    square: Tensor
    steps: float

    def resized(self, size: tuple[int, int]) -> Moments:
        """For an image of another size, whose loss is a mean over more pixels: gradients shrink in proportion."""
        share = math.prod(self.mean.shape[2:]) / math.prod(size)
        mean, square = (F.interpolate(t, size, mode="bilinear", align_corners=False) for t in (self.mean, self.square))
        return Moments(mean * share, square * share**2, self.steps)


@dataclass
class Minimum:
    """Where a minimization ended.

    Attributes:
        images: `(1, 3, H, W)` in [0, 1].
        losses: those of the images; None if there was no time to evaluate any.
        history: the losses of every evaluation on the way.
        rollbacks: how often it went back and halved its step.
        interrupted: Ctrl-C ended it early.
    """

    images: Tensor
    losses: Losses | None
    history: list[Losses]
    rollbacks: int = 0
    interrupted: bool = False


class _Spent(Exception):  # noqa: N818 - the end of a budget is no error
    """All evaluations are made."""


class _Diverged(Exception):  # noqa: N818 - it is caught
    """A loss that is not finite, has exploded, or stays high."""


@dataclass
class _Walk:
    """What moves, and what has been seen so far; a call is one evaluation, as torch's optimizers ask for it."""

    evaluate: Evaluate
    parametrization: Parametrization
    start: Tensor
    budget: int
    watch: Watch | None
    history: list[Losses] = field(default_factory=list)
    lowest: Losses | None = None
    high: int = 0

    def __post_init__(self) -> None:
        self.variable = self.parametrization.encode(self.start).detach().clone().requires_grad_()
        self.best = self.variable.detach().clone()

    def __call__(self) -> float:
        if len(self.history) >= self.budget:
            raise _Spent
        images = self.images(self.variable)
        losses, gradient = self.evaluate(images.detach())
        self.history.append(losses)
        if self.watch is not None:
            self.watch(losses, images.detach())
        first = max(abs(self.history[0].total), 1e-8)
        self.high = self.high + 1 if losses.total > HIGH * first else 0
        sound = abs(losses.total) < EXPLODED * first and bool(gradient.isfinite().all())  # NaN is not
        if not sound or self.high == PATIENCE:
            raise _Diverged
        if losses.total < self.lowest_total:
            self.lowest = losses
            self.best.copy_(self.variable.detach())
        self.variable.grad = torch.autograd.grad(images, self.variable, gradient)[0].contiguous()
        return losses.total

    @property
    def lowest_total(self) -> float:
        return math.inf if self.lowest is None else self.lowest.total

    def images(self, variable: Tensor) -> Tensor:
        return self.parametrization.decode(variable, self.start.shape)

    def go_back(self) -> None:
        self.high = 0
        with torch.no_grad():
            self.variable.copy_(self.best)

    def judged(self, variable: Tensor) -> tuple[Tensor, Losses | None]:
        """The picture of a value that a walk ended at, and its losses; or the lowest, if it is worse than the start."""
        with torch.no_grad():
            images, best = (self.images(value).clamp(0, 1) for value in (variable, self.best))
        if self.lowest is None or variable is self.best:
            return best, self.lowest
        try:
            losses, _ = self.evaluate(images)
        except KeyboardInterrupt:
            return best, self.lowest
        return (images, losses) if losses.total <= self.history[0].total else (best, self.lowest)


def minimize(
    evaluate: Evaluate, start: Tensor, optimizer: Minimizer, evaluations: int, watch: Watch | None = None
) -> Minimum:
    """Lower the loss of an image.

    Args:
        evaluate: from a `(1, 3, H, W)` image to its losses and the gradient of their total.
        start: the image to begin with, in [0, 1].
        optimizer: `LBFGS()`, `PlainLBFGS()` or `ImageAdam()`.
        evaluations: how many points `evaluate` is called for on the way, at most. Where the last one is left by a step,
            it is called once more, for where that led.
        watch: called after every evaluation with the losses and the image that has them.

    Raises:
        InputError: the loss of the start is not finite.

    Where a loss is not finite later, is 10,000 times the first one, or over twice the first one for ten evaluations in
    a row, the walk goes on from the lowest point so far, with half the step and no memory. A result with a higher loss
    than the start gives way to the lowest point. Ctrl-C ends the walk, and the result is what there is.

    >>> from pellucid.style.objective import Losses
    >>> to_gray = lambda x: (Losses(float((x - 0.5).square().sum()), 0.0, 0.0, 0.0), 2 * (x - 0.5))
    >>> minimize(to_gray, torch.zeros(1, 3, 1, 1), LBFGS(), 10).images.flatten()
    tensor([0.5000, 0.5000, 0.5000])
    """
    walk = _Walk(evaluate, optimizer.parametrization, start, evaluations, watch)
    found = Minimum(start, None, walk.history)
    step_size = optimizer.step_size
    while True:
        try:
            optimizer.run(walk, step_size)
            break
        except _Spent:
            break
        except KeyboardInterrupt:
            found.interrupted = True
            break
        except _Diverged:
            if not math.isfinite(walk.history[0].total):
                raise InputError("the loss of the start is not finite; try smaller weights, or float32") from None
            walk.go_back()
            step_size, found.rollbacks = step_size / 2, found.rollbacks + 1
    found.images, found.losses = walk.judged(optimizer.result(walk))
    return found


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS with a strong Wolfe line search; the result is the lowest point that was evaluated."""

    step_size: float = 1.0
    memory: int = 20
    parametrization: Parametrization = SoftClamp()

    def run(self, walk: _Walk, step_size: float) -> None:
        """Evaluate until the budget is spent, or no step goes down any more."""
        while True:
            before = walk.lowest_total
            torch.optim.LBFGS(
                [walk.variable], step_size, max_iter=walk.budget, max_eval=2 * walk.budget, history_size=self.memory,
                tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe",
            ).step(walk)  # fmt: skip
            if walk.lowest_total >= before:  # not even a step along the gradient goes down any more
                return

    def result(self, walk: _Walk) -> Tensor:
        """The lowest point."""
        return walk.best


@dataclass(frozen=True)
class PlainLBFGS:
    """L-BFGS as torch has it by default, on pixels that are clamped before each evaluation; the last point counts.

    The clamp is not part of what L-BFGS sees, so its curvature estimates are off wherever it acts. It is here because
    published results were made with it.
    """

    step_size: float = 1.0
    parametrization: Parametrization = Pixels()

    def run(self, walk: _Walk, step_size: float) -> None:
        """Evaluate until the budget is spent."""
        optimizer = torch.optim.LBFGS([walk.variable], lr=step_size)

        def clamped() -> float:
            walk.variable.data.clamp_(0, 1)
            return walk()

        while True:
            optimizer.step(clamped)

    def result(self, walk: _Walk) -> Tensor:
        """The last point."""
        return walk.variable.detach()


@dataclass
class ImageAdam:
    """Adam, whose moments can go on from one scale to the next; its last point counts, or the running average.

    Attributes:
        averaging: decay of the running average of iterates, corrected for its start at zero; 0 for none.
        moments: those to begin with; while it runs, and after, those that it has come to.
    """

    step_size: float = 0.02
    averaging: float = 0.0
    parametrization: Parametrization = Pixels()
    moments: Moments | None = None

    def run(self, walk: _Walk, step_size: float) -> None:
        """Evaluate until the budget is spent."""
        variable = walk.variable
        optimizer = torch.optim.Adam([variable], lr=step_size, betas=(0.9, 0.99))
        if self.moments is not None and walk.history == []:
            optimizer.state[variable] = {
                "step": torch.tensor(self.moments.steps),
                "exp_avg": self.moments.mean.clone(),
                "exp_avg_sq": self.moments.square.clone(),
            }
        self._average, self._weight = torch.zeros_like(variable.detach()), 0.0
        while True:
            walk()
            optimizer.step()
            with torch.no_grad():
                if isinstance(self.parametrization, Pixels):
                    variable.clamp_(0, 1)
                self._average.lerp_(variable, 1 - self.averaging)
            self._weight = self._weight * self.averaging + 1 - self.averaging
            state = optimizer.state[variable]
            self.moments = Moments(state["exp_avg"], state["exp_avg_sq"], float(state["step"]))

    def result(self, walk: _Walk) -> Tensor:
        """The last point, or the average."""
        return self._average / self._weight if self._weight else walk.variable.detach()


Minimizer = LBFGS | PlainLBFGS | ImageAdam
"""How the next point to evaluate follows from the ones before."""
