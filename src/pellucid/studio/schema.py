"""What the page may send: the bodies of requests and the session file, checked field by field before anything is done.

Nothing here loads torch, so that the server answers at once.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..base.errors import InputError
from .values import MAX_SIDE, Factor, Id, Name, Png, Seed, Settings, Strength, Unit, check_base64, check_line
from .wording import worded

MAX_STROKES, MAX_HISTORY = 64, 50


class Body(BaseModel):
    """No unknown fields, no conversions, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Mask(Body):
    """Where something is painted: a byte for each pixel, 1 or 0, row by row."""

    width: Annotated[int, Field(ge=1, le=MAX_SIDE)]
    height: Annotated[int, Field(ge=1, le=MAX_SIDE)]
    bytes: Annotated[str, Field(max_length=2 * MAX_SIDE**2)]

    @property
    def content(self) -> bytes:
        """The bytes."""
        return base64.b64decode(self.bytes)

    @model_validator(mode="after")
    def check(self) -> Mask:
        """`ValueError` unless the bytes are what they should be."""
        content = check_base64(self.bytes)
        if len(content) != self.width * self.height:
            raise ValueError(
                f"a mask of {self.width} x {self.height} has {self.width * self.height} bytes, not {len(content)}"
            )
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
    """The name that a person gives to a unit; empty to take it back."""

    model: Name
    name: Annotated[str, Field(max_length=60), AfterValidator(check_line)]


class SessionStroke(StrokeBody):
    """A stroke in the list of them, which can be switched off."""

    on: bool = True


class Moment(Body):
    """A picture of the past."""

    picture: Png
    action: Name
    note: Annotated[str, Field(max_length=500)]


class Session(Body):
    """What is on one person's desk."""

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
        """`ValueError` for what is none at all, or another version's."""
        if not isinstance(content, dict) or "pellucid_session" not in content:
            raise ValueError("this is no session of the studio's")
        if content["pellucid_session"] != 1:
            raise ValueError("this session is another version's, which this studio cannot read")
        return content


Kind = TypeVar("Kind", bound=Body)


def parsed(kind: type[Kind], text: bytes) -> Kind:
    """A body of this kind, or `InputError` with the first thing that is wrong with it.

    >>> parsed(ModelBody, b'{"name": "cifar10-l2-0.5"}').name
    'cifar10-l2-0.5'
    >>> parsed(ModelBody, b'{"name": 5}')
    Traceback (most recent call last):
    pellucid.base.errors.InputError: name must be a text
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(worded(first, first["loc"][:4])) from None
