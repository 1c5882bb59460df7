"""Many samples of a classifier as a data set: what FID is taken over, or another network learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_seed, positive_int
from ..base.devices import PrecisionChoice, pick_precision
from ..base.errors import InputError
from ..base.files import holds_something, write_json
from ..base.processes import Processes
from ..base.recipes import Settings, checked, plain
from ..base.task import task
from ..core.batch import at_once
from ..core.classifier import Classifier
from ..data.image import side
from ..data.jsonfile import read_json
from ..data.npz import Pieces, save_npz
from ..data.parts import Parts
from ..zoo.models import fingerprint
from .generate import GenerateRecipe, generate
from .start import Start, seeds

if TYPE_CHECKING:
    from typing_extensions import Unpack

SETTINGS = "samples.json"


class SampleSettings(Settings, total=False):
    """The fields of the recipe as keywords of `sample_dataset`."""

    start: Start


@task(GenerateRecipe)
def sample_dataset(
    classifier: Classifier,
    out: str | Path,
    count: int,
    recipe: GenerateRecipe | None = None,
    *,
    classes: Sequence[str | int] | None = None,
    mixture: dict[str, float] | None = None,
    seed: int = 0,
    precision: PrecisionChoice = "auto",
    team: Processes | None = None,
    callback: Callable[[float], None] | None = None,
    finish: Callable[[], object] = lambda: None,
    **settings: Unpack[SampleSettings],
) -> None:
    """Write `count` images of each class, made by `generate`, as a data set that `load_data` reads.

    Sample i is of class i mod K and has its own stream of the seed: it is the same whatever the count, the number of
    processes, and however often the work was stopped. One batch is made at a time, and kept in the folder NAME-parts
    beside the result until that is written: the same call goes on there.

    Args:
        classifier: the maker.
        out: the `.npz`; its labels are the classifier's class numbers, and all images are its train split.
        count: how many of each class.
        recipe: settings of `generate`.
        classes: names or numbers; all of them if not given.
        mixture: as of `generate`.
        seed: of the seeds.
        precision: of the network's passes; "auto" is bfloat16 where that is fast.
        team: the processes that share the work, all of which make this call, with one file system.
        callback: called with the share that is done: once before this call's first batch, then after each.
        finish: called in the first process once the result is written; until it returns, the work is unfinished.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: NAME-parts holds samples with other settings; a class that does not exist.

    >>> import tempfile, pellucid as pl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sample_dataset(pl.load("cifar10-l2-0.5", "cpu"), f"{folder}/made.npz", 2, steps=1)
    ...     made = pl.load_data(f"{folder}/made.npz").train
    >>> len(made), made.size, made.labels[:3]
    (20, (32, 32), tensor([0, 1, 2]))
    """
    check_classifier(classifier)
    out, team, recipe = Path(out), team or Processes(), checked(recipe, GenerateRecipe).at(classifier.size)
    names = classifier.class_names or [str(number) for number in range(classifier.classes)]
    labels = classifier.labels(names if classes is None else classes).repeat(positive_int("count", count))
    size = recipe.size or side(classifier)
    precision = pick_precision(precision, classifier.device)
    batch = at_once(torch.empty(0, 3, size, size, device=classifier.device))
    parts = Parts(parts_folder(out))
    facts = {
        "model_sha256": fingerprint(classifier),
        "gaussians": classifier.gaussians and crc32(classifier.gaussians.means.numpy()),
        "classes": labels[: len(labels) // count].tolist(),
        "recipe": plain(recipe),
        "mixture": mixture or {},
        "seed": check_seed(seed),
        "precision": precision,
        "batch": batch,
    }
    if team.main:
        _begin(Path(parts.folder or ""), facts)
    team.wait()
    spans = labels_by_part(labels, batch)
    own = dict(list(spans.items())[team.rank :: team.count])

    def make(first: int, label: Tensor) -> dict[str, Tensor]:
        start = seeds(classifier, label, recipe.start, seed, mixture, recipe.enlargement, first)
        made = generate(classifier, label, recipe, start=start, seed=seed, precision=precision)
        return {"images": (made.images.cpu() * 255).round().byte()}

    todo = {name: span for name, span in own.items() if parts.kept(name) is None}
    for number, (name, span) in enumerate(todo.items()):
        if callback is not None and not number:
            callback(1 - len(todo) / len(own))
        parts.keep(name, make(*span))
        if callback is not None:
            callback(1 - (len(todo) - number - 1) / len(own))
    team.wait()
    if team.main:
        images = (parts.get(name, lambda span=span: make(*span))["images"] for name, span in spans.items())
        save_npz(out, names, train=Pieces(labels, (size, size), images))
        finish()
        (Path(parts.folder or "") / SETTINGS).unlink()
        parts.forget()


def parts_folder(out: Path) -> Path:
    """Where the finished parts of a data set are."""
    return out.with_name(f"{out.stem}-parts")


def unfinished(out: Path) -> bool:
    """Whether a data set was begun here and not finished, though it may have been written already."""
    return (parts_folder(out) / SETTINGS).is_file()


def labels_by_part(labels: Tensor, batch: int) -> dict[str, tuple[int, Tensor]]:
    """The number of the first sample of each part, and its labels, by the part's name.

    >>> labels_by_part(torch.tensor([5, 6, 5]), batch=2)
    {'0000000-0000001': (0, tensor([5, 6])), '0000002-0000002': (2, tensor([5]))}
    """
    firsts = range(0, len(labels), batch)
    return {
        f"{first:07d}-{first + len(some) - 1:07d}": (first, some)
        for first, some in zip(firsts, labels.split(batch), strict=True)
    }


def _begin(folder: Path, settings: dict) -> None:
    """Write the settings of samples into the folder of their parts; `InputError` if it holds others."""
    path, settings = folder / SETTINGS, json.loads(json.dumps(settings))
    if path.is_file() and read_json(path) == settings:
        return
    if holds_something(folder):
        raise InputError(f"{folder} holds parts of another result; repeat the command that began it, choose another "
                         "--out, or delete the folder")  # fmt: skip
    write_json(path, settings)
