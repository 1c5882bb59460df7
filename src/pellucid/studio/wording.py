"""What is wrong with something that was sent, in a line for people: pydantic's own words are for programmers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WORDS = {
    "json_invalid": "what was sent is not JSON, or not all of it",
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
OTHERWISE = "is not what it should be"
LONGEST = 60  # characters of a name


def worded(error: Mapping[str, Any], place: Sequence[str | int]) -> str:
    """One of pydantic's errors in one line.

    Args:
        error: as its `errors()` gives it.
        place: where it is, as names and numbers of entries.

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
