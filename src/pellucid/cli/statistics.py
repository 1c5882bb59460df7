"""`pellucid statistics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ..base.devices import pick_precision
from ..base.errors import InputError, unknown
from ..base.files import short, write_json, write_text
from ..core.classifier import Classifier
from ..data.dataset import Dataset
from ..data.load import load_data
from ..data.parts import Parts
from ..evaluation.classes import in_order_of
from ..gallery.save import check_file
from ..gallery.sidecar import made_by
from ..representation import invert
from ..statistics.comparison import Comparison
from ..statistics.inpaint import inpaint_statistics
from ..statistics.invert import invert_statistics
from ..statistics.superres import superres_statistics
from ..statistics.table import Statistics
from ..statistics.translate import translate_statistics
from ..synthesis import inpaint, superres, translate
from ..zoo.models import load
from .flags import INLINE, MachineFlags, ModelFlags, OutputFlags, SeedFlags
from .parse import parse
from .run import models, progress_bar


@dataclass(frozen=True)
class StatisticsFlags(ModelFlags, SeedFlags, MachineFlags, OutputFlags):
    """What the statistics of every task need."""

    data: str = ""
    """A folder of class folders, an .npz, or torchvision:NAME, whose test images are taken."""
    count: int = 200
    """How many of them, drawn by the seed evenly from all classes."""
    beside: tuple[str, ...] = ()
    """Further classifiers: natural20-standard, ..."""
    judge: str | None = None
    """A classifier that has no part in the results, and is asked about them."""
    out: Path | None = None
    """Also write the table, to a .json or a .csv file. What is finished is kept beside it, in NAME.partial, and the
    same command goes on from there."""

    def ordered(self, data: Dataset, classifier: Classifier) -> Dataset:
        """The data set; where its labels matter, in the class order of the classifier."""
        return data

    def measure(self, comparison: Comparison, **options: Any) -> Statistics:
        """The statistics of the task."""
        raise NotImplementedError


@dataclass(frozen=True)
class SuperresStatistics(StatisticsFlags):
    """How near super-resolution comes to test images: PSNR and SSIM beside nearest neighbors and bicubic, and with
    --judge a perceptual distance.

    pellucid statistics superres --data photos/ --factor 4 --out superres.json
    """

    factor: int = 4
    """How many times the images are made smaller, by block means, and enlarged again."""
    preset: str | None = None
    """Published settings: paper-cifar10, ..."""
    recipe: Annotated[superres.SuperresRecipe, INLINE] = superres.SuperresRecipe()

    def measure(self, comparison: Comparison, **options: Any) -> Statistics:
        return superres_statistics(comparison, self.recipe, factor=self.factor, **options)


@dataclass(frozen=True)
class InpaintStatistics(StatisticsFlags):
    """How near inpainting comes to what was there: PSNR and SSIM within a square hole at a random place, beside the
    mean color and a membrane, and with --judge a perceptual distance.

    pellucid statistics inpaint --data photos/ --patch 40 --judge squeezenet --out inpaint.json
    """

    patch: int | None = None
    """Side of the hole in pixels; 5/16 of the images' if not given."""
    preset: str | None = None
    """Published settings: paper-restricted-imagenet, ..."""
    recipe: Annotated[inpaint.InpaintRecipe, INLINE] = inpaint.InpaintRecipe()

    def measure(self, comparison: Comparison, **options: Any) -> Statistics:
        return inpaint_statistics(comparison, self.recipe, patch=self.patch, **options)


@dataclass(frozen=True)
class InvertStatistics(StatisticsFlags):
    """How near inversions come to test images, in representation and in pixels; with --judge also in its eyes.

    pellucid statistics invert --data photos/ --beside natural20-standard --out invert.json
    """

    preset: str | None = None
    """Published settings: paper."""
    recipe: Annotated[invert.InvertRecipe, INLINE] = invert.InvertRecipe()

    def measure(self, comparison: Comparison, **options: Any) -> Statistics:
        return invert_statistics(comparison, self.recipe, **options)


@dataclass(frozen=True)
class TranslateStatistics(StatisticsFlags):
    """The share of translations in which --judge sees the target class, as made and after a slight blur.

    pellucid statistics translate --data photos/ --judge squeezenet --pairs horse zebra zebra horse
    """

    pairs: tuple[tuple[str, str], ...] = ()
    """From which class to which, and so on; if not given, every image goes to another class, drawn by the seed."""
    blur: float = 1.0
    """Standard deviation of the blur in pixels."""
    preset: str | None = None
    """Published settings: paper-imagenet, ..."""
    recipe: Annotated[translate.TranslateRecipe, INLINE] = translate.TranslateRecipe()

    def ordered(self, data: Dataset, classifier: Classifier) -> Dataset:
        return in_order_of(classifier, data)

    def measure(self, comparison: Comparison, **options: Any) -> Statistics:
        return translate_statistics(comparison, self.recipe, pairs=self.pairs, judge_blur=self.blur, **options)


TASKS: dict[str, tuple[type[StatisticsFlags], dict[str, Any]]] = {
    "superres": (SuperresStatistics, superres.PRESETS),
    "inpaint": (InpaintStatistics, inpaint.PRESETS),
    "invert": (InvertStatistics, invert.PRESETS),
    "translate": (TranslateStatistics, translate.PRESETS),
}


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    if not argv or argv[0] in ("-h", "--help"):
        print(f"usage: pellucid statistics {{{','.join(TASKS)}}} --data DATA [flags]\n\n"
              "How well a task does over a test set, with intervals.\n"
              "pellucid statistics TASK --help lists its flags.")  # fmt: skip
        return 0
    task = argv[0]
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    kind, presets = TASKS[task]
    flags = parse(kind, argv[1:], f"statistics {task}", presets)
    partial = None
    if flags.out is not None:
        if flags.out.suffix not in (".json", ".csv"):
            raise InputError(f"a table is a .json or a .csv, not {flags.out}")
        check_file(flags.out, flags.overwrite)
        partial = flags.out.with_suffix(".partial")
    names = models(flags)
    classifiers = {called: load(name, flags.device) for called, name in zip(short(names), names, strict=True)}
    first = next(iter(classifiers.values()))
    data = flags.ordered(load_data(flags.data, first.size, measuring=True), first)
    split, images = data.measured
    judge = load(flags.judge, flags.device) if flags.judge else None
    try:
        with progress_bar(task, flags.quiet) as advance:
            comparison = Comparison(classifiers, images, flags.count, flags.seed, judge, partial)
            found = flags.measure(comparison, precision=pick_precision(flags.precision, first.device), callback=advance)
    except KeyboardInterrupt:
        if partial is None or not partial.exists():
            raise
        raise KeyboardInterrupt(f"the same command goes on from {partial}") from None
    print(found)
    if flags.out is not None:
        facts = {**made_by("statistics", argv), "data": data.name, "split": split, **found.to_json()}
        write_json(flags.out, facts) if flags.out.suffix == ".json" else write_text(flags.out, found.to_csv())
        Parts(partial).forget()  # only now: until the table is written, the parts are all there is
    return 0
