"""The demo: every task on the bundled pairs of classifiers, first results of a fixed seed, as one page.

Nothing is chosen by its looks: the seed is fixed, inputs are what the classifier itself generates, two photos that
scikit-learn ships, and drawings that the project makes.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import __version__
from ..classifier import Classifier
from ..data.image import cover, enlarge, read_image, write_image
from ..descent import Progress
from ..devices import Precision
from ..errors import InputError
from ..files import write_text
from ..synthesis.generate import generate
from ..synthesis.inpaint import inpaint, patch_mask
from ..synthesis.paint import Stroke, paint
from ..synthesis.sketch import sketch
from ..synthesis.superres import superres
from ..synthesis.translate import translate
from .grid import grid, magnified
from .page import Row, Section, page
from .sketches import drawings

CELL = 96  # side of an image on the page
LEAD = (
    "Train an image classifier to withstand small changes of its input, and it becomes a prior on images. Every "
    "picture below was made by gradient descent on pixels, on one objective, inside one ball; no generative model had "
    "a part in it. Beside it, where that is the point: the same descent on the same network, trained without attacks."
)


# Of a classifier with many classes these are shown, where it has them: animals that are known by their looks.
SHOWN = (
    "king penguin", "ladybug", "monarch", "lesser panda", "goldfish",
    "lion", "tabby", "golden retriever", "African elephant", "jellyfish",
)  # fmt: skip
PAIRS = (
    ("automobile", "truck"), ("cat", "dog"), ("deer", "horse"), ("airplane", "bird"), ("truck", "ship"),
    ("golden retriever", "German shepherd"), ("tabby", "Persian cat"), ("lion", "brown bear"),
    ("ladybug", "monarch"), ("African elephant", "bison"),
)  # fmt: skip
BRUSHES = ("automobile", "ship", "frog", "horse", "ladybug", "king penguin", "brain coral", "jellyfish")


@dataclass(frozen=True)
class Pair:
    """The classifier that makes the pictures (it needs class Gaussians), and one trained without attacks."""

    robust: Classifier
    standard: Classifier


def demo(
    pair: Pair,
    folder: Path,
    *,
    larger: Pair | None = None,
    seed: int = 0,
    precision: Precision = "float32",
    overwrite: bool = False,
    callback: Callable[[float], None] | None = None,
) -> Path:
    """Run every task and write `folder/index.html` with its PNGs.

    Args:
        pair: whose pictures are shown.
        folder: appears when everything is done, and not before.
        larger: a pair for larger images, which takes over wherever these tell more.
        seed: of everything.
        precision: of the network's passes.
        overwrite: replace the folder.
        callback: called with the share of the work that is done.

    Returns:
        The path of the page.
    """
    if folder.exists() and not overwrite and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists; choose another --out or say --overwrite")
    with folder_replacing(folder) as temporary:
        small = _Gallery(pair, temporary, seed, precision, callback or (lambda share: None))
        large = small
        if larger is not None:
            large = _Gallery(larger, temporary, seed, precision, callback or (lambda share: None))
        tasks = [
            (large, large.generation), *([] if large is small else [(small, small.generation)]),
            (large, large.manipulation), (large, large.inpainting), (large, large.translation),
            (large, large.superresolution), (small, small.sketches), (large, large.painting),
        ]  # fmt: skip
        sections = []
        for number, (gallery, task) in enumerate(tasks):
            gallery.span = (number / len(tasks), 1 / len(tasks))
            sections.append(task())
        names = dict.fromkeys([*large.names, *small.names])
        footer = f"Made by pellucid {__version__} with seed {seed}, on the classifiers {', '.join(names)}."
        write_text(temporary / "index.html", page("pellucid", LEAD, sections, footer))
    return folder / "index.html"


@contextmanager
def folder_replacing(folder: Path):
    """Yields an empty temporary folder that becomes `folder` if the block ends well, and is removed otherwise."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from None
    temporary.chmod(0o755)
    try:
        yield temporary
        if folder.is_dir():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Gallery:
    """A pair of classifiers, and one method for each task."""

    def __init__(
        self,
        pair: Pair,
        folder: Path,
        seed: int,
        precision: Precision,
        callback: Callable[[float], None],
    ):
        self.precision: Precision = precision
        self.robust, self.standard, self.folder, self.seed = pair.robust, pair.standard, folder, seed
        self.advance = callback
        self.span = (0.0, 1.0)
        self.names = [str(c.card.get("name", c.card.get("threat", "?"))) for c in (pair.robust, pair.standard)]
        every = self.robust.class_names or []
        self.classes = every if len(every) <= 10 else [c for c in SHOWN if c in every] or every[:10]
        # One image of each class; the inputs of the tasks that take an image.
        self.made: Tensor = torch.empty(0)

    def options(self, part: int, parts: int) -> dict[str, Any]:
        """Options of the descent number `part` of this task's `parts`."""
        first, width = self.span

        def callback(progress: Progress) -> None:
            self.advance(first + width * (part + progress.step / progress.steps) / parts)

        return {"precision": self.precision, "callback": callback}

    def command(self, task: str, *words: object) -> str:
        """A command line that does the like."""
        return shlex.join(["pellucid", task, "--model", self.names[0], *map(str, words)])

    def row(self, caption: str, images: Tensor, file: str, names: Sequence[str] = ()) -> Row:
        file = f"{self.names[0]}-{file}"
        sheet = grid(magnified(images.cpu(), CELL), columns=len(images))
        write_image(self.folder / file, sheet)
        return Row(caption, file, sheet.shape[2], sheet.shape[1], tuple(names))

    def generation(self) -> Section:
        many = [name for name in self.classes for _ in range(4)]
        robust = generate(self.robust, many, seed=self.seed, **self.options(0, 2))
        self.made = robust.images[::4]
        standard = generate(self.standard, self.classes, start=robust.start[::4], seed=self.seed, **self.options(1, 2))
        more = [
            self.row("three more seeds" if n == 1 else "", robust.images[n::4], f"generate-{n}.png") for n in (1, 2, 3)
        ]
        size = self.made.shape[2]
        return Section(
            f"Generate, {size} x {size} pixels",
            "Draw a blurry seed from a Gaussian fitted to the images of a class, then descend on the cross-entropy to "
            "that class. The robust classifier's gradient draws the object; the standard one's only adds noise that "
            "means the same to it.",
            self.command(
                "generate", "--classes", *self.classes[:3], "--count", 4, "--seed", self.seed, "--out", "made.png"
            ),
            (
                self.row("seed", robust.start[::4], "generate-seeds.png", self.classes),
                self.row("robust", self.made, "generate-0.png"),
                self.row("standard", standard.images, "generate-standard.png"),
                *more,
            ),
        )

    def manipulation(self) -> Section:
        photo = self.photo("flower.jpg").expand(len(self.classes), -1, -1, -1)
        rows = [self.row("towards", photo, "manipulate-start.png", self.classes)]
        for part, (caption, classifier) in enumerate((("robust", self.robust), ("standard", self.standard))):
            descent = translate(classifier, photo, self.classes, **self.options(part, 2))
            rows.append(self.row(caption, descent.images, f"manipulate-{caption}.png"))
        return Section(
            "Manipulate",
            "One photo of a flower, moved towards each class in turn inside the same small ball. Both networks are "
            "sure of the new class in the end, but only the robust one had to change what we see.",
            self.command("translate", "--images", "flower.jpg", "--classes", self.classes[0], "--out", "changed.png"),
            tuple(rows),
        )

    def inpainting(self) -> Section:
        side = self.made.shape[2]
        mask = patch_mask(len(self.made), (side, side), side * 3 // 8, self.seed)
        rows = [self.row("original", self.made, "inpaint-original.png", self.classes)]
        for part, (caption, classifier) in enumerate((("robust", self.robust), ("standard", self.standard))):
            descent = inpaint(classifier, self.made, mask, **self.options(part, 2))
            if part == 0:
                rows.append(self.row("corrupted", descent.start, "inpaint-corrupted.png"))
            rows.append(self.row(caption, descent.images, f"inpaint-{caption}.png"))
        return Section(
            "Inpaint",
            "A patch at a random place is replaced by the mean color, and the classifier fills it with what belongs to "
            "the class that it sees in the rest. Pixels outside the patch are kept as they were.",
            self.command("inpaint", "--images", "generated/", "--patch", side * 3 // 8, "--out", "inpainted.png"),
            tuple(rows),
        )

    def translation(self) -> Section:
        known = self.robust.class_names or []
        pairs = [(source, target) for source, target in PAIRS if source in self.classes and target in known]
        pairs = pairs or [(self.classes[0], self.classes[-1])]
        start = self.made[[self.classes.index(source) for source, _ in pairs]]
        targets = [target for _, target in pairs]
        rows = [self.row("from", start, "translate-start.png", [source for source, _ in pairs])]
        for part, (caption, classifier) in enumerate((("robust", self.robust), ("standard", self.standard))):
            descent = translate(classifier, start, targets, **self.options(part, 2))
            names = targets if part == 0 else ()
            rows.append(self.row(f"to, {caption}", descent.images, f"translate-{caption}.png", names))
        return Section(
            "Translate",
            "Descend on the cross-entropy to another class and the image turns into it, keeping pose and colors where "
            "it can. No pairs of images and no network of its own are needed for a translation.",
            self.command(
                "translate", "--images", "generated/0000.png", "--classes", targets[0], "--out", "translated.png"
            ),
            tuple(rows),
        )

    def superresolution(self) -> Section:
        factor = 4
        small = F.avg_pool2d(self.made, factor)
        descent = superres(self.robust, small, reference=self.made, **self.options(0, 2))
        other = superres(self.standard, small, **self.options(1, 2))
        size = self.made.shape[2]
        return Section(
            "Super-resolve",
            f"Images of {size // factor} pixels are enlarged to {size}, and the classifier adds what a member of the "
            "class that it sees would have there. The ball around the enlarged image keeps the result true to it.",
            self.command("superres", "--images", "generated/", "--factor", factor, "--out", "large.png"),
            (
                self.row(f"{size // factor} px", enlarge(small, size, "nearest"), "superres-small.png", self.classes),
                self.row("bicubic", enlarge(small, size, "bicubic"), "superres-bicubic.png"),
                self.row("robust", descent.images, "superres-robust.png"),
                self.row("standard", other.images, "superres-standard.png"),
                self.row("as it was", self.made, "superres-original.png"),
            ),
        )

    def sketches(self) -> Section:
        names, pictures = drawings(self.made.shape[2])
        known = [number for number, name in enumerate(names) if name in self.classes]
        names, pictures = [names[n] for n in known], pictures[known]
        robust = sketch(self.robust, pictures, names, **self.options(0, 2))
        standard = sketch(self.standard, pictures, names, **self.options(1, 2))
        return Section(
            "Sketch to image",
            "A flat drawing is a start like any other: the descent adds the texture, light and detail that the class "
            "has and the drawing lacks. The drawings are the project's own, made of a few polygons each.",
            self.command("sketch", "--images", "drawing.png", "--classes", "ship", "--out", "ship.png"),
            (
                self.row("drawing", pictures, "sketch-start.png", names),
                self.row("robust", robust.images, "sketch-robust.png"),
                self.row("standard", standard.images, "sketch-standard.png"),
            ),
        )

    def painting(self) -> Section:
        photo = self.photo("china.jpg")
        size = photo.shape[2]
        known = self.robust.class_names or []
        brushes = [name for name in BRUSHES if name in known]
        where = torch.zeros(1, 1, size, size)
        where[:, :, size // 2 :] = 1
        # The brush for a class: the unit that speaks for it most, by the last layer's weights.
        head = self.robust.network.get_parameter(f"{self.robust.head}.weight")
        units = [int(head[known.index(name)].argmax()) for name in brushes]
        results = [
            paint(self.robust, photo, [Stroke(where, unit)], **self.options(part, len(units)))[-1].images
            for part, unit in enumerate(units)
        ]
        stroke = f"0,{size // 2},{size},{size // 2}:{units[0]}"
        names = ["photo", *(f"unit {unit} ({name})" for unit, name in zip(units, brushes, strict=True))]
        return Section(
            "Paint with features",
            "Single units of the representation serve as brushes: the lower half of a photo is changed so that one "
            "unit rises, while changes elsewhere are penalized. Each unit is the one that speaks most for the class in "
            "brackets.",
            self.command("paint", "--images", "china.jpg", "--strokes", stroke, "--out", "painted.png"),
            (self.row("painted", torch.cat([photo.cpu(), *(r.cpu() for r in results)]), "paint.png", names),),
        )

    def photo(self, name: str) -> Tensor:
        """A photo that scikit-learn ships, at the classifier's size: `(1, 3, S, S)`."""
        from sklearn.datasets import __file__ as datasets

        return cover(read_image(Path(datasets).parent / "images" / name)[None], self.made.shape[2])
