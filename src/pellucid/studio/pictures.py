"""Pictures that people send, decoded within bounds, and pictures that are sent back."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..ball import draw, generators
from ..data.image import FORMATS, cover, decode_image, quiet, to_pil, to_tensor
from ..errors import InputError
from ..synthesis.start import seeds

if TYPE_CHECKING:
    from .models import Loaded
    from .schema import Mask

Start = Literal["class", "noise", "blank"]

MAX_PIXELS = 40_000_000  # of an upload, by its header
KEPT_SIDE = 512  # the longer side of a photo that keeps its aspect
_one_at_a_time = threading.Lock()  # bounds memory, and warning filters belong to the whole process


def decoded(data: bytes) -> Tensor:
    """An image file's content as `(3, H, W)` in [0, 1], upright.

    Raises:
        InputError: not an image, damaged, over 40 million pixels.
    """
    with _opened(data) as image:
        return to_tensor(image)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """The PIL image in an uploaded file, upright; raises `InputError` as `decoded` does."""
    with _one_at_a_time, quiet():
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
    with _opened(data) as image:
        if size == "fit":
            return cover(to_tensor(_reduced(_square(image), side))[None], side)[0]
        image = to_tensor(_reduced(image, KEPT_SIDE))
    height, width = image.shape[1:]
    scale = KEPT_SIDE / max(height, width)
    if scale >= 1:
        return image
    shape = (max(1, round(height * scale)), max(1, round(width * scale)))
    return F.interpolate(image[None], shape, mode="bilinear", antialias=True).clamp(0, 1)[0]


def _square(image: Image.Image) -> Image.Image:
    """The middle of a PIL image."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """A photo whose shorter side is still at least twice `side`: block means of its 8 bits, before it takes 12 bytes
    a pixel."""
    blocks = min(image.size) // (2 * side) if image.mode in ("RGB", "L") else 1
    return image.reduce(blocks) if blocks > 1 else image


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
