"""Images as people have them, files among them, to tensors in [0, 1]; and back."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError
from torch import Tensor

from .errors import InputError
from .files import replacing

MAX_PIXELS = 100_000_000  # refused before decoding: 10,000 x 10,000 is the largest square
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
if find_spec("PIL.AvifImagePlugin"):  # since Pillow 11.3
    FORMATS = (*FORMATS, "AVIF")
WRITTEN = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
# What a PNG's transparent color is multiplied by, as Pillow does with the pixels of these raw modes.
PNG_DEPTHS = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}
OneImage = Tensor | np.ndarray | Image.Image | str | Path


class HasImages(Protocol):
    """A result of a task, whose images are taken."""

    images: Tensor


Images = OneImage | HasImages | Sequence[OneImage | HasImages]


def as_tensor(image: Any) -> Tensor:
    """An image as people have it as a tensor, `(C, H, W)`; a batch, `(N, C, H, W)`, stays one.

    An array is what matplotlib shows, `(H, W)`, `(H, W, 3)` or `(H, W, 4)`, or has its channels first. 8-bit values are
    divided by 255, but for a mask of zeros and ones. What has transparency is laid over white.

    >>> as_tensor(np.full((2, 4, 3), 255, dtype=np.uint8)).shape, float(as_tensor(np.eye(2)).mean())
    (torch.Size([3, 2, 4]), 0.5)
    """
    if isinstance(image, (str, Path)):
        return read_image(image)
    if isinstance(image, Image.Image):
        _check_range(image, "the PIL image")
        return to_tensor(ImageOps.exif_transpose(image))
    pixels = torch.from_numpy(np.array(image)) if isinstance(image, np.ndarray) else image
    if pixels.dtype == torch.uint8:
        pixels = pixels / (255 if bool((pixels > 1).any()) else 1)
    if not isinstance(image, np.ndarray):
        return pixels
    if pixels.ndim == 2:
        return pixels.expand(3, -1, -1)
    return over_white(pixels.movedim(-1, -3) if pixels.shape[-1] in (1, 3, 4) else pixels)


def read_image(path: str | Path, size: int | tuple[int, int] | None = None) -> Tensor:
    """Read an image file as `(3, H, W)` float32 in [0, 1].

    Grayscale, palette and CMYK become RGB, transparency is laid over white, and the EXIF orientation is applied. Of
    16 bits a channel gray images keep all and others the first 8. With `size` the image is resized so that it covers
    the square (or height x width) and its center is cut out.

    Raises:
        InputError: not an image, truncated, missing, over 100 million pixels, floats outside [0, 1], or whole numbers
            of 12 or 32 bits.
    """
    with opened(path) as image:
        pixels = to_tensor(image)
    return cover(pixels[None], size)[0] if size is not None else pixels


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
        raw = str(image.tile[0][3]) if image.format == "PNG" and image.tile else ""
        image.load()
        _check_range(image, name)
        key = image.info.get("transparency")
        if raw in PNG_DEPTHS and key is not None:
            scaled = [int(value * PNG_DEPTHS[raw]) for value in (key if isinstance(key, tuple) else (key,))]
            image.info["transparency"] = tuple(scaled) if len(scaled) == 3 else scaled[0]
        return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError:
        raise InputError(f"{name} has over {MAX_PIXELS // 10**6} million pixels; scale it down first") from None
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image that can be read ({', '.join(FORMATS)})") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, struct.error) as error:
        raise InputError(f"{name} is damaged: {error}") from None


def _check_range(image: Image.Image, name: object) -> None:
    """Raise `InputError` for numbers of which it is not known what white is."""
    if image.mode == "F":
        values = np.asarray(image)
        if not (values.min() >= -1e-3 and values.max() <= 1 + 1e-3):  # also refuses NaN
            raise InputError(f"{name} holds floats from {values.min():g} to {values.max():g}; they must be in [0, 1]")
    bits = image.tag_v2.get(258, (8,)) if isinstance(image, TiffImagePlugin.TiffImageFile) else (32,)
    if (image.mode == "I" and image.format not in ("PNG", "PPM")) or 12 in bits:
        raise InputError(
            f"{name} holds whole numbers of {bits[0]} bits, signed ones or of 12 or 32; save it with 8 or 16"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings of Pillow's, about large images and damaged metadata.

    Warning filters belong to the whole process: threads that decode share one `quiet` around them all.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def to_tensor(image: Image.Image) -> Tensor:
    """A PIL image as `(3, H, W)` float32 in [0, 1], over white where it is transparent."""
    return over_white(channels(image))


def check_unit(images: Tensor) -> Tensor:
    """These images; `InputError` where values are as large as those of 8 bits, which noise on [0, 1] never is.

    It waits for the device once, so it stands where a caller's images come in and not within a loop.
    """
    if not isinstance(images, Tensor):
        raise InputError(f"give images as a tensor (N, C, H, W), not as {type(images).__name__}; predict and "
                         "probabilities take paths, too")  # fmt: skip
    if images.is_floating_point() and images.numel() and float(images.detach().amax()) > 20:
        raise InputError(
            f"images are in [0, 1], not up to {float(images.detach().amax()):g}; divide 8-bit values by 255"
        )
    return images


def over_white(pixels: Tensor) -> Tensor:
    """`(..., 4, H, W)`, whose last channel is 1 where it is opaque, as it looks on white paper; others as they are."""
    if pixels.shape[-3] != 4:
        return pixels
    colors, alpha = pixels.split([3, 1], -3)
    return colors * alpha + (1 - alpha)


def channels(image: Image.Image) -> Tensor:
    """A PIL image as `(3, H, W)` float32 in [0, 1]; as `(4, H, W)`, the last 1 where it is opaque, if it has alpha."""
    if image.mode.startswith("I") or image.mode == "F":  # 16-bit gray, which Pillow would clip to 8 bits, or floats
        values = torch.from_numpy(np.array(image).astype(np.float32))[None]
        gray = (values / (1 if image.mode == "F" else 65535)).clamp(0, 1).expand(3, -1, -1)
        key = image.info.get("transparency")
        return gray.clone() if key is None else torch.cat([gray, (values != key).float()])
    alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    pixels = torch.from_numpy(np.array(image.convert("RGBA" if alpha else "RGB")).astype(np.float32) / 255)
    return pixels.permute(2, 0, 1).contiguous()


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


def to_pil(image: Tensor) -> Image.Image:
    """`(C, H, W)` in [0, 1] to an 8-bit PIL image."""
    array = (image.detach().clamp(0, 1) * 255).round().byte().cpu().permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def write_image(path: str | Path, image: OneImage) -> None:
    """Write an image, `(C, H, W)` or `(1, C, H, W)` in [0, 1], as a file of 8 bits, in the format of its suffix."""
    path = Path(path)
    if path.suffix.lower() not in WRITTEN:
        raise InputError(f"cannot write {path}: the name must end in one of {', '.join(WRITTEN)}")
    pixels = as_tensor(image)
    pixels = pixels[0] if pixels.ndim == 4 and len(pixels) == 1 else pixels
    if pixels.ndim != 3:
        raise InputError(f"give one image, (C, H, W), not {tuple(pixels.shape)}")
    with replacing(path) as temporary:
        to_pil(pixels).save(temporary)
