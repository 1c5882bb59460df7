"""Single values that the page may send: what their types are, and what types cannot say.

Nothing here loads torch, so that the server answers at once.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

MAX_SIDE = 1024  # of a picture on the canvas
MAX_ITEMS, MAX_TEXT = 100, 200  # of a setting
UNSEEN = ("Cc", "Zl", "Zp")  # control characters and line breaks, as Unicode calls them
TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")  # marks that turn the text after them round
ID = r"^[A-Za-z0-9_-]{16,64}$"


def check_png(text: str) -> str:
    """`text`, or `ValueError` unless it is the base64 of a whole PNG of at most 1024 x 1024 pixels."""
    from PIL import Image

    data = check_base64(text)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:  # reads the header only
            size = image.size
            if max(size) <= MAX_SIDE:
                image.verify()  # its checksums, and then its pixels
        if max(size) <= MAX_SIDE:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                image.load()
    except Exception:  # whatever Pillow runs into
        raise ValueError("not a PNG that can be read") from None
    if max(size) > MAX_SIDE:
        raise ValueError(f"a picture has at most {MAX_SIDE} x {MAX_SIDE} pixels, not {size[0]} x {size[1]}")
    return text


def check_base64(text: str) -> bytes:
    """The bytes that base64 stands for, or `ValueError`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None


def check_line(text: str) -> str:
    """`text`, or `ValueError` unless it reads as it is written, in one line."""
    if any(unicodedata.category(c) in UNSEEN or unicodedata.bidirectional(c) in TURNING for c in text):
        raise ValueError("no line breaks, and no marks that turn the text round")
    return text


def check_setting(value: object) -> object:
    """`value`, or `ValueError` unless a setting may be so; whether this one may is the form's to judge."""
    items = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(item, (bool, int, float, str)) for item in items):
        raise ValueError("a setting is a number, a text, true, false or null, or a list of them")
    if len(items) > MAX_ITEMS or any(len(item) > MAX_TEXT for item in items if isinstance(item, str)):
        raise ValueError(f"a setting has at most {MAX_ITEMS} entries, of at most {MAX_TEXT} characters")
    if not all(math.isfinite(item) for item in items if isinstance(item, float)):
        raise ValueError("not a finite number")
    return value


Id = Annotated[str, Field(pattern=ID)]
Name = Annotated[str, Field(max_length=200)]
Png = Annotated[str, Field(max_length=8 * 2**20), AfterValidator(check_png)]
Unit = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Factor = Literal[1, 2, 4, 8]  # 1: the picture is small as it is
Strength = Annotated[float, Field(ge=0.01, le=100)]
Settings = Annotated[dict[Name, Annotated[Any, AfterValidator(check_setting)]], Field(max_length=100)]
