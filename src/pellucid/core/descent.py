"""The result of a descent, and the progress given to callbacks."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from ..base.made import Made
from ..base.pictures import Rows
from ..base.processes import team
from .batch import per_image


@dataclass(repr=False)
class Descent(Rows):
    """The result of a descent. It has a length, and `descent[2]`, `descent[:4]` are descents of those images alone.

    Attributes:
        images: `(N, C, H, W)` float32 in [0, 1], detached.
        loss: `(N,)`, the last loss evaluated for each image, or with `keep_best` that of the returned one.
        history: `(steps, N)`, the loss before each step; NaN after an image stopped.
        start: the images that the descent began with (before any random start).
        forwards, backwards: passes through the network, batches counted once.
        stopped_at: `(N,)`, the number of steps taken.
        label: `(N,)`, the class intended for each image, where there is one.
        info: further facts for the sidecar, of all images.
        made: the call, from which the sidecar says how to repeat it.
        frames: `(F, N, C, H, W)` uint8, the images on their way, of which `animate` makes a GIF.
    """

    images: Tensor
    loss: Tensor
    history: Tensor
    start: Tensor
    forwards: int
    backwards: int
    stopped_at: Tensor
    label: Tensor | None = None
    info: dict[str, Any] = field(default_factory=dict)
    made: Made | None = None
    frames: Tensor | None = None

    @property
    def stopped(self) -> list[str]:
        """Why each image stopped: "steps" (all were done) or "stop" (the stop rule said so)."""
        return ["steps" if at == len(self.history) else "stop" for at in self.stopped_at.tolist()]

    def to(self, device: torch.device) -> Descent:
        """This descent with its tensors on `device`."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: v.to(device) for name, v in tensors.items() if isinstance(v, Tensor)})

    def about(self, label: Tensor | None = None, **info: Any) -> Descent:
        """This descent with the intended classes and further facts for the sidecar."""
        return replace(self, label=label, info={**self.info, **info})


@dataclass(frozen=True)
class Progress:
    """What a callback is given after each step. Looking at `loss` waits for the device; not looking does not.

    Attributes:
        step, steps: how many steps of how many are done, over all restarts and batches.
        index: `(M,)`, which images these are.
        images: `(M, C, H, W)`, after the step.
        loss: `(M,)`, before the step.
    """

    step: int
    steps: int
    index: Tensor
    images: Tensor
    loss: Tensor


def better_of(one: Descent, other: Descent) -> Descent:
    """For each image the run whose loss is lower."""
    better = (other.loss < one.loss) | one.loss.isnan()
    passes = {name: getattr(one, name) + getattr(other, name) for name in ("forwards", "backwards")}
    rows = ("loss", "history", "stopped_at")  # images are their last axis
    chosen = {name: torch.where(better, getattr(other, name), getattr(one, name)) for name in rows}
    images = torch.where(per_image(better, one.images), other.images, one.images)
    return replace(one, images=images, **chosen, **passes)


def joined(parts: list[Descent], device: torch.device) -> Descent:
    """The batches of one descent, of all processes that share it, as one result."""
    everybody = team().gather([part.to(torch.device("cpu")) for part in parts]) if team().count > 1 else [parts]
    parts = [part.to(device) for own in everybody for part in own]
    rows = {"images": 0, "loss": 0, "history": 1, "start": 0, "stopped_at": 0}
    tensors: dict[str, Any] = {
        name: torch.cat([getattr(part, name) for part in parts], axis) for name, axis in rows.items()
    }
    return Descent(**tensors, forwards=sum(p.forwards for p in parts), backwards=sum(p.backwards for p in parts))
