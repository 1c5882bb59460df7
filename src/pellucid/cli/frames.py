"""`--save-frames`: what the images looked like on their way."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import InputError
from ..core.descend import Progress
from ..data.image import write_image
from ..gallery.grid import grid, magnified, write_gif
from ..gallery.save import check_free


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
