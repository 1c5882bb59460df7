"""`--save-frames`: what the images looked like on their way."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import InputError
from ..core.descent import Progress
from ..data.image import write_image
from ..data.picture import Picture
from ..style.pyramid import resized
from ..style.stylize import StyleProgress
from .grid import grid, magnified, write_gif
from .save import check_free

AT_MOST = 60  # frames, about


class Frames:
    """Collects what the images look like during a descent."""

    def __init__(self):
        self.current = torch.empty(0)
        self.seen: list[Tensor] = []

    def add(self, progress: Progress) -> None:
        """Note the images after a step, of about 60 steps in all."""
        if len(progress.index):
            if progress.images.shape[1:] != self.current.shape[1:]:  # the first ones, or larger ones than before
                self.current = torch.empty(0)
            missing = int(progress.index.max()) + 1 - len(self.current)
            gray = torch.full((max(missing, 0), *progress.images.shape[1:]), 0.5)
            self.current = torch.cat([self.current.reshape(-1, *gray.shape[1:]), gray])
            self.current[progress.index.cpu()] = progress.images.cpu()
        if progress.step % math.ceil(progress.steps / AT_MOST) == 0 or progress.step == progress.steps:
            self.seen.append(self.current.clone())

    def write(self, path: Path, start: Tensor, end: Tensor) -> None:
        """A GIF, or a folder of PNGs, from the start to the end."""
        size = (end.shape[2], end.shape[3])
        same = [resized(frame, size) for frame in self.seen if len(frame) == len(end)]
        sheets = [grid(magnified(frame)) for frame in [start.cpu(), *same, end.cpu()]]
        if path.suffix.lower() == ".gif":
            write_gif(path, sheets)
        else:
            for number, sheet in enumerate(sheets):
                _write(path, number, sheet)


class StyleFrames:
    """Collects the pictures of a style transfer, over white; a folder gets each one as it comes.

    Args:
        path: a .gif or a folder.
        every: evaluations from one frame to the next; about 60 frames in all if None.
        picture: the content, whose transparency the frames have.
    """

    def __init__(self, path: Path, every: int | None, picture: Picture):
        self.path, self.every, self.picture = path, every, picture
        self.is_gif = path.suffix.lower() == ".gif"
        self.count = 0
        self.seen: list[Tensor] = []

    def add(self, progress: StyleProgress) -> None:
        """Note the picture of an evaluation, if it is its turn."""
        if (progress.evaluation - 1) % (self.every or max(1, progress.evaluations // AT_MOST)) == 0:
            self._keep(progress.images)

    def finish(self, images: Tensor) -> None:
        """Keep the result too, and write the GIF; every frame of it gets the size of the result."""
        self._keep(images)
        if self.is_gif:
            size = (images.shape[2], images.shape[3])
            write_gif(self.path, [resized(frame[None], size)[0] for frame in self.seen])

    def _keep(self, images: Tensor) -> None:
        frame = self.picture.with_pixels(images[0].cpu()).over_white
        if self.is_gif:
            self.seen.append(frame)
            return
        _write(self.path, self.count, frame)
        self.count += 1


def _write(folder: Path, number: int, frame: Tensor) -> None:
    """Write a frame into a folder; the first one replaces those of an earlier run."""
    for old in folder.glob("frame-*.png") if number == 0 else ():
        old.unlink()
    write_image(folder / f"frame-{number:04d}.png", frame)


def check_frames(path: Path, overwrite: bool) -> None:
    """Raise `InputError` if frames cannot go to `path`."""
    if path.suffix and path.suffix.lower() != ".gif":
        raise InputError(f"frames go to a .gif or to a folder, not {path}")
    check_free(path, overwrite)
