"""`--save-frames`: what the images looked like on their way."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..base.errors import InputError
from ..core.descent import Descent
from ..data.image import write_image
from ..data.picture import Picture
from ..style.pyramid import resized
from ..style.stylize import StyleProgress
from .grid import grid, magnified, write_gif
from .save import check_free

AT_MOST = 60  # frames of a style transfer, about


def write_frames(path: Path, start: Tensor, made: Descent) -> None:
    """A GIF, or a folder of PNGs, of the images of a task from the start to the end."""
    frames = [] if made.frames is None else [frame.float() / 255 for frame in made.frames]
    sheets = [grid(magnified(frame)) for frame in [start.cpu(), *frames, made.images.cpu()]]
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
