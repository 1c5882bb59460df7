"""Decoding the pictures that people send, within bounds, and encoding those that are sent back."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ...base.errors import InputError
from ...data.image import FORMATS, cover, decode_image, quiet, to_pil, to_tensor
from ..schema import Mask

Box = tuple[int, int, int, int]  # left, top, right, bottom

MAX_PIXELS = 40_000_000  # of an upload, by its header; decoded, each takes 4 bytes, twice
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
    """The PIL image in a file, upright; raises `InputError` as `decoded` does, before large memory is taken."""
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


def photo(data: bytes, size: Literal["fit", "keep"], side: int, at: float = 0.5) -> Tensor:
    """An uploaded photo as `(3, H, W)`: cut square at `side`, or whole with a longer side of at most 512.

    `at` says where the square lies along the longer side, from 0 to 1.

    Raises:
        InputError: as of `decoded`.
    """
    with _one_at_a_time, _opened(data) as image:
        if size == "fit":
            return _resized(image, _square(*image.size, at), (side, side))
        scale = min(1.0, KEPT_SIDE / max(image.size))
        width, height = (max(1, round(length * scale)) for length in image.size)
        return _resized(image, (0, 0, *image.size), (height, width))


def _square(width: int, height: int, at: float) -> Box:
    """The largest square in a picture; with 0.5 in its middle, as `cover` cuts it out."""
    side = min(width, height)
    left, top = int((width - side) * at), int((height - side) * at)
    return left, top, left + side, top + side


def _resized(image: Image.Image, box: Box, size: tuple[int, int]) -> Tensor:
    """A box of a PIL image as `(3, H, W)`, resized (antialiased) as the commands do it.

    As floats a pixel takes 12 bytes and more, so the rows are resized to their new width a few at a time.
    """
    left, top, right, bottom = box
    count = max(1, STRIPE // (right - left))
    stripes = [
        _to_shape(to_tensor(image.crop((left, row, right, min(row + count, bottom)))), width=size[1])
        for row in range(top, bottom, count)
    ]
    return _to_shape(torch.cat(stripes, dim=1), height=size[0]).clamp(0, 1)


def _to_shape(image: Tensor, *, height: int | None = None, width: int | None = None) -> Tensor:
    """`(3, H, W)` resized in one direction; doing this in both equals resizing at once."""
    size = (height or image.shape[1], width or image.shape[2])
    return F.interpolate(image[None], size, mode="bilinear", antialias=True)[0]


def normalized(picture: str) -> bytes:
    """A posted picture (base64 of a PNG) as an 8-bit RGB PNG without metadata."""
    return png(decoded(base64.b64decode(picture)))


def png(image: Tensor) -> bytes:
    """`(3, H, W)` or `(1, H, W)` in [0, 1] as an 8-bit PNG, compressed quickly rather than well."""
    buffer = io.BytesIO()
    to_pil(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def gif(frames: list[bytes], side: int = 256) -> bytes:
    """PNGs of one run as a GIF that rests on the last one, enlarged to about this height."""
    images = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    width, height = images[-1].size
    times = max(1, side // height)
    first, *rest = [image.resize((times * width, times * height), Image.Resampling.BICUBIC) for image in images]
    each = [max(40, 3000 // len(images))] * len(rest)
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=[*each, 1500], loop=0)
    return buffer.getvalue()


def message(image: Tensor) -> dict[str, object]:
    """An image as JSON for the page: base64 of a PNG, width and height."""
    return {"picture": base64.b64encode(png(image)).decode(), "width": image.shape[2], "height": image.shape[1]}


def mask_png(mask: Mask) -> bytes:
    """A posted mask as a PNG, white where it is painted."""
    rows = torch.frombuffer(bytearray(mask.content), dtype=torch.uint8)
    return png(rows.reshape(1, mask.height, mask.width).float())


def read_mask(data: bytes, size: tuple[int, int]) -> Tensor:
    """A mask's PNG as `(1, 1, H, W)` of zeros and ones at this height and width, as the commands read one."""
    return (cover(decoded(data)[None], size).mean(1, keepdim=True) > 0.5).float()


def reduced(image: Tensor, side: int, factor: int) -> Tensor:
    """`(3, H, W)` cut square at `side` and shrunk by this factor, by the means of blocks."""
    if side % factor:
        raise InputError(f"a factor of {factor} does not divide the classifier's {side} px")
    return F.avg_pool2d(cover(image[None], side), factor)[0]
