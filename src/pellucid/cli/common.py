"""What the commands share: flags, progress, inputs, saving."""

from __future__ import annotations

import hashlib
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
import tyro
from torch import Tensor

from ..base.checks import check_seed
from ..base.devices import pick_device, pick_precision
from ..base.errors import InputError, unknown
from ..base.processes import Processes, processes, sharing
from ..base.recipes import plain
from ..core.classifier import Classifier
from ..core.descend import Descent, Progress
from ..data.image import SUFFIXES, image_files, read_image, write_image
from ..gallery.save import check_free, save, sidecar
from ..gallery.sheet import Row, sheet
from ..zoo.models import card, fingerprint, load
from .frames import Frames, check_frames
from .usage import one_line

Flags = TypeVar("Flags")
# A recipe's fields are flags of the command itself: --eps, not --recipe.eps.
INLINE = tyro.conf.arg(name="")


@dataclass(frozen=True)
class RunFlags:
    """Flags of every command that makes images."""

    model: str = "cifar10-l2-0.5"
    """A name of `pellucid models`, a bundle's path, hub:OWNER/REPO/FILE, timm:NAME or torchvision:NAME."""
    out: Path = Path("pellucid-out")
    """A folder (created), or an image file for one grid of all results."""
    seed: int = 0
    """Every random choice follows from it."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the network's passes; auto takes bfloat16 where it is faster."""
    save_frames: Path | None = None
    """Also write the descent: a name ending in .gif for an animation, or a folder of PNGs."""
    overwrite: bool = False
    """Replace results that exist."""
    quiet: bool = False
    """No progress bar."""


@dataclass(frozen=True)
class BesideFlags(RunFlags):
    """Flags of the commands that can show two classifiers side by side."""

    beside: str | None = None
    """A second classifier, to which the same is done: cifar10-standard, ..."""


def parse(kind: type[Flags], argv: Sequence[str], command: str, presets: dict[str, Any] | None = None) -> Flags:
    """Flags from the command line; `--preset NAME` sets the recipe that further flags then change.

    `--recipe NAME` is the same: a preset is a recipe with a name. With presets, if only an empty table of them, the
    recipe's defaults are in proportion to the model's size.
    """
    argv = _decimals(argv)
    if presets:
        argv = [RECIPE.sub("--preset", word) for word in argv]
    default: Any = kind()
    if presets and (name := value_of(argv, "--preset")) is not None:
        if name not in presets:
            raise unknown("preset", name, presets)
        default = replace(default, recipe=presets[name])
    elif presets is not None and hasattr(default, "model"):
        side = _side(value_of(argv, "--model") or default.model)
        default = replace(default, recipe=default.recipe.at(side))
    config = (tyro.conf.FlagCreatePairsOff,)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            flags = tyro.cli(
                kind, args=argv, default=default, prog=f"pellucid {command}", description=kind.__doc__, config=config
            )
    except SystemExit as leaving:
        cause: BaseException | None = leaving
        while cause is not None and not isinstance(cause, InputError):
            cause = cause.__context__
        if cause is not None:  # tyro draws a box around what a recipe refuses; its one line is enough
            raise cause from None
        if leaving.code and (mistake := one_line(said.getvalue())):
            raise InputError(f"{mistake}; see pellucid {command} --help") from None
        sys.stderr.write(said.getvalue())
        raise
    for settings in (flags, getattr(flags, "recipe", None)):
        check_seed(getattr(settings, "seed", 0))
    return flags


def _side(model: str) -> int | None:
    """The side of the images that a model takes; None if it is not known, or the model is not."""
    try:
        return card(model).get("size")
    except InputError:
        return None


def value_of(words: Sequence[str], flag: str) -> str | None:
    """What a command line gives for `flag`, as the next word or after an equals sign; None if it is not there."""
    for word, following in zip(words, [*words[1:], None], strict=False):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == flag:
            return value if equals else following
    return None


