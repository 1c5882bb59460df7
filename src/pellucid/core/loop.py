"""The loop of a descent over the images of one split: step after step, and restart after restart."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.devices import Precision
from .ball import Ball, Unbounded, generators, per_image
from .batch import select_rows
from .classifier import Activations, Classifier
from .descent import Descent, Progress
from .folding import Folding
from .objective import Objective
from .optimizer import Optimizer, State
from .parametrize import Parametrization, Pixels
from .schedule import Schedule
from .stop import StopRule

Transform = Callable[[Tensor, list[torch.Generator]], Tensor]
Stop = Callable[[Tensor, Activations], Tensor]


@dataclass
class Loop:
    """The settings of one descent, which are `descend`'s, and its loops: over restarts, and over steps."""

    classifier: Classifier
    objective: Objective
    ball: Ball
    steps: int
    step_size: float | Tensor
    random_start: bool
    keep_best: bool
    stop: Stop | None
    optimizer: Optimizer
    schedule: Schedule
    parametrization: Parametrization
    transforms: tuple[Transform, ...]
    seed: int
    precision: Precision
    compiled: bool
    callback: Callable[[Progress], None] | None
    done: int = 0
    total: int = 0

    def best_of(self, restarts: int, start: Tensor, center: Tensor, index: Tensor) -> Descent:
        """For each image the restart whose loss is lowest."""
        best = self.run(start, center, index, 0)
        for restart in range(1, restarts):
            other = self.run(start, center, index, restart)
            better = (other.loss < best.loss) | best.loss.isnan()
            best = Descent(
                images=torch.where(per_image(better, start), other.images, best.images),
                loss=torch.where(better, other.loss, best.loss),
                history=torch.where(better, other.history, best.history),
                start=start,
                forwards=best.forwards + other.forwards,
                backwards=best.backwards + other.backwards,
                stopped_at=torch.where(better, other.stopped_at, best.stopped_at),
            )
        return best

    def run(self, start: Tensor, center: Tensor, index: Tensor, restart: int) -> Descent:
        """All steps from one starting point of each image of one split.

        `alive` are the rows still in the batch. What a finished image looked like is kept in `final`; where the
        device computes asynchronously, finished images leave only now and then, because that means waiting for it.
        """
        rng = generators(self.seed * 7919 + restart + 1, len(index), first=int(index[0]))
        images = self.ball.select(index).project(start, center)
        if self.random_start:
            images = self.ball.select(index).random(center, rng)
        moving = Moving(
            alive=torch.arange(len(start), device=start.device),
            finished=torch.zeros(len(start), dtype=torch.bool, device=start.device),
            center=center,
            parameter=self.parametrization.encode(images.contiguous(memory_format=torch.channels_last)),
            ball=self.ball.select(index),
            step_size=_rows(self.step_size, index),
            objective=self.objective.select(index),
            stop=self.stop.select(index) if isinstance(self.stop, StopRule) else self.stop,
            rng=rng,
        )
        final, loss = images.clone(), torch.full((len(start),), math.inf, device=start.device)
        history = torch.full((self.steps, len(start)), math.nan, device=start.device)
        stopped_at = torch.full((len(start),), self.steps, device=start.device)
        compact_every = 1 if start.device.type == "cpu" else 10
        forwards = 0
        with ExitStack() as context:
            read = self._read(context)
            for number in range(self.steps):
                images, losses, gradient, stopping = self._evaluate(read, moving, start.shape)
                forwards += 1
                alive, open_ = moving.alive, ~moving.finished
                history[number, alive] = torch.where(open_, losses, math.nan)
                chosen = open_ & (losses < loss[alive]) if self.keep_best else open_
                if stopping is not None:
                    chosen |= open_ & stopping
                    stopped_at[alive] = torch.where(open_ & stopping, number, stopped_at[alive])
                    moving.finished = moving.finished | stopping
                loss[alive] = torch.where(chosen, losses, loss[alive])
                if self.keep_best or stopping is not None:
                    final[alive] = torch.where(per_image(chosen, images), images, final[alive])
                images = self._step(moving, gradient, number, start.shape)
                self.done += 1
                if self.callback is not None:
                    self.callback(Progress(self.done, self.total, index[alive], images, losses))
                if stopping is not None and number % compact_every == 0:
                    moving.leave()
                    if not len(moving.alive):
                        break
        if not self.keep_best and len(moving.alive):
            last = self.parametrization.decode(moving.parameter, _sized(start.shape, moving.alive))
            final[moving.alive] = torch.where(per_image(moving.finished, last), final[moving.alive], last)
        if not isinstance(self.parametrization, Pixels):  # what decodes to exactly 0 or 1 cannot be encoded
            final = self.ball.select(index).project(final, center)
        return Descent(final, loss, history, start, forwards, forwards, stopped_at)

    def _read(self, context: ExitStack) -> Folding[Activations]:
        """The classifier as a function, with the hooks set and, once it is known where, batch norms folded."""
        layers, straight_through = self.objective.layers, self.objective.uses_straight_through
        read = context.enter_context(self.classifier.reading(layers, straight_through))
        return Folding(self.classifier.network, read, self.compiled)

    def _evaluate(self, read: Folding[Activations], moving: Moving, shape: torch.Size):
        """The one forward and the one backward of a step."""
        parameter = moving.parameter.detach().requires_grad_()
        images = self.parametrization.decode(parameter, _sized(shape, moving.alive))
        seen = images
        for transform in self.transforms:
            seen = transform(seen, moving.rng)
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16"):
            activations = read(seen)
        if not self.done:
            self._check(activations)
        losses = moving.objective(images, activations)
        (gradient,) = torch.autograd.grad(losses.sum(), parameter)
        sound = gradient.flatten(1).isfinite().all(1)
        gradient = torch.where(per_image(sound, gradient), gradient, 0)  # such an image stays where it is
        stopping = None if moving.stop is None else moving.stop(images.detach(), _detached(activations))
        return images.detach(), losses.detach(), gradient, stopping

    def _check(self, activations: Activations) -> None:
        """Raise `InputError` for classes and units, of any image of the batch, that the network does not have."""
        self.objective.check(activations)
        if isinstance(self.stop, StopRule):
            self.stop.check(activations)

    def _step(self, moving: Moving, gradient: Tensor, number: int, shape: torch.Size) -> Tensor:
        """Move the parameter, and return the images that it now stands for."""
        step_size = moving.step_size * self.schedule(number / self.steps)
        change, moving.state = self.optimizer.step(gradient, step_size, moving.ball, moving.state)
        parameter = moving.parameter + change
        if isinstance(self.parametrization, Pixels):
            moving.parameter = moving.ball.project(parameter, moving.center)
            return moving.parameter
        images = self.parametrization.decode(parameter, _sized(shape, moving.alive))
        if not isinstance(moving.ball, Unbounded):
            images = moving.ball.project(images, moving.center)
            parameter = self.parametrization.encode(images)
        moving.parameter = parameter
        return images


