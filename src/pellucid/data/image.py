"""Images at the size of a classifier, larger ones, and the files of a folder; `base.image` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ..base.checks import check_images
from ..base.errors import InputError
from ..base.image import FORMATS as FORMATS
from ..base.image import WRITTEN as WRITTEN
from ..base.image import Images, channels, opened
from ..base.image import cover as cover
from ..base.image import decode_image as decode_image
from ..base.image import quiet as quiet
from ..base.image import read_image as read_image
from ..base.image import to_pil as to_pil
from ..base.image import to_tensor as to_tensor
from ..base.image import write_image as write_image
from ..core.classifier import Classifier

SUFFIXES = (*WRITTEN, ".jfif", ".jpe", ".pbm", ".pnm", ".jp2", ".j2k", *[".avif"] * ("AVIF" in FORMATS))
Enlargement = Literal["bicubic", "nearest"]


def read_alpha(path: str | Path) -> Tensor | None:
    """The transparency of an image file, `(1, H, W)` in [0, 1] with 1 opaque, or None if it has none."""
    with opened(path) as image:
        pixels = channels(image)
    return pixels[3:] if len(pixels) == 4 else None


def enlarge(images: Tensor, size: int | tuple[int, int], kind: Enlargement = "bicubic") -> Tensor:
    """`(N, C, h, w)` in [0, 1] to `(N, C, H, W)` in [0, 1]."""
    if kind == "nearest":
        return F.interpolate(images, size, mode="nearest-exact")
    return F.interpolate(images, size, mode="bicubic", align_corners=False).clamp(0, 1)


def image_files(folder: str | Path) -> list[Path]:
    """The image files directly in a folder, sorted; raises `InputError` if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise InputError(f"{folder} holds no images ({', '.join(SUFFIXES)})")
    return files


def fit(classifier: Classifier, images: Images, name: str = "images") -> Tensor:
    """Images as people have them at the size that a classifier was trained on, cut square at the center.

    `(N, 3, S, S)` in [0, 1]; of any size, but of one, where the card does not say it. Raises `InputError` for others.
    """
    return check_images(images, name, classifier.size, classifier.mean.shape[1])


def side(classifier: Classifier) -> int:
    """The side of the images that a classifier was trained on; raises `InputError` where its card does not say."""
    if not classifier.size:
        raise InputError("this classifier does not say its image size; Classifier(..., card={'size': 32}) does")
    return classifier.size
