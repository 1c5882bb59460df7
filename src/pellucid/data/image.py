"""Image files to RGB tensors in [0, 1], whatever their size, mode and depth; and back."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..base.errors import InputError
from ..base.files import replacing
from ..core.classifier import Classifier

MAX_PIXELS = 100_000_000  # refused before decoding: 10,000 x 10,000 is the largest square
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
Enlargement = Literal["bicubic", "nearest"]


def read_image(path: str | Path, size: int | tuple[int, int] | None = None) -> Tensor:
    """Read an image file as `(3, H, W)` float32 in [0, 1].

    Grayscale, palette and CMYK become RGB, 16 bits keep their precision where the file has one channel, transparency
    is laid over white, and the EXIF orientation is applied. With `size` the image is resized so that it covers the
    square (or height x width) and its center is cut out.

    Raises:
        InputError: not an image, truncated, missing, or over 100 million pixels.
    """
    with opened(path) as image:
        pixels = to_tensor(image)
    return cover(pixels[None], size)[0] if size is not None else pixels


def read_alpha(path: str | Path) -> Tensor | None:
    """The transparency of an image file, `(1, H, W)` in [0, 1] with 1 opaque, or None if it has none."""
    with opened(path) as image:
        if not has_alpha(image):
            return None
        return _array(image.convert("RGBA").getchannel("A"), 255)


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """A context with the decoded PIL image of a file, upright; raises `InputError` for what is not one."""
    path = Path(path)
    try:
        with path.open("rb") as file, quiet():
            image = decode_image(file, path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not an image file") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    with image:
        yield image


def decode_image(file: BinaryIO, name: object) -> Image.Image:
    """The PIL image in an open file, upright; `name` is what an `InputError` calls it. Call it within `quiet`."""
    try:
        image = Image.open(file, formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        image.load()
        return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise InputError(f"{name} has over {MAX_PIXELS // 10**6} million pixels; scale it down first") from None
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image ({', '.join(FORMATS)} can be read)") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
        raise InputError(f"{name} is damaged: {error}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings of Pillow's, about large images and damaged metadata.

    Warning filters belong to the whole process: threads that decode share one `quiet` around them all.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def has_alpha(image: Image.Image) -> bool:
    """Whether a PIL image has transparency, as a channel or as a palette entry."""
    return image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info


def to_tensor(image: Image.Image) -> Tensor:
    """A PIL image as `(3, H, W)` float32 in [0, 1], over white where it is transparent."""
    if image.mode.startswith("I"):  # 16-bit grayscale; PIL's own conversion to 8 bits clips it
        return _array(image, 65535).clamp(0, 1).expand(3, -1, -1).clone()
    if image.mode == "F":
        return _array(image, 1).clamp(0, 1).expand(3, -1, -1).clone()
    if has_alpha(image):
        rgba = _array(image.convert("RGBA"), 255)
        return rgba[:3] * rgba[3:] + (1 - rgba[3:])
    return _array(image.convert("RGB"), 255)


def _array(image: Image.Image, largest: int) -> Tensor:
    pixels = torch.from_numpy(np.array(image).astype(np.float32) / largest)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()


def cover(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """`(N, C, H, W)` resized (antialiased) to cover `size` with their aspect kept, and cut to it at the center."""
    height, width = (size, size) if isinstance(size, int) else size
    scale = max(height / images.shape[2], width / images.shape[3])
    # Cut first: a strip of 10 x 100,000 pixels must not be enlarged as a whole.
    rows, columns = min(images.shape[2], round(height / scale)), min(images.shape[3], round(width / scale))
    top, left = (images.shape[2] - rows) // 2, (images.shape[3] - columns) // 2
    images = images[:, :, top : top + max(rows, 1), left : left + max(columns, 1)]
    if tuple(images.shape[2:]) == (height, width):
        return images
    return F.interpolate(images, (height, width), mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)


def enlarge(images: Tensor, size: int | tuple[int, int], kind: Enlargement = "bicubic") -> Tensor:
    """`(N, C, h, w)` in [0, 1] to `(N, C, H, W)` in [0, 1]."""
    if kind == "nearest":
        return F.interpolate(images, size, mode="nearest-exact")
    return F.interpolate(images, size, mode="bicubic", align_corners=False).clamp(0, 1)


def to_pil(image: Tensor) -> Image.Image:
    """`(C, H, W)` in [0, 1] to an 8-bit PIL image."""
    array = (image.detach().clamp(0, 1) * 255).round().byte().cpu().permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def write_image(path: str | Path, image: Tensor) -> None:
    """Write `(C, H, W)` in [0, 1] as an image file of 8 bits, in the format that the suffix names."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write {path}: the name must end in one of {', '.join(SUFFIXES)}")
    with replacing(path) as temporary:
        to_pil(image).save(temporary)


def image_files(folder: str | Path) -> list[Path]:
    """The image files directly in a folder, sorted; raises `InputError` if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not files:
        raise InputError(f"{folder} holds no images ({', '.join(SUFFIXES)})")
    return files


def fit(classifier: Classifier, images: Tensor) -> Tensor:
    """The images at the size that a classifier was trained on, cut square at the center."""
    return cover(images, classifier.size) if classifier.size else images


def side(classifier: Classifier) -> int:
    """The side of the images that a classifier was trained on; raises `InputError` where its card does not say."""
    if not classifier.size:
        raise InputError("this classifier's card does not say its image size; give a start image")
    return classifier.size
