"""How a command that makes images runs: load, work with progress, save."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base.devices import pick_device, pick_precision
from ..base.errors import InputError
from ..base.files import short
from ..base.processes import processes, sharing
from ..base.progress import wanted
from ..core.classifier import Classifier
from ..core.descent import Descent, Progress
from ..data.image import write_image
from ..gallery.frames import check_frames, write_frames
from ..gallery.save import check_free, save
from ..gallery.sheet import Row, sheet
from ..gallery.sidecar import made_by, of_descent, sidecar_path
from ..zoo.models import fingerprint, load
from ..zoo.smoothing import RandomizedSmoothing

COLUMNS = 8  # of a sheet of rows
Task = Callable[..., "Descent | list[Descent]"]
Rows = Callable[[dict[str, Descent]], list[Row]]


def carry_out(
    flags: Any, command: str, argv: Sequence[str], inputs: Sequence[Path], task: Task, rows: Rows | None = None
) -> int:
    """Load the classifier, run `task(classifier, seed=..., callback=..., precision=...)`, save what it returns.

    With `flags.beside` the task runs with those classifiers too. Where `rows` is given, or there are several
    classifiers, and the output is one image, it shows rows made of the descents by their classifiers' names.
    """
    check_free(flags.out, flags.overwrite)
    team = processes()
    if flags.save_frames is not None:
        if team.count > 1:
            raise InputError("--save-frames needs one process: each of several sees its own images only")
        check_frames(flags.save_frames, flags.overwrite)
    team.wait()  # until every process has seen that the place is free
    classifiers: dict[str, Classifier] = {}
    made: dict[str, list[Descent]] = {}
    names = models(flags)
    precision = pick_precision(flags.precision, pick_device(flags.device))
    with sharing(team), progress_bar(command, flags.quiet or not team.main) as advance:
        for number, name in enumerate(names):
            classifier = classifiers[name] = loaded(name, flags)

            def callback(progress: Progress, number: int = number) -> None:
                advance((number + progress.step / progress.steps) / len(names))

            result = task(classifier, seed=flags.seed, callback=callback, precision=precision)
            made[name] = result if isinstance(result, list) else [result]
    if not team.main:
        return 0
    final = made[flags.model][-1]
    facts = made_by(command, argv, recipe=flags.recipe, seed=flags.seed, inputs=inputs)
    facts |= {"model": flags.model, "model_sha256": fingerprint(classifiers[flags.model]), "precision": precision}
    facts |= {"classes": classifiers[flags.model].class_names}
    for name in names[1:]:
        about = {"model": name, "model_sha256": fingerprint(classifiers[name]), **made[name][-1].info}
        facts.setdefault("beside", []).append({**about, "images": of_descent(made[name][-1])["images"]})
    page = None
    if flags.out.suffix and (rows is not None or len(names) > 1):
        by_name = {called: made[name][-1] for called, name in zip(short(names), names, strict=True)}
        page = sheet((rows or side_by_side)(by_name))
    final = replace(final, info={**facts, **final.info})
    save(final, flags.out, sheet=page, overwrite=flags.overwrite)
    if not flags.out.suffix:
        for called, name in zip(short(names)[1:], names[1:], strict=True):
            for number, image in enumerate(made[name][-1].images):
                write_image(flags.out / "beside" / called / f"{number:04d}.png", image)
    if flags.save_frames is not None:
        write_frames(flags.save_frames, made[flags.model][0].start, final)
    if not flags.quiet:
        print(written(flags.out, len(final.images)))
    return 0


def written(out: Path, count: int) -> str:
    """What is said of a result on disk: its place, its number of images and its sidecar."""
    made = "1 image; how it was made" if count == 1 else f"{count} images; how they were made"
    return f"{out}  ({made}: {sidecar_path(out)})"


def loaded(name: str, flags: Any) -> Classifier:
    """The classifier of this name, smoothed where the flags say so."""
    classifier = load(name, flags.device)
    return RandomizedSmoothing(classifier, flags.smooth, flags.samples, flags.seed) if flags.smooth else classifier


def models(flags: Any) -> list[str]:
    """The classifiers that the flags name: one, or several side by side."""
    names = [flags.model, *getattr(flags, "beside", ())]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name} cannot stand beside itself; name another classifier")
    return names


def side_by_side(made: dict[str, Descent]) -> list[Row]:
    """What the images began as, and below them what each classifier made of them."""
    return above([Row("start", next(iter(made.values())).start)], made)


def above(
    given: Iterable[Row], made: dict[str, Descent], captions: Callable[[Descent], Sequence[str]] = lambda descent: ()
) -> list[Row]:
    """Rows of what was given, and below them what each classifier made of it, at most eight images in a row.

    Args:
        given: rows of as many images as there are results.
        made: the results by the classifiers' names; of one classifier alone the row is called "result".
        captions: from a descent to one caption for each of its images, or none.
    """
    called = list(made) if len(made) > 1 else ["result"]
    whole = [*given, *(Row(name, d.images, captions(d)) for name, d in zip(called, made.values(), strict=True))]
    parts = [slice(first, first + COLUMNS) for first in range(0, len(whole[0].images), COLUMNS)]
    return [Row(row.label, row.images[part], row.captions[part]) for part in parts for row in whole]


def intended(classifier: Classifier) -> Callable[[Descent], list[str]]:
    """From a descent to the class that each of its images was meant to show, by name."""
    names = classifier.class_names
    return lambda descent: [
        names[label] if names else str(label) for label in ([] if descent.label is None else descent.label.tolist())
    ]


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[Callable[[float], None]]:
    """Yields a function that takes the share of the work that is done; nothing is drawn without a terminal."""
    if quiet or not (sys.stderr.isatty() and wanted()):
        yield lambda share: None
        return
    from rich import progress
    from rich.console import Console

    columns = [progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn()]
    columns += [progress.TimeElapsedColumn(), progress.TimeRemainingColumn()]
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda share: bar.update(task, completed=share)
