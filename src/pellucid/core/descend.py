"""Move images downhill on one objective, inside one ball: what every task calls."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import get_args

import torch
from torch import Tensor

from ..base.checks import check_images, positive_int
from ..base.devices import Precision
from ..base.errors import InputError, unknown
from ..base.processes import team
from .ball import Ball, Linf
from .batch import PerImage
from .classifier import Classifier
from .descent import Descent, Progress
from .frozen import frozen
from .loop import Loop, Stop, Transform
from .objective import Objective
from .optimizer import Adam, Optimizer, Steepest
from .ordinary import ordinary
from .parametrize import Parametrization, Pixels
from .schedule import Schedule, constant
from .stop import StopRule

# A split holds about so many pixel values: a bound on memory that does not depend on how many images are asked for.
# On a CPU throughput falls once a batch's activations outgrow the caches (85 images of 32 px still fit, 256 do not);
# a GPU wants larger ones (28 images of 224 px, 1365 of 32 px).
SPLIT_VALUES, SPLIT_VALUES_CPU = 2**22, 2**18


@ordinary()
def descend(
    classifier: Classifier,
    objective: Objective,
    start: Tensor,
    *,
    ball: Ball,
    steps: int,
    step_size: float | None = None,
    center: Tensor | None = None,
    random_start: bool = False,
    restarts: int = 1,
    keep_best: bool = False,
    stop: Stop | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule = constant,
    parametrization: Parametrization | None = None,
    transforms: Sequence[Transform] = (),
    seed: int = 0,
    precision: Precision = "float32",
    compiled: bool = False,
    batch_size: int | None = None,
    callback: Callable[[Progress], None] | None = None,
) -> Descent:
    """Projected gradient descent on images: x <- project(x + ball.step(∇ objective(x))), `steps` times.

    One forward and one backward to the input a step. The parameters are frozen and the network is in eval mode for
    the length of the loop, and everything is put back afterwards. No result depends on the rest of the batch.

    Args:
        classifier: what the objective reads.
        objective: one loss per image, lower is better.
        start: `(N, C, H, W)` in [0, 1]; moved to the classifier's device.
        ball: where the images may go.
        steps: how many steps.
        step_size: the length of a step in the ball's norm; `2.5 * eps / steps` if not given. With `Adam` its learning
            rate (0.05 if not given).
        center: the ball's center, `start` if not given.
        random_start: begin at a random point of the ball.
        restarts: how often to begin anew (from random points); the best per image by loss is returned.
        keep_best: return each image's best evaluated point instead of its last. Exactly `steps` points are evaluated,
            before each step, so the last point is then not among them.
        stop: maps (images, activations) to `(N,)` bools; an image for which it holds is finished as it is, and leaves
            the batch. A rule with data of its own for each image is a `StopRule`, such as `Misclassified(label)`.
        optimizer: `Steepest()` (the default on pixels), `Momentum()`, or `Adam()` (the only one on anything else).
        schedule: what `step_size` is multiplied by, from the share of the steps that are done; see
            `pellucid.core.schedule`.
        parametrization: `Pixels()` (default), `Fourier()` or `Maco(magnitude)`.
        transforms: applied to the images before the classifier, in order; see `pellucid.data.transforms`.
        seed: of random starts and transforms; each image of the batch has its own stream of it.
        precision: "bfloat16" runs the network in autocast; the ball's arithmetic stays in float32.
        compiled: run the network through `torch.compile`; worth its minute of compiling on a GPU.
        batch_size: at most so many images at once; chosen by image size if not given. On a GPU a batch that does not
            fit is halved and tried again. Images whose losses read each other (`Diversity`) stay together.
        callback: called after every step with a `Progress`.

    Raises:
        InputError: an objective, a ball or a stop rule with rows for another number of images; a class or a unit that
            does not exist; steps below 1, a step size that is not positive, images outside [0, 1] or not finite,
            another optimizer than Adam on a parametrization other than pixels.

    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2))
    >>> from pellucid import Classifier, CrossEntropy, L2
    >>> descent = descend(Classifier(network), CrossEntropy(1), torch.full((4, 3, 1, 1), 0.5), ball=L2(0.1), steps=5)
    >>> descent.images.shape, descent.forwards
    (torch.Size([4, 3, 1, 1]), 5)
    """
    start = check_images(start).to(classifier.device)
    center = start if center is None else check_images(center, "center").to(classifier.device)
    if center.shape != start.shape:
        raise InputError(f"center is {tuple(center.shape)} and start is {tuple(start.shape)}; give the same shape")
    _check_parts(objective, ball, stop, len(start))
    steps, restarts = positive_int("steps", steps), positive_int("restarts", restarts)
    if batch_size is not None:
        positive_int("batch_size", batch_size)
    if compiled and objective.uses_straight_through:
        raise InputError("straight_through does not go with compiled: its backward is known only after the forward")
    if precision not in get_args(Precision):
        raise unknown("precision", precision, get_args(Precision))
    parametrization = parametrization or Pixels()
    optimizer = optimizer or (Steepest() if isinstance(parametrization, Pixels) else Adam())
    if not isinstance(parametrization, Pixels) and not isinstance(optimizer, Adam):
        raise InputError(f"{type(optimizer).__name__} steps on pixels; {type(parametrization).__name__} takes Adam")
    loop = Loop(
        classifier=classifier,
        objective=objective.to(classifier.device),
        ball=ball.to(classifier.device),
        steps=steps,
        step_size=_step_size(step_size, ball, steps, optimizer, schedule),
        random_start=random_start or restarts > 1,
        keep_best=keep_best,
        stop=stop.to(classifier.device) if isinstance(stop, StopRule) else stop,
        optimizer=optimizer,
        schedule=schedule,
        parametrization=parametrization,
        transforms=tuple(transforms),
        seed=seed,
        precision=precision,
        compiled=compiled,
        callback=callback,
    )
    size = min(_whole(batch_size or at_once(start), objective.together), len(start))
    results: list[Descent] = []
    own = team().share(len(start), objective.together)
    first = own.start
    with frozen(classifier):
        while first < own.stop:
            index = torch.arange(first, min(first + size, own.stop), device=start.device)
            loop.total = loop.done + steps * restarts * math.ceil((own.stop - first) / size)
            try:
                results.append(loop.best_of(restarts, start[index], center[index], index))
            except torch.cuda.OutOfMemoryError:
                if size <= objective.together:
                    raise
                size = _whole((size + 1) // 2, objective.together)
                continue
            first += len(index)
    found = _joined(_of_everybody(results, start.device))
    if lost := int((~found.loss.isfinite()).sum()):
        warnings.warn(f"the loss of {lost} of {len(found.loss)} images is not a finite number", stacklevel=3)
    return found


def _check_parts(objective: Objective, ball: Ball, stop: Stop | None, count: int) -> None:
    """Raise `InputError` unless these are what they should be, with rows for `count` images."""
    if not isinstance(objective, Objective):
        raise InputError(f"objective must be an Objective such as CrossEntropy(3), not {type(objective).__name__}")
    if not isinstance(ball, Ball):
        raise InputError(f"ball must be a Ball such as L2(1.0), not {type(ball).__name__}")
    for part in (objective, ball, stop):
        if isinstance(part, PerImage):
            part.check_rows(count)


def _step_size(given: float | None, ball: Ball, steps: int, optimizer: Optimizer, schedule: Schedule) -> float | Tensor:
    if isinstance(ball, Linf) and bool((torch.as_tensor(ball.eps) > 1).any()):
        warnings.warn(f"an Linf eps of {ball.eps} allows any image; values are in [0, 1]: 8/255, not 8", stacklevel=4)
    if given is not None and not (0 < given < math.inf):
        raise InputError(f"step_size must be positive, not {given}")
    if isinstance(optimizer, Adam):
        return 0.05 if given is None else given
    if given is None:
        if not bool(torch.as_tensor(ball.eps).isfinite().all()):
            raise InputError("a descent in an unbounded ball needs a step_size")
        return 2.5 * ball.eps / steps
    eps = torch.as_tensor(ball.eps)
    way = given * sum(schedule(number / steps) for number in range(steps))
    if bool((eps.isfinite() & (eps > way * (1 + 1e-6))).any()):
        warnings.warn(f"{steps} steps of {given} cannot reach the border of a ball of eps {ball.eps}", stacklevel=4)
    return given


def at_once(images: Tensor) -> int:
    """How many of these images, of which there may be none, to take at once."""
    values = images.shape[1:].numel()
    if images.device.type == "cpu":
        return max(8, SPLIT_VALUES_CPU // values)
    return max(1, SPLIT_VALUES // values)


def _whole(images: int, group: int) -> int:
    """At most so many images, but whole groups and at least one."""
    return max(group, images // group * group)


def _of_everybody(parts: list[Descent], device: torch.device) -> list[Descent]:
    """The parts of all processes that share this descent, in the order of the images."""
    if team().count == 1:
        return parts
    parts = [part for own in team().gather([part.to(torch.device("cpu")) for part in parts]) for part in own]
    return [part.to(device) for part in parts]


def _joined(parts: list[Descent]) -> Descent:
    """The splits of one batch as one result."""
    return Descent(
        images=torch.cat([p.images for p in parts]),
        loss=torch.cat([p.loss for p in parts]),
        history=torch.cat([p.history for p in parts], dim=1),
        start=torch.cat([p.start for p in parts]),
        forwards=sum(p.forwards for p in parts),
        backwards=sum(p.backwards for p in parts),
        stopped_at=torch.cat([p.stopped_at for p in parts]),
    )
