"""Pictures that people send, decoded within bounds, and pictures that are sent back."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..base.errors import InputError
from ..core.batch import draw, generators
from ..data.image import FORMATS, cover, decode_image, quiet, to_pil, to_tensor
from ..synthesis.start import seeds

if TYPE_CHECKING:
    from .models import Loaded
    from .schema import Mask

Start = Literal["class", "noise", "blank"]
Box = tuple[int, int, int, int]  # left, top, right, bottom

MAX_PIXELS = 40_000_000  # of an upload, by its header
STRIPE = 2**20  # pixels of it that are floats at a time
KEPT_SIDE = 512  # the longer side of a photo that keeps its aspect
_one_at_a_time = threading.Lock()  # bounds memory, and warning filters belong to the whole process


def decoded(data: bytes) -> Tensor:
    """An image file's content as `(3, H, W)` in [0, 1], upright.

    Raises:
        InputError: not an image, damaged, over 40 million pixels.
    """
    with _one_at_a_time, _opened(data) as image:
        return to_tensor(image)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """The PIL image in an uploaded file, upright; raises `InputError` as `decoded` does."""
    with quiet():
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                pixels = image.width * image.height
        except Image.DecompressionBombError:
            pixels = MAX_PIXELS + 1
        except Exception:  # decode_image says what is wrong
            pixels = 0
        if pixels > MAX_PIXELS:
            raise InputError(f"the picture has over {MAX_PIXELS // 10**6} million pixels; scale it down first")
        with decode_image(io.BytesIO(data), "the picture") as image:
            yield image


def photo(data: bytes, size: Literal["fit", "keep"], side: int) -> Tensor:
    """An uploaded photo as `(3, H, W)`: cut square at `side`, or whole with a longer side of at most 512."""
    # What a thread has freed is often kept for that thread, and one that computes slows the worker: this one goes.
    with _one_at_a_time, ThreadPoolExecutor(1) as own:
        return own.submit(_photo, data, size, side).result()


def _photo(data: bytes, size: Literal["fit", "keep"], side: int) -> Tensor:
    with _opened(data) as image:
        if size == "fit":
            return _resized(image, _middle(*image.size), (side, side))
        scale = min(1.0, KEPT_SIDE / max(image.size))
        width, height = (max(1, round(length * scale)) for length in image.size)
        return _resized(image, (0, 0, *image.size), (height, width))


def _middle(width: int, height: int) -> Box:
    """The largest square in the middle of a picture, as `cover` cuts it out."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _resized(image: Image.Image, box: Box, size: tuple[int, int]) -> Tensor:
    """A box of a PIL image as `(3, H, W)`, resized (antialiased) as the commands do it.

    A pixel takes 12 bytes as floats, and more on the way: so rows get their new width a few at a time.
    """
    left, top, right, bottom = box
    count = max(1, STRIPE // (right - left))
    stripes = [
        _to_shape(to_tensor(image.crop((left, row, right, min(row + count, bottom)))), width=size[1])
        for row in range(top, bottom, count)
    ]
    return _to_shape(torch.cat(stripes, dim=1), height=size[0]).clamp(0, 1)


def _to_shape(image: Tensor, *, height: int | None = None, width: int | None = None) -> Tensor:
    """`(3, H, W)` resized in one direction, which is half of what resizing in both does."""
    size = (height or image.shape[1], width or image.shape[2])
    return F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def beginning(loaded: Loaded, kind: Start, label: str | None, seed: int) -> Tensor:
    """A picture to begin with, `(3, S, S)`: a draw from a class's Gaussian, noise, or white."""
    blank = torch.ones(3, loaded.side, loaded.side)
    if kind == "blank":
        return blank
    if kind == "noise":
        rng = generators(seed, 1)
        return (0.5 + draw(torch.randn, blank[None], rng)[0] / 5).clamp(0, 1)
    if label is None:
        raise InputError("say which class the picture is to be drawn from")
    return seeds(loaded.classifier, loaded.classifier.labels(label), seed=seed)[0]


def normalized(picture: str) -> bytes:
    """A posted picture (base64 of a PNG) as a PNG of 8 bits RGB without anything else in it."""
    return png(decoded(base64.b64decode(picture)))


def png(image: Tensor) -> bytes:
    """`(3, H, W)` or `(1, H, W)` in [0, 1] as a PNG of 8 bits, compressed quickly rather than well."""
    buffer = io.BytesIO()
    to_pil(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def message(image: Tensor) -> dict[str, object]:
    """An image as an answer holds it: base64 of a PNG, width and height."""
    return {"picture": base64.b64encode(png(image)).decode(), "width": image.shape[2], "height": image.shape[1]}


def mask_png(mask: Mask) -> bytes:
    """A posted mask as a PNG, white where it is painted."""
    rows = torch.frombuffer(bytearray(mask.content), dtype=torch.uint8)
    return png(rows.reshape(1, mask.height, mask.width).float())


def read_mask(data: bytes, size: tuple[int, int]) -> Tensor:
    """A mask's PNG as `(1, 1, H, W)` of zeros and ones at this height and width, as the commands read one."""
    return (cover(decoded(data)[None], size).mean(1, keepdim=True) > 0.5).float()


def reduced(image: Tensor, side: int, factor: int) -> Tensor:
    """`(3, H, W)` cut square at `side` and brought down by block means of this factor."""
    if side % factor:
        raise InputError(f"a factor of {factor} does not divide the classifier's {side} px")
    return F.avg_pool2d(cover(image[None], side), factor)[0]