@dataclass
class Moving:
    """What belongs to the images still in the batch, row by row."""

    alive: Tensor
    finished: Tensor
    center: Tensor
    parameter: Tensor
    ball: Ball
    step_size: float | Tensor
    objective: Objective
    stop: Stop | None
    rng: list[torch.Generator]
    state: State = ()

    def leave(self) -> None:
        """The finished images leave the batch."""
        keep = (~self.finished).nonzero()[:, 0]
        if len(keep) == len(self.alive):
            return
        self.alive, self.finished, self.center = self.alive[keep], self.finished[keep], self.center[keep]
        self.parameter, self.step_size = self.parameter[keep], _rows(self.step_size, keep)
        self.ball, self.objective = self.ball.select(keep), self.objective.select(keep)
        if isinstance(self.stop, StopRule):
            self.stop = self.stop.select(keep)
        self.rng = [self.rng[i] for i in keep.tolist()]
        self.state = tuple(rows[keep] for rows in self.state)


def _rows(values: float | Tensor, index: Tensor) -> float | Tensor:
    return select_rows(values.to(index.device), index) if isinstance(values, Tensor) else values


def _sized(shape: torch.Size, alive: Tensor) -> torch.Size:
    return torch.Size((len(alive), *shape[1:]))


def _detached(activations: Activations) -> Activations:
    layers = {name: values.detach() for name, values in activations.layers.items()}
    return Activations(activations.logits.detach(), activations.representation.detach(), layers)
