"""Move images downhill on one objective, inside one ball: what every task calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_images, positive_int
from ..base.devices import PrecisionChoice, default_modes, pick_precision
from ..base.errors import InputError, warn
from ..base.image import Images
from ..base.processes import team
from ..base.recipes import Settings
from ..base.task import task
from .ball import Ball, Unbounded
from .batch import PerImage, at_once, even_batches, generators, per_image, select_rows
from .classifier import Classifier
from .descent import Descent, Progress, better_of, joined
from .objective import Objective, StopRule
from .optimizer import Adam, NormalizedGradient, Optimizer, Parametrization, Pixels, Schedule, constant, step_length
from .reading import Activations, Reader

Stop = Callable[[Tensor, Activations], Tensor]
Transform = Callable[[Tensor, list[torch.Generator]], Tensor]
Callback = Callable[[Progress], None]


class DescendOptions(Settings, total=False):
    """What a task passes on to `descend`, and the settings of its recipe; words are names that some recipes have."""

    center: Images
    random_start: bool
    restarts: int
    keep_best: bool
    stop: Stop | None
    optimizer: Optimizer | None
    schedule: Schedule | Literal["cosine", "constant"]
    parametrization: Parametrization | Literal["pixels", "fourier", "maco"]
    transforms: Sequence[Transform] | Literal["none", "standard", "crops"]
    precision: PrecisionChoice
    compiled: bool
    batch_size: int | None
    reader: Reader | None


@dataclass(frozen=True)
class Active(PerImage):
    """The active batch: what belongs to the images that still move, and which `rows` of their batch they were."""

    rows: Tensor
    center: Tensor
    parameter: Tensor
    rng: tuple[torch.Generator, ...]
    ball: Ball
    objective: Objective
    stop: Stop | None
    step_size: float | Tensor
    state: tuple[Tensor, ...] = ()

    def select(self, index: Tensor) -> Active:
        return replace(super().select(index), rng=tuple(self.rng[i] for i in index.tolist() if self.rng))


@task()
@default_modes()
def descend(
    classifier: Classifier,
    objective: Objective,
    start: Images,
    *,
    ball: Ball,
    steps: int,
    step_size: float | None = None,
    center: Images | None = None,
    random_start: bool = False,
    restarts: int = 1,
    keep_best: bool = False,
    stop: Stop | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule = constant,
    parametrization: Parametrization | None = None,
    transforms: Sequence[Transform] = (),
    seed: int = 0,
    precision: PrecisionChoice = "float32",
    compiled: bool = False,
    batch_size: int | None = None,
    reader: Reader | None = None,
    callback: Callback | None = None,
) -> Descent:
    """Projected gradient descent on images: x <- project(x + ball.step(∇ objective(x))), `steps` times.

    One forward and one backward to the input a step, on a frozen twin of the network, which itself is not touched.
    No result depends on the rest of the batch.

    Args:
        classifier: what the objective reads.
        objective: one loss per image, lower is better.
        start: tensors `(N, C, H, W)` in [0, 1], arrays, PIL images or paths.
        ball: where the images may go.
        steps: how many steps.
        step_size: the length of a step in the ball's norm; `2.5 * eps / steps` if not given. With `Adam` its learning
            rate (0.05 if not given).
        center: the ball's center, `start` if not given.
        random_start: begin at a random point of the ball.
        restarts: how often to begin, from random points if more than once; the best per image by loss is returned.
        keep_best: return each image's best evaluated point. The last one, after the last step, is not evaluated.
        stop: maps (images, activations) to `(N,)` bools; an image for which it holds leaves the batch as it is. A rule
            with data of its own for each image is a `StopRule`, such as `Misclassified(label)`.
        optimizer: `NormalizedGradient()` (the default on pixels), `Smoothed()`, `Momentum()`, or `Adam()` (on others).
        schedule: what `step_size` is multiplied by, from the share of the steps that are done, such as `cosine`.
        parametrization: `Pixels()` (default), `Fourier()` or `Maco(magnitude)`.
        transforms: applied to the images before the classifier, in order; see `pellucid.data.transforms`.
        seed: of random starts and transforms; each image has its own stream of it.
        precision: "bfloat16" runs the network in autocast, and "auto" does so where it is fast. The ball's arithmetic
            stays in float32.
        compiled: run the network through `torch.compile`; worth its minute of compiling on a GPU.
        batch_size: at most how many images at once; chosen by image size if not given. A batch that does not fit a GPU
            is halved. Images whose losses read each other (`Diversity`) stay together.
        reader: a `classifier.reader` of the objective's layers, to use again while weights change; new by default.
        callback: called after every step with a `Progress`.

    Raises:
        InputError: rows for another number of images, a class or a unit that does not exist, steps or a step size not
            above 0, images outside [0, 1] or not finite, another optimizer than Adam where no pixels move.

    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2))
    >>> from pellucid import Classifier, CrossEntropy, L2
    >>> descent = descend(Classifier(network), CrossEntropy(1), torch.full((4, 3, 1, 1), 0.5), ball=L2(0.1), steps=5)
    >>> descent.images.shape, descent.forwards
    (torch.Size([4, 3, 1, 1]), 5)
    """
    check_classifier(classifier)
    device = classifier.device
    start = check_images(start).to(device)
    center = start if center is None else check_images(center, "center").to(device)
    if center.shape != start.shape:
        raise InputError(f"center is {tuple(center.shape)} and start is {tuple(start.shape)}; give the same shape")
    steps, restarts = positive_int("steps", steps), positive_int("restarts", restarts)
    precision = pick_precision(precision, device)
    moved = parametrization or Pixels()
    optimizer = optimizer or (NormalizedGradient() if isinstance(moved, Pixels) else Adam())
    if not isinstance(moved, Pixels) and not isinstance(optimizer, Adam):
        raise InputError(f"{type(optimizer).__name__} steps on pixels; {type(moved).__name__} takes Adam")
    for part, kind, example in ((objective, Objective, "CrossEntropy(3)"), (ball, Ball, "L2(1.0)")):
        if not isinstance(part, kind):
            raise InputError(f"a {type(part).__name__} is no {kind.__name__}; give one, such as {example} or your own")
    objective, ball = objective.ready(classifier.labels, start), ball.ready(classifier.labels, start)
    stop = stop.ready(classifier.labels, start) if isinstance(stop, StopRule) else stop
    length = step_length(step_size, ball, steps, optimizer, schedule, torch.equal(start, center))
    random_start = random_start or restarts > 1
    if compiled and objective.uses_straight_through:
        raise InputError("straight_through does not go with compiled: its hooks count the calls of a pass")
    read = reader or classifier.reader(objective.layers, objective.uses_straight_through)
    if reader is not None:
        reader.refresh()
        if unread := objective.layers - {"logits", "representation", *reader.layers}:
            raise InputError(f"the reader does not read {', '.join(sorted(unread))}; give classifier.reader(layers)")
    read.run = torch.compile(read.run) if compiled else read.run
    done = total = 0

    def evaluate(batch: Active) -> tuple[Tensor, Tensor, Tensor, Activations]:
        """The one forward and the one backward of a step: images, losses and gradient at the batch's parameter."""
        parameter = batch.parameter.detach().requires_grad_()
        seen = images = moved.decode(parameter, batch.center.shape)
        for transform in transforms:
            seen = transform(seen, list(batch.rng))
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            activations = read(seen)
        if not done:  # classes and units that do not exist, of any image
            objective.check(activations)
            if isinstance(stop, StopRule):
                stop.check(activations)
        losses = batch.objective(images, activations)
        if not losses.requires_grad:
            raise InputError("the loss has no gradient to the images: does the network detach them, or run in no_grad?")
        (gradient,) = torch.autograd.grad(losses.sum(), parameter)
        gradient = gradient.nan_to_num(0, 0, 0)  # without one a value stays where it is
        return images.detach(), losses.detach(), gradient, activations.detach()

    def move(batch: Active, gradient: Tensor, progress: float) -> tuple[Active, Tensor]:
        """The batch after a step, and its images."""
        size = batch.step_size * schedule(progress)
        change, state = optimizer.step(gradient, size, batch.ball, batch.state, progress)
        parameter = batch.parameter + change
        images = moved.decode(parameter, batch.center.shape)
        if isinstance(moved, Pixels) or not isinstance(batch.ball, Unbounded):
            images = batch.ball.project(images, batch.center)
            parameter = moved.encode(images)
        return replace(batch, parameter=parameter, state=state), images

    def run(index: Tensor, restart: int) -> Descent:
        """The loop: all steps of the images at `index`."""
        nonlocal done
        drawn = len(index) if random_start or transforms else 0
        rng = generators(seed * 7919 + restart + 1, drawn, first=int(index[0]))
        own, around = ball.select(index), center[index].contiguous(memory_format=torch.channels_last)
        images = own.random(around, rng) if random_start else own.project(start[index], around)
        parameter = moved.encode(images.contiguous(memory_format=torch.channels_last))
        parts = (select_rows(part, index) for part in (objective, stop, length))
        batch = Active(torch.arange(len(index), device=device), around, parameter, tuple(rng), own, *parts)
        final, loss = images.clone(), torch.full((len(index),), math.inf, device=device)
        history = torch.full((steps, len(index)), math.nan, device=device)
        stopped_at = torch.full((len(index),), steps, device=device)
        for number in range(steps):
            images, losses, gradient, activations = evaluate(batch)
            rows, stay = batch.rows, None
            history[number, rows] = losses
            if batch.stop is None and not keep_best:
                loss = losses
            else:
                chosen = losses < loss[rows] if keep_best else torch.ones_like(losses, dtype=torch.bool)
                if batch.stop is not None:
                    finished = batch.stop(images, activations)
                    stopped_at[rows[finished]] = number
                    stay = (~finished).nonzero()[:, 0]
                    chosen = chosen | finished
                loss[rows] = torch.where(chosen, losses, loss[rows])
                final[rows] = torch.where(per_image(chosen, images), images, final[rows])
            batch, images = move(batch, gradient, number / steps)
            done += 1
            if callback is not None:
                callback(Progress(done, total, index[rows], images, losses))
            if stay is not None and len(stay) < len(rows):  # finished images leave the batch
                if not len(stay):
                    break
                batch, images = batch.select(stay), images[stay]
        else:
            if not keep_best:
                final[batch.rows] = images
        if not isinstance(moved, Pixels):  # what decodes to exactly 0 or 1 cannot be encoded
            final = own.project(final, around)
        return Descent(final.contiguous(), loss, history, start[index], number + 1, number + 1, stopped_at)

    group, share = objective.group_size, team().share(len(start), objective.group_size)
    size = positive_int("batch_size", at_once(start) if batch_size is None else batch_size)
    size = even_batches(share.stop - share.start, size, group)
    results: list[Descent] = []
    first = share.start
    while first < share.stop:
        index = torch.arange(first, min(first + size, share.stop), device=device)
        total = done + steps * restarts * math.ceil((share.stop - first) / size)
        try:
            results.append(reduce(better_of, [run(index, restart) for restart in range(restarts)]))
        except torch.cuda.OutOfMemoryError:
            if size <= group:
                raise
            size = even_batches(size, (size + 1) // 2, group)
        else:
            first += len(index)
    found = joined(results, device)
    if lost := int((~found.loss.isfinite()).sum()):
        warn(f"the loss of {lost} of {len(found.loss)} images is not a finite number")
    return found