RECIPE = re.compile(r"^--recipe(?=$|=)")
RADII = re.compile(r"--(attack\.)?(eps|step[-_]size)")
FRACTION = re.compile(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")


def _decimals(words: Sequence[str]) -> list[str]:
    """The words of a command line, with `--eps 8/255` as a decimal number."""
    flag, plain = "", []
    for word in words:
        head, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        flag = head or flag
        if (match := FRACTION.fullmatch(value)) and float(match[2]) and RADII.fullmatch(flag):
            value = repr(float(match[1]) / float(match[2]))
        plain.append(head + equals + value)
    return plain


Task = Callable[..., "Descent | list[Descent]"]
Rows = Callable[[dict[str, Descent]], list[Row]]


def carry_out(
    flags: Any, command: str, argv: Sequence[str], inputs: Sequence[Path], task: Task, rows: Rows | None = None
) -> int:
    """Load the classifier, run `task(classifier, callback=..., precision=...)` with progress, save what it returns.

    With `flags.beside` the task runs with that classifier too. Where `rows` is given and the output is one image, it
    shows the rows that it makes of the descents by their classifiers' names.
    """
    check_free(flags.out, flags.overwrite)
    together = processes()
    if flags.save_frames is not None:
        if together.count > 1:
            raise InputError("--save-frames needs one process: each of several sees its own images only")
        check_frames(flags.save_frames, flags.overwrite)
    together.wait()  # until everybody has seen that the place is free
    names = models(flags)
    frames = Frames() if flags.save_frames else None
    made = [
        _run(flags, name, number / len(names), 1 / len(names), command, task, together, frames if number == 0 else None)
        for number, name in enumerate(names)
    ]
    if not together.main:
        return 0
    (classifier, descents), *others = made
    final = descents[-1]
    info = {
        "task": command,
        "command": [command, *argv],
        "recipe": plain(flags.recipe) if is_dataclass(flags.recipe) and not isinstance(flags.recipe, type) else {},
        "seed": flags.seed,
        "model": flags.model,
        "model_sha256": fingerprint(classifier),
        "classes": classifier.class_names,
        "inputs": [{"path": str(path), "sha256": file_sha256(path)} for path in inputs],
    }
    for other, (*_, beside_final) in others:
        facts = {"model": names[1], "model_sha256": fingerprint(other), **beside_final.info}
        info["beside"] = {**facts, "images": sidecar(beside_final)["images"]}
    final.info = {**info, **final.info}
    page = None
    if rows is not None and flags.out.suffix:
        page = sheet(rows({name: last for name, (_, (*_, last)) in zip(short(names), made, strict=True)}))
    path = save(final, flags.out, sheet=page, overwrite=flags.overwrite)
    if not flags.out.suffix:
        for _, (*_, beside_final) in others:
            for number, image in enumerate(beside_final.images):
                write_image(flags.out / "beside" / f"{number:04d}.png", image)
    if frames is not None and flags.save_frames is not None:
        frames.write(flags.save_frames, descents[0].start, final.images)
    if not flags.quiet:
        print(f"{flags.out}  ({len(final.images)} images; how they were made: {path})")
    return 0


def models(flags: Any) -> list[str]:
    """The classifiers that the flags name: one, or two side by side."""
    beside = getattr(flags, "beside", None)
    if beside == flags.model:
        raise InputError(f"{beside} cannot stand beside itself; name another classifier")
    return [flags.model, beside] if beside else [flags.model]


def short(names: Sequence[str]) -> list[str]:
    """Models' names without their folders, unless that makes two alike."""
    last = [Path(name).name for name in names]
    return last if len(set(last)) == len(last) else list(names)


def _run(
    flags: Any, name: str, begin: float, span: float, command: str, task: Task, together: Processes,
    frames: Frames | None,
) -> tuple[Classifier, list[Descent]]:  # fmt: skip
    """The task with one classifier."""
    classifier = load(name, flags.device)
    with sharing(together), progress_bar(command, flags.quiet or not together.main) as advance:

        def callback(progress: Progress) -> None:
            advance(begin + span * progress.step / progress.steps)
            if frames is not None:
                frames.add(progress)

        result = task(classifier, callback=callback, precision=pick_precision(flags.precision, classifier.device))
    return classifier, result if isinstance(result, list) else [result]


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[Callable[[float], None]]:
    """Within, a function that is told the share of the work that is done; nothing is drawn without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def find_images(paths: Sequence[Path]) -> list[Path]:
    """The image files that were named, those in named folders included."""
    if not paths:
        raise InputError("name the images: --images FILE_OR_FOLDER ...")
    return [file for path in paths for file in (image_files(path) if path.is_dir() else [path])]


def read_images(files: Sequence[Path], size: int | None) -> Tensor:
    """Images as one batch, each brought to `size` x `size` (or of one size already)."""
    images = [read_image(file, size) for file in files]
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1:
        raise InputError("the images have different sizes, and this classifier does not say which size it takes")
    return torch.stack(images)


def one_label_each(classifier: Classifier, names: Sequence[str], count: int) -> Tensor | None:
    """Labels for `count` images: none given, one for all, or one each."""
    return classifier.label_each(names, count) if names else None


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


__all__ = [
    "SUFFIXES",
    "BesideFlags",
    "Row",
    "RunFlags",
    "carry_out",
    "find_images",
    "parse",
    "pick_device",
    "progress_bar",
    "read_images",
]
