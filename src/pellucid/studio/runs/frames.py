"""Frames: pictures of a run under way, with what the classifier makes of them."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ...core.classifier import Classifier

SPACING = 0.1  # seconds between two frames, at least
COST = 15  # the next frame comes after at least 15 times the time that this one took
BEST = 8  # classes in a frame
MOST = 200  # frames kept of a run


@dataclass(frozen=True)
class Frame:
    """One picture of a run.

    Attributes:
        number: counted from 0, the start.
        step, steps: steps done, and steps in all.
        loss: before the step, if there is one.
        png: the image.
        width, height: its size.
        top: the likeliest classes and their probabilities.
        wanted: the probability of the class that was asked for.
        share: of an interpolation, how far along the walk the image is.
    """

    number: int
    step: int
    steps: int
    loss: float | None
    png: bytes
    width: int
    height: int
    top: list[tuple[str, float]]
    wanted: float | None
    share: float | None = None

    def message(self) -> dict[str, Any]:
        """The frame as JSON for the page."""
        told = {"type": "frame", **vars(self), "picture": base64.b64encode(self.png).decode()}
        return {name: value for name, value in told.items() if name != "png" and (name, value) != ("share", None)}


def thinned(frames: list[Frame]) -> list[Frame]:
    """At most `MOST` frames: if there are more, every other one between the first and the last is dropped."""
    return frames if len(frames) <= MOST else [frames[0], *frames[1:-1][1::2], frames[-1]]


class Camera:
    """Takes frames of a run: at most ten a second, and in no more than about a fifteenth of the run's time.

    Call it in the thread that runs the descent: the probabilities cost a pass of the network.
    """

    def __init__(
        self,
        classifier: Classifier,
        label: int | None,
        keep: Callable[[Frame], None],
        clock: Callable[[], float] = time.monotonic,
    ):
        self.classifier, self.label, self.keep, self.clock = classifier, label, keep, clock
        self.taken = 0
        self._next = -math.inf

    @property
    def due(self) -> bool:
        """Whether it is time for a frame."""
        return self.clock() >= self._next

    def take(self, image: Tensor, step: int, steps: int, loss: float | None = None, share: float | None = None) -> None:
        """Take a frame of `(3, H, W)`."""
        from ..kept.pictures import png

        began = self.clock()
        top, wanted = self._probabilities(image)
        loss = round(loss, 6) if loss is not None and math.isfinite(loss) else None
        height, width = image.shape[1:]
        self.keep(Frame(self.taken, step, steps, loss, png(image), width, height, top, wanted, share))
        now = self.clock()
        # The start is seen at once, and so is what the first step makes of it.
        self._next = now + max(SPACING, COST * (now - began)) if self.taken else -math.inf
        self.taken += 1

    def _probabilities(self, image: Tensor) -> tuple[list[tuple[str, float]], float | None]:
        found = probabilities(self.classifier, image)
        return likeliest(self.classifier, found), None if self.label is None else round(float(found[self.label]), 5)


def probabilities(classifier: Classifier, image: Tensor) -> Tensor:
    """Of each class, for `(3, H, W)`: one pass of the network."""
    import torch

    from ...data.image import fit

    with torch.no_grad():
        return classifier.logits(fit(classifier, image[None].to(classifier.device)))[0].softmax(0).cpu()


def likeliest(classifier: Classifier, found: Tensor) -> list[tuple[str, float]]:
    """The names of the likeliest classes with their probabilities, best first."""
    best = found.topk(min(BEST, len(found)))
    names = classifier.class_names or [str(label) for label in range(len(found))]
    return [(names[i], round(p, 5)) for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
