"""How the actions call the library: from a `Call` to a `Made`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from ...core.classifier import Classifier
from ...core.descent import Descent
from ...data.image import cover
from ...gallery.sidecar import of_descent
from ...representation.interpolate import interpolate
from ...style.artifacts import rounded
from ...style.stylize import stylize
from ...synthesis.paint import Stroke, paint
from ..kept.loaded import Loaded
from ..kept.pictures import decoded, read_mask

START, SECOND, MASK = "start.png", "second.png", "mask.png"


@dataclass(frozen=True)
class Needs:
    """The inputs of an action besides its settings."""

    picture: bool = True
    mask: Literal["no", "yes"] = "no"
    label: Literal["no", "optional", "yes"] = "no"
    unit: bool = False
    strokes: bool = False
    second: bool = False
    style: bool = False
    factor: bool = False


@dataclass(frozen=True)
class Call:
    """One call of a library function, with checked inputs.

    Attributes:
        loaded: the classifier, the first argument of every function.
        needs: which inputs the function takes.
        recipe, seed: the settings.
        files: PNGs under their names in the command line, as a sidecar embeds them.
        label, unit: a class, or a unit of the representation.
        strokes: unit and strength of each; the mask of stroke N is `stroke-N.png`.
    """

    loaded: Loaded
    needs: Needs
    recipe: Any
    seed: int
    files: dict[str, bytes]
    label: str | None = None
    unit: int | None = None
    strokes: list[tuple[int, float]] = field(default_factory=list)

    @property
    def classifier(self) -> Classifier:
        """The network with its normalization and names."""
        return self.loaded.classifier

    def picture(self, name: str = START) -> Tensor:
        """One of the pictures as it is, `(1, 3, H, W)`."""
        return decoded(self.files[name])[None]

    def images(self, name: str = START) -> Tensor:
        """One of the pictures, `(1, 3, S, S)` at the classifier's size, as the commands read one."""
        image, size = self.picture(name), self.classifier.size
        return cover(image, size) if size else image

    def mask(self, name: str, images: Tensor) -> Tensor:
        """One of the masks, `(1, 1, H, W)`, at the size of these images."""
        return read_mask(self.files[name], (images.shape[2], images.shape[3]))

    def inputs(self) -> list[Any]:
        """The images, the mask, the classes and the unit, as far as the function takes them."""
        inputs: list[Any] = []
        if self.needs.picture:
            inputs.append(self.picture() if self.needs.factor else self.images())
        if self.needs.mask == "yes":
            inputs.append(self.mask(MASK, inputs[0]))
        if self.needs.label != "no":
            inputs.append(None if self.label is None else [self.label])
        if self.needs.unit:
            inputs.append(torch.tensor([self.unit]))
        return inputs


@dataclass(frozen=True)
class Made:
    """A result: the image `(3, H, W)`, facts for the sidecar, and of a walk its images with their shares."""

    image: Tensor
    facts: dict[str, Any]
    steps: int
    loss: float | None = None
    walk: list[tuple[float, Tensor]] = field(default_factory=list)


def direct(function: Callable[..., Descent]) -> Callable[..., Made]:
    """How to call a function that takes the classifier, `Call.inputs` and the recipe."""

    def run(call: Call, **options) -> Made:
        descent = function(call.classifier, *call.inputs(), call.recipe, seed=call.seed, **options)
        return _of(descent, int(descent.stopped_at[0]))

    return run


def call_paint(call: Call, **options) -> Made:
    """The strokes, one after the other."""
    images = call.images()
    strokes = [
        Stroke(call.mask(f"stroke-{number}.png", images), unit, strength)
        for number, (unit, strength) in enumerate(call.strokes)
    ]
    descents = paint(call.classifier, images, strokes, call.recipe, seed=call.seed, **options)
    return _of(descents[-1], sum(int(descent.stopped_at[0]) for descent in descents))


def call_interpolate(call: Call, **options) -> Made:
    """The walk from the picture to the second one; its images stand side by side."""
    first, last = call.images(), call.images(SECOND)
    descent = interpolate(call.classifier, first, last, call.recipe, seed=call.seed, **options)
    walk = list(zip(descent.info["shares"], descent.images, strict=True))
    return Made(torch.cat(list(descent.images), dim=2), of_descent(descent), int(descent.stopped_at.max()), walk=walk)


def call_stylize(call: Call, **options) -> Made:
    """The picture in the style of the second one."""
    content, styles = call.picture(), [call.picture(SECOND)]
    made = stylize(call.classifier, content, styles, call.recipe, seed=call.seed, **options)
    facts = {"evaluations": made.evaluations, "checkerboard_db": rounded(made.checkerboard)}
    last = None if made.losses is None else made.losses.total
    return Made(made.images[0].cpu(), facts, made.evaluations, last)


def _of(descent: Descent, steps: int) -> Made:
    return Made(descent.images[0], of_descent(descent), steps, float(descent.loss[0]))
