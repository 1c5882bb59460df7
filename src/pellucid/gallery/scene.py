"""What the sections of the demo share: a pair of classifiers, and how a row of pictures gets onto the page."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base.devices import Precision
from ..core.classifier import Classifier
from ..core.descent import Descent, Progress
from ..data.image import cover, read_image, write_image
from .grid import grid, magnified
from .page import Row
from .samples import sample_photo

CELL = 128  # side of an image on the page

# Of a classifier with many classes these are shown, where it has them: what is known by its looks.
SHOWN = (
    "zebra", "horse", "samoyed", "beagle", "daisy", "sunflower", "mountain", "sea", "church",
    "king penguin", "ladybug", "monarch", "lesser panda", "goldfish",
    "lion", "tabby", "golden retriever", "African elephant", "jellyfish",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """The classifier that makes the pictures (it needs class Gaussians), and one trained without attacks."""

    robust: Classifier
    standard: Classifier


class Scene:
    """A pair of classifiers and a folder: what every section of the page draws on."""

    def __init__(self, pair: Pair, folder: Path, seed: int, precision: Precision, callback: Callable[[float], None]):
        self.precision: Precision = precision
        self.robust, self.standard, self.folder, self.seed = pair.robust, pair.standard, folder, seed
        self.advance = callback
        self.span = (0.0, 1.0)
        self.names = [str(c.card.get("name", c.card.get("threat", "?"))) for c in (pair.robust, pair.standard)]
        self.known = every = self.robust.class_names or []
        self.classes = every if len(every) <= 10 else ([c for c in SHOWN if c in every] or every)[:10]
        # One image of each class; the inputs of the tasks that take an image.
        self.made: Tensor = torch.empty(0)

    def options(self, part: int, parts: int) -> dict[str, Any]:
        """Options of the descent number `part` of this task's `parts`."""

        def callback(progress: Progress) -> None:
            self.advance_to(progress.step / progress.steps, part, parts)

        return {"precision": self.precision, "callback": callback}

    def both(
        self, task: Callable[..., Descent], *args: Any, parts: int = 2, **options: Any
    ) -> Iterator[tuple[str, Descent]]:
        """The robust and the standard classifier's name on the page, each with what the task makes with it."""
        for part, (name, classifier) in enumerate((("robust", self.robust), ("standard", self.standard))):
            yield name, task(classifier, *args, **options, **self.options(part, parts))

    def advance_to(self, share: float, part: int, parts: int) -> None:
        """Tell how far part number `part` of this task's `parts` is."""
        first, width = self.span
        self.advance(first + width * (part + share) / parts)

    def command(self, task: str, *words: object) -> str:
        """A command line that does the like."""
        return shlex.join(["pellucid", task, "--model", self.names[0], *map(str, words)])

    def row(self, caption: str, images: Tensor, file: str, names: Sequence[str] = ()) -> Row:
        file = f"{self.names[0]}-{file}"
        sheet = grid(magnified(images.cpu(), CELL), columns=len(images))
        write_image(self.folder / file, sheet)
        return Row(caption, file, sheet.shape[2], sheet.shape[1], tuple(names))

    def photo(self, name: str) -> Tensor:
        """A sample photo at the classifier's size: `(1, 3, S, S)`."""
        return cover(self.sample(name), self.made.shape[2])

    def crops(self) -> Tensor:
        """Both sample photos whole, and the left and the right part of each: `(6, 3, S, S)`."""
        size, found = self.made.shape[2], []
        for name in ("flower.jpg", "china.jpg"):
            photo = self.sample(name)
            side = 2 * photo.shape[2] // 3
            parts = [photo, photo[..., -side:, :side], photo[..., -side:, -side:]]
            found += [cover(part, size) for part in parts]
        return torch.cat(found)

    def sample(self, name: str) -> Tensor:
        """A photo that scikit-learn ships: `(1, 3, H, W)`."""
        return read_image(sample_photo(name))[None]
