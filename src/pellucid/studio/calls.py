"""How the actions call the library: one function each, from the same inputs to the same kind of answer."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..core.classifier import Classifier
from ..core.descend import Descent
from ..data.image import cover
from ..gallery.save import sidecar
from ..representation.interpolate import interpolate
from ..representation.manipulate import manipulate
from ..style.artifacts import rounded
from ..style.stylize import stylize
from ..synthesis import paint as painting
from ..synthesis.brush import brush
from ..synthesis.generate import generate
from ..synthesis.inpaint import inpaint
from ..synthesis.sketch import sketch
from ..synthesis.superres import superres
from ..synthesis.translate import translate
from .pictures import decoded, read_mask

START, SECOND, MASK = "start.png", "second.png", "mask.png"


@dataclass(frozen=True)
class Call:
    """One call of a library function.

    Attributes:
        classifier: the first argument of all of them.
        recipe: the settings.
        files: PNGs by name, as a sidecar embeds them.
        label, unit: what was asked for.
        strokes: unit and strength of each, whose mask is `stroke-N.png`.
        options: seed, precision and callback.
    """

    classifier: Classifier
    recipe: Any
    files: dict[str, bytes]
    label: str | None
    unit: int | None
    strokes: list[tuple[int, float]]
    options: dict[str, Any]

    def images(self, name: str = START, size: int | None = None) -> Tensor:
        """One of the pictures, `(1, 3, S, S)` at the classifier's size, as the commands read one."""
        size = size or self.classifier.size
        image = decoded(self.files[name])[None]
        return cover(image, size) if size else image

    def mask(self, name: str, images: Tensor) -> Tensor:
        """One of the masks, `(1, 1, H, W)`, at the size of these images."""
        return read_mask(self.files[name], (images.shape[2], images.shape[3]))

    @property
    def labels(self) -> list[str] | None:
        """The class that was asked for, as the functions take it."""
        return None if self.label is None else [self.label]


@dataclass(frozen=True)
class Made:
    """What a library function made: the image `(3, H, W)`, facts for the sidecar, and the images of a walk."""

    image: Tensor
    facts: dict[str, Any]
    steps: int
    loss: float | None = None
    walk: list[tuple[float, Tensor]] = field(default_factory=list)


def _of(descent: Descent, steps: int | None = None) -> Made:
    done = int(descent.stopped_at[0]) if steps is None else steps
    return Made(descent.images[0], sidecar(descent), done, float(descent.loss[0]))


def call_generate(call: Call) -> Made:
    """A draw of a class, or noise or gray, moved toward the class."""
    return _of(generate(call.classifier, call.labels or [], call.recipe, **call.options))


def call_sketch(call: Call) -> Made:
    """The picture as a drawing of the class."""
    return _of(sketch(call.classifier, call.images(), call.labels or [], call.recipe, **call.options))


def call_brush(call: Call) -> Made:
    """The class in the masked region."""
    images = call.images()
    mask = call.mask(MASK, images)
    return _of(brush(call.classifier, images, mask, call.labels or [], call.recipe, **call.options))


def call_paint(call: Call) -> Made:
    """The strokes, one after the other."""
    images = call.images()
    strokes = [
        painting.Stroke(call.mask(f"stroke-{number}.png", images), unit, strength)
        for number, (unit, strength) in enumerate(call.strokes)
    ]
    descents = painting.paint(call.classifier, images, strokes, call.recipe, **call.options)
    return _of(descents[-1], sum(int(descent.stopped_at[0]) for descent in descents))


def call_translate(call: Call) -> Made:
    """The picture as one of the class."""
    return _of(translate(call.classifier, call.images(), call.labels, call.recipe, **call.options))


def call_inpaint(call: Call) -> Made:
    """What belongs into the masked region."""
    images = call.images()
    mask = call.mask(MASK, images)
    return _of(inpaint(call.classifier, images, mask, call.labels, call.recipe, **call.options))


def call_superres(call: Call) -> Made:
    """The small picture at the classifier's size."""
    small = decoded(call.files[START])[None]
    return _of(superres(call.classifier, small, call.labels, call.recipe, **call.options))


def call_manipulate(call: Call) -> Made:
    """The unit added to the picture."""
    unit = torch.tensor([call.unit])
    return _of(manipulate(call.classifier, call.images(), unit, call.recipe, **call.options))


def call_interpolate(call: Call) -> Made:
    """The walk from the picture to the second one; its images stand side by side."""
    descent = interpolate(call.classifier, call.images(), call.images(SECOND), call.recipe, **call.options)
    walk = list(zip(descent.info["shares"], descent.images, strict=True))
    return Made(torch.cat(list(descent.images), dim=2), sidecar(descent), int(descent.stopped_at.max()), walk=walk)


def call_stylize(call: Call) -> Made:
    """The picture in the style of the second one."""
    from .. import __version__

    content, style = (decoded(call.files[name])[None] for name in (START, SECOND))
    made = stylize(call.classifier, content, [style], call.recipe, **call.options)
    facts = {
        "evaluations": made.evaluations,
        "checkerboard_db": rounded(made.checkerboard),
        "versions": {"pellucid": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }
    last = None if made.losses is None else made.losses.total
    return Made(made.images[0].cpu(), facts, made.evaluations, last)
