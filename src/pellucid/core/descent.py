"""What a descent returns, and what it says on its way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@dataclass
class Descent:
    """The result of a descent.

    Attributes:
        images: `(N, C, H, W)` float32 in [0, 1], detached.
        loss: `(N,)`, the last loss evaluated on each image's way, or with `keep_best` that of the returned image.
        history: `(steps, N)`, the loss before each step; NaN after an image stopped.
        start: the images that the descent began with (before any random start).
        forwards, backwards: passes through the network, batches counted once.
        stopped_at: `(N,)`, the number of steps taken.
        label: `(N,)`, the class intended for each image, where there is one.
        info: what made it (recipe, seed, classifier), for the sidecar.
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

    @property
    def stopped(self) -> list[str]:
        """Why each image stopped: "steps" (all were done) or "stop" (the stop rule said so)."""
        return ["steps" if at == len(self.history) else "stop" for at in self.stopped_at.tolist()]

    def to(self, device: torch.device) -> Descent:
        """This descent with its tensors on `device`."""
        changed = {
            name: getattr(self, name).to(device) for name in ("images", "loss", "history", "start", "stopped_at")
        }
        return replace(self, **changed, label=None if self.label is None else self.label.to(device))

    def about(self, label: Tensor | None = None, **info: Any) -> Descent:
        """This descent with the intended classes and further facts for the sidecar."""
        return replace(self, label=label, info={**self.info, **info})

    def save(self, path: str | Path, **options) -> Path:
        """Write the images with a JSON sidecar; see `pellucid.gallery.save.save`."""
        from ..gallery.save import save  # a convenience that points up the layers, so only when it is called

        return save(self, path, **options)


@dataclass(frozen=True)
class Progress:
    """What a callback is given after each step. Looking at `loss` waits for the device; not looking does not.

    Attributes:
        step, steps: how many steps of how many are done, over all restarts and splits.
        index: `(M,)`, which images of the batch these are.
        images: `(M, C, H, W)`.
        loss: `(M,)`, before the step.
    """

    step: int
    steps: int
    index: Tensor
    images: Tensor
    loss: Tensor
