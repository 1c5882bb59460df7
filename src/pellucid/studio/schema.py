"""What the page may send: the bodies of requests and the session file, checked field by field.

Nothing here loads torch, so that the server answers at once.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MAX_SIDE = 1024  # of a picture on the canvas
MAX_STROKES, MAX_HISTORY = 64, 50
MAX_ITEMS, MAX_TEXT = 100, 200  # of a setting
CONTROLS = ("Cc", "Zl", "Zp")  # Unicode's categories of control characters and line breaks
DIRECTIONS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")  # marks that change a text's direction
ID = r"^[A-Za-z0-9_-]{16,64}$"


def check_base64(text: str) -> bytes:
    """The bytes that base64 stands for, or `ValueError`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None


def check_png(text: str) -> str:
    """`text`, or `ValueError` unless it is the base64 of a whole PNG of at most 1024 x 1024 pixels."""
    from PIL import Image

    data = check_base64(text)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:  # reads the header only
            size = image.size
            if max(size) <= MAX_SIDE:
                image.load()
    except Exception:  # Pillow raises errors of many kinds
        raise ValueError("not a PNG that can be read") from None
    if max(size) > MAX_SIDE:
        raise ValueError(f"a picture has at most {MAX_SIDE} x {MAX_SIDE} pixels, not {size[0]} x {size[1]}")
    return text


def check_line(text: str) -> str:
    """`text`, or `ValueError` if it holds line breaks, control characters or marks that change its direction."""
    if any(unicodedata.category(c) in CONTROLS or unicodedata.bidirectional(c) in DIRECTIONS for c in text):
        raise ValueError("no line breaks, and no marks that change the text's direction")
    return text


def check_setting(value: object) -> object:
    """`value`, or `ValueError` unless some setting could have it; the form decides whether this one can."""
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


class Body(BaseModel):
    """No unknown fields, no conversions, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Mask(Body):
    """A painted region: one byte for each pixel, 1 or 0, row by row."""

    width: Annotated[int, Field(ge=1, le=MAX_SIDE)]
    height: Annotated[int, Field(ge=1, le=MAX_SIDE)]
    bytes: Annotated[str, Field(max_length=2 * MAX_SIDE**2)]

    @property
    def content(self) -> bytes:
        """The bytes, decoded."""
        return base64.b64decode(self.bytes)

    @model_validator(mode="after")
    def check(self) -> Mask:
        """`ValueError` unless there is one byte for each pixel, 0 or 1."""
        content, pixels = check_base64(self.bytes), self.width * self.height
        if len(content) != pixels:
            raise ValueError(f"a mask of {self.width} x {self.height} has {pixels} bytes, not {len(content)}")
        if content.translate(None, b"\0\1"):
            raise ValueError("a mask's bytes are 0 or 1")
        return self


class StrokeBody(Body):
    """One stroke of a unit."""

    mask: Mask
    unit: Unit
    strength: Strength = 1.0


class ModelBody(Body):
    """Which classifier to load."""

    name: Name


class SeeBody(Body):
    """A picture to look at."""

    model: Name
    picture: Png


class StartBody(Body):
    """What to begin with."""

    model: Name
    kind: Literal["class", "noise", "blank"]
    label: Name | None = None
    seed: Seed = 0


class JobBody(Body):
    """One run of an action."""

    tab: Id
    action: Name
    model: Name
    settings: Settings = {}
    seed: Seed = 0
    picture: Png | None = None
    mask: Mask | None = None
    label: Name | None = None
    unit: Unit | None = None
    strokes: Annotated[list[StrokeBody], Field(max_length=MAX_STROKES)] = []
    second: Png | None = None
    factor: Factor | None = None


class UnitNameBody(Body):
    """A name for a unit; an empty one removes it."""

    model: Name
    name: Annotated[str, Field(max_length=60), AfterValidator(check_line)]


class SessionStroke(StrokeBody):
    """A stroke in the page's list, which can be switched off."""

    on: bool = True


class Made(Body):
    """The run that made a picture, as far as it can be asked for again; `job` is its id while the studio goes on."""

    job: Annotated[str, Field(max_length=64)] | None = None
    action: Name
    model: Name
    label: Name | None = None
    unit: Unit | None = None
    seed: Seed = 0
    settings: Settings = {}
    factor: Factor | None = None


class Moment(Body):
    """An earlier picture of a session."""

    picture: Png
    action: Name
    note: Annotated[str, Field(max_length=500)]
    run: Made | None = None


class Session(Body):
    """Everything on one person's page."""

    pellucid_session: Literal[1]
    title: Annotated[Name, AfterValidator(check_line)]
    model: Name
    action: Name
    picture: Png
    mask: Mask | None = None
    second: Png | None = None
    strokes: Annotated[list[SessionStroke], Field(max_length=MAX_STROKES)]
    settings: Annotated[dict[Name, Settings], Field(max_length=100)]
    label: Name | None
    optional: Name | None = None  # the class of actions that can do without one
    unit: Unit | None
    seed: Seed
    factor: Factor | None = None
    history: Annotated[list[Moment], Field(max_length=MAX_HISTORY)]

    @model_validator(mode="before")
    @classmethod
    def check(cls, content: object) -> object:
        """`ValueError` unless this is a session of this version."""
        if not isinstance(content, dict) or "pellucid_session" not in content:
            raise ValueError("this file is not a saved studio session")
        if content["pellucid_session"] != 1:
            raise ValueError("this session is of another version, which this studio cannot read")
        return content
