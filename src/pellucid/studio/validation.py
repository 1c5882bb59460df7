"""Checking what the page sends: the first of pydantic's errors, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..base.errors import InputError

Kind = TypeVar("Kind", bound=BaseModel)
LONGEST = 60  # characters of a name


def parsed(kind: type[Kind], text: bytes) -> Kind:
    """A body of this kind, or `InputError` with the first thing that is wrong with it.

    >>> from pellucid.studio.schema import ModelBody
    >>> parsed(ModelBody, b'{"name": "cifar10-l2-0.5"}').name
    'cifar10-l2-0.5'
    >>> parsed(ModelBody, b'{"name": 5}')
    Traceback (most recent call last):
    pellucid.base.errors.InputError: name: input should be a valid string
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InputError(worded(first, first["loc"][:4])) from None


def worded(error: Mapping[str, Any], place: Sequence[str | int]) -> str:
    """An error of pydantic in one line.

    Args:
        error: an entry of its `errors()`.
        place: the names and numbers that lead to the wrong entry.

    >>> worded({"msg": "Input should be greater than or equal to 0"}, ["strokes", 0, "unit"])
    'strokes, number 1, unit: input should be greater than or equal to 0'
    >>> worded({"msg": "Value error, not a PNG that can be read"}, ["picture"])
    'picture: not a PNG that can be read'
    """
    where = ", ".join(f"number {part + 1}" if isinstance(part, int) else part[:LONGEST] for part in place)
    said = error["msg"].removeprefix("Value error, ")
    return f"{where}: {said[0].lower()}{said[1:]}" if where else said
