"""What the commands share: flags, progress, inputs, saving."""

from __future__ import annotations

import hashlib
import io
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
import tyro
from torch import Tensor

from ..classifier import Classifier
from ..data.image import SUFFIXES, image_files, read_image
from ..descent import Descent, Progress
from ..devices import pick_device, pick_precision
from ..errors import InputError, unknown
from ..gallery.grid import grid, magnified, write_gif
from ..gallery.save import check_free, save
from ..processes import processes, sharing
from ..synthesis.start import label_each, proportionate
from ..zoo.models import card, fingerprint, load

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


def parse(kind: type[Flags], argv: Sequence[str], command: str, presets: dict[str, Any] | None = None) -> Flags:
    """Flags from the command line; `--preset NAME` sets the recipe that further flags then change."""
    argv = _decimals(argv)
    default: Any = kind()
    if presets and (name := value_of(argv, "--preset")) is not None:
        if name not in presets:
            raise unknown("preset", name, presets)
        default = replace(default, recipe=presets[name])
    elif presets and hasattr(default, "model"):
        side = _side(value_of(argv, "--model") or default.model)
        default = replace(default, recipe=proportionate(default.recipe, side))
    config = (tyro.conf.FlagCreatePairsOff,)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(
                kind, args=argv, default=default, prog=f"pellucid {command}", description=kind.__doc__, config=config
            )
    except SystemExit as leaving:
        cause: BaseException | None = leaving
        while cause is not None and not isinstance(cause, InputError):
            cause = cause.__context__
        if cause is not None:  # tyro draws a box around what a recipe refuses; its one line is enough
            raise cause from None
        sys.stderr.write(said.getvalue())
        raise


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


def carry_out(
    flags: Any,
    command: str,
    argv: Sequence[str],
    inputs: Sequence[Path],
    task: Callable[..., Descent | list[Descent]],
) -> int:
    """Load the classifier, run `task(classifier, callback=..., precision=...)` with progress, save what it returns."""
    check_free(flags.out, flags.overwrite)
    together = processes()
    if flags.save_frames is not None:
        if together.count > 1:
            raise InputError("--save-frames needs one process: each of several sees its own images only")
        check_frames(flags.save_frames, flags.overwrite)
    together.wait()  # until everybody has seen that the place is free
    classifier = load(flags.model, flags.device)
    frames = Frames() if flags.save_frames else None
    with sharing(together), progress_bar(command, flags.quiet or not together.main) as advance:

        def callback(progress: Progress) -> None:
            advance(progress.step / progress.steps)
            if frames is not None:
                frames.add(progress)

        result = task(classifier, callback=callback, precision=pick_precision(flags.precision, classifier.device))
    if not together.main:
        return 0
    descents = result if isinstance(result, list) else [result]
    info = {
        "task": command,
        "command": [command, *argv],
        "recipe": asdict(flags.recipe) if is_dataclass(flags.recipe) and not isinstance(flags.recipe, type) else {},
        "seed": flags.seed,
        "model": flags.model,
        "model_sha256": fingerprint(classifier),
        "classes": classifier.class_names,
        "inputs": [{"path": str(path), "sha256": file_sha256(path)} for path in inputs],
    }
    final = descents[-1]
    final.info = {**info, **final.info}
    sidecar = save(final, flags.out, overwrite=flags.overwrite)
    if frames is not None and flags.save_frames is not None:
        frames.write(flags.save_frames, descents[0].start, final.images)
    if not flags.quiet:
        print(f"{flags.out}  ({len(final.images)} images; how they were made: {sidecar})")
    return 0


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


class Frames:
    """Collects what the images look like during a descent."""

    def __init__(self, at_most: int = 60):
        self.at_most = at_most
        self.current: Tensor | None = None
        self.seen: list[Tensor] = []

    def add(self, progress: Progress) -> None:
        """Note the images after a step, of about `at_most` steps in all."""
        if self.current is None or self.current.shape[0] <= int(progress.index.max()):
            rows = int(progress.index.max()) + 1
            grown = torch.full((rows, *progress.images.shape[1:]), 0.5)
            if self.current is not None:
                grown[: len(self.current)] = self.current
            self.current = grown
        if len(progress.index):
            self.current[progress.index.cpu()] = progress.images.cpu()
        if progress.step % math.ceil(progress.steps / self.at_most) == 0 or progress.step == progress.steps:
            self.seen.append(self.current.clone())

    def write(self, path: Path, start: Tensor, end: Tensor) -> None:
        """A GIF, or a folder of PNGs, from the start to the end."""
        from ..data.image import write_image

        same = [frame for frame in self.seen if len(frame) == len(end)]
        sheets = [grid(magnified(frame)) for frame in [start.cpu(), *same, end.cpu()]]
        if path.suffix.lower() == ".gif":
            write_gif(path, sheets)
            return
        for number, sheet in enumerate(sheets):
            write_image(path / f"frame-{number:04d}.png", sheet)


def check_frames(path: Path, overwrite: bool) -> None:
    """Raise `InputError` if frames cannot go to `path`."""
    if path.suffix and path.suffix.lower() != ".gif":
        raise InputError(f"frames go to a .gif or to a folder, not {path}")
    check_free(path, overwrite)


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
    return label_each(classifier, names, count) if names else None


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


__all__ = [
    "SUFFIXES",
    "RunFlags",
    "carry_out",
    "find_images",
    "parse",
    "pick_device",
    "progress_bar",
    "read_images",
]
