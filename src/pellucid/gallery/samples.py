"""Pictures to try everything with: two photos, drawings, a small image, and a data set of two classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from ..data.image import cover, read_image, write_image
from .page import folder_replacing
from .sketches import drawings, line_drawings

PHOTOS = ("china.jpg", "flower.jpg")
SIDE, SMALL, TILE = 256, 32, 64  # pixels: of a drawing, of the small image, of a tile


def samples(folder: str | Path = "samples", *, overwrite: bool = False) -> Path:
    """Write a few pictures, so that every example runs as it stands.

    In the folder are `photos/` (the two that scikit-learn ships), `lines/` and `drawings/` (six drawings with a pen
    and six in flat colors, 256 px), `small.png` (32 px, to enlarge), and `tiles/`, a data set of two classes: 64 px
    tiles of either photo, every second one in `train/` and the others in `test/`.

    Args:
        folder: appears when everything is written.
        overwrite: replace the folder.

    Returns:
        The folder's path.

    Raises:
        InputError: the folder holds something, or cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(path.name for path in samples(f"{folder}/samples").iterdir())
    ['drawings', 'lines', 'photos', 'small.png', 'tiles']
    """
    folder = Path(folder)
    with folder_replacing(folder, overwrite) as temporary:
        (temporary / "photos").mkdir()
        for name in PHOTOS:
            shutil.copyfile(sample_photo(name), temporary / "photos" / name)
            for number, tile in enumerate(tiles(read_image(sample_photo(name)))):
                split = ("train", "test")[number % 2]
                write_image(temporary / "tiles" / split / Path(name).stem / f"{number:02d}.png", tile)
        for kind, (names, pictures) in (("lines", line_drawings(SIDE)), ("drawings", drawings(SIDE))):
            for name, picture in zip(names, pictures, strict=True):
                write_image(temporary / kind / f"{name}.png", picture)
        photo = cover(read_image(sample_photo("flower.jpg"))[None], SIDE)
        write_image(temporary / "small.png", F.avg_pool2d(photo, SIDE // SMALL)[0])
    return folder


def sample_photo(name: str) -> Path:
    """The file of a photo that scikit-learn ships, `china.jpg` or `flower.jpg`."""
    from sklearn.datasets import __file__ as datasets

    return Path(datasets).parent / "images" / name


def tiles(photo: Tensor) -> Tensor:
    """A photo `(3, H, W)` cut into squares, `(N, 3, 64, 64)`, so that every second one has neighbors only among others.

    Tiles are counted like the fields of a chessboard: an odd number of them in a row puts light beside dark.
    """
    columns = (photo.shape[2] // TILE - 1) // 2 * 2 + 1
    cut = photo.unfold(1, TILE, TILE).unfold(2, TILE, TILE)[:, :, :columns]
    return cut.permute(1, 2, 0, 3, 4).flatten(0, 1)
