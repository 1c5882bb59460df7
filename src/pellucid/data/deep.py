"""RGB files of 16 bits a channel, which Pillow reads and writes with 8: PNG, and TIFF in strips."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..base.files import replacing

SUFFIXES = (".png", ".tif", ".tiff")
DEFLATE = (8, 32946)
# TIFF's tags, in the order in which a file must have them.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR = (
    *(256, 257, 258, 259, 262, 273, 277, 278, 279, 284),
)
PREDICTOR, EXTRA, PROFILE = 317, 338, 34675


def read_deep(path: Path, image: Image.Image) -> Tensor | None:
    """The channels of an RGB or RGBA file of 16 bits, `(3 or 4, H, W)` float32 in [0, 1], not turned upright.

    `image` is the same file as Pillow opened and checked it. None for files of 8 bits, and for kinds of TIFF whose
    last 8 bits cannot be read here (other compressions than none and deflate, tiles, separate planes).
    """
    if image.format == "PNG":
        return _read_png(path)
    return _read_tiff(path, image) if image.format == "TIFF" else None


def _read_png(path: Path) -> Tensor | None:
    with path.open("rb") as file:
        header = file.read(26)
    if header[24:26] not in (b"\x10\x02", b"\x10\x06"):  # 16 bits of RGB, of RGBA
        return None
    # Of two bytes Pillow keeps the first if they are big-endian, and the second if it is told that they are not.
    high, low = (_bytes(path, order).astype(np.uint16) for order in ("16B", "16L"))
    return torch.from_numpy((high << 8 | low).astype(np.float32) / 65535).permute(2, 0, 1).contiguous()


def _bytes(path: Path, order: str) -> np.ndarray:
    with Image.open(path, formats=("PNG",)) as image:
        image.tile = [(*tile[:3], f"{image.mode};{order}") for tile in image.tile]  # pyright: ignore
        return np.array(image)


def _read_tiff(path: Path, image: Image.Image) -> Tensor | None:
    tags = image.tag_v2  # pyright: ignore[reportAttributeAccessIssue]
    channels = tags.get(SAMPLES, 1)
    compression, predictor = tags.get(COMPRESSION, 1), tags.get(PREDICTOR, 1)
    plain = tags.get(PHOTOMETRIC) == 2 and tags.get(PLANAR, 1) == 1 and compression in (1, *DEFLATE)
    if channels not in (3, 4) or tags.get(BITS) != (16,) * channels or not plain or predictor not in (1, 2):
        return None
    width, height = tags[WIDTH], tags[HEIGHT]
    row = width * channels * 2
    if OFFSETS not in tags or width * height != image.width * image.height:
        return None
    content = bytearray()
    with path.open("rb") as file:
        order = ">u2" if file.read(2) == b"MM" else "<u2"
        for offset, count in zip(tags[OFFSETS], tags[COUNTS], strict=False):
            file.seek(offset)
            strip, room = file.read(count), row * height - len(content)
            content += strip[:room] if compression == 1 else zlib.decompressobj().decompress(strip, max(room, 1))
    if len(content) < row * height:
        return None
    values = np.frombuffer(bytes(content[: row * height]), dtype=order).reshape(height, width, channels)
    if predictor == 2:
        values = np.cumsum(values, axis=1, dtype=np.uint16)
    return torch.from_numpy(values.astype(np.float32) / 65535).permute(2, 0, 1).contiguous()


# What makes an image upright whose EXIF orientation is this number.
UPRIGHT: dict[int, Callable[[Tensor], Tensor]] = {
    2: lambda t: t.flip(2),
    3: lambda t: t.flip(1, 2),
    4: lambda t: t.flip(1),
    5: lambda t: t.transpose(1, 2),
    6: lambda t: t.transpose(1, 2).flip(2),
    7: lambda t: t.transpose(1, 2).flip(1, 2),
    8: lambda t: t.transpose(1, 2).flip(1),
}


def write_deep(path: Path, channels: Tensor, profile: bytes | None = None) -> None:
    """Write `(3 or 4, H, W)` in [0, 1] with 16 bits a channel, as PNG or TIFF by the suffix, with an ICC profile."""
    values = (channels.detach().clamp(0, 1).double() * 65535).round().cpu().permute(1, 2, 0).contiguous().numpy()
    write = _png if path.suffix.lower() == ".png" else _tiff
    with replacing(path) as temporary:
        temporary.write_bytes(write(values.astype(np.uint16), profile))


def _png(values: np.ndarray, profile: bytes | None) -> bytes:
    height, width, channels = values.shape
    rows = values.astype(">u2").view(np.uint8).reshape(height, -1)
    above = np.concatenate([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.concatenate([np.full((height, 1), 2, np.uint8), rows - above], axis=1)  # filter 2: less the row above
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if profile:
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(profile)))
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes())), (b"IEND", b"")]
    parts = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _tiff(values: np.ndarray, profile: bytes | None) -> bytes:
    height, width, channels = values.shape
    strip = zlib.compress(values.astype("<u2").tobytes())
    after = 8 + len(strip) + len(strip) % 2
    bits = struct.pack(f"<{channels}H", *(16,) * channels)
    icc = profile or b""
    short, long, undefined = 3, 4, 7
    entries = [
        (WIDTH, long, 1, width),
        (HEIGHT, long, 1, height),
        (BITS, short, channels, after),
        (COMPRESSION, short, 1, DEFLATE[0]),
        (PHOTOMETRIC, short, 1, 2),
        (OFFSETS, long, 1, 8),
        (SAMPLES, short, 1, channels),
        (ROWS, long, 1, height),
        (COUNTS, long, 1, len(strip)),
        (PLANAR, short, 1, 1),
    ]
    if channels == 4:
        entries.append((EXTRA, short, 1, 2))  # alpha that colors are not multiplied with
    if icc:
        entries.append((PROFILE, undefined, len(icc), after + len(bits)))
    extra = bits + icc + b"\0" * (len(icc) % 2)
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + b"\0" * 4
    body = strip + b"\0" * (len(strip) % 2) + extra
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + table
