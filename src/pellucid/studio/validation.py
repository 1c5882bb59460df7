"""Checking what the page sends: pydantic's errors, which are for programmers, become one line for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..base.errors import InputError

Kind = TypeVar("Kind", bound=BaseModel)

WORDS = {
    "json_invalid": "what was sent is not complete JSON",
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "model_type": "must be an object with named values",
    "dict_type": "must be an object with named values",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "string_too_long": "can have at most {max_length} characters",
    "too_long": "can have at most {max_length} entries",
}
OTHERWISE = "is not valid"
LONGEST = 60  # characters of a name


def parsed(kind: type[Kind], text: bytes) -> Kind:
    """A body of this kind, or `InputError` with the first thing that is wrong with it.

    >>> from pellucid.studio.schema import ModelBody
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


def worded(error: Mapping[str, Any], place: Sequence[str | int]) -> str:
    """An error of pydantic in one line.

    Args:
        error: an entry of its `errors()`.
        place: the names and numbers that lead to the wrong entry.

    >>> worded({"type": "greater_than_equal", "ctx": {"ge": 0}}, ["strokes", 0, "unit"])
    'strokes, number 1, unit must be at least 0'
    >>> worded({"type": "value_error", "ctx": {"error": ValueError("not a PNG that can be read")}}, ["picture"])
    'picture: not a PNG that can be read'
    """
    where = ", ".join(_name(part) for part in place if part != "[key]")
    facts = error.get("ctx", {})
    if error["type"] == "value_error":
        return f"{where}: {facts['error']}" if where else str(facts["error"])
    said = WORDS.get(error["type"], OTHERWISE).format(**facts)
    if error["type"] == "json_invalid":
        return said
    return f"{where or 'what was sent'} {said}"


def _name(part: str | int) -> str:
    return f"number {part + 1}" if isinstance(part, int) else part[:LONGEST]
