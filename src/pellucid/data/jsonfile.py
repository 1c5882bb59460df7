"""JSON files that come from outside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..base.errors import InputError

MAX_BYTES = 16 * 2**20


def read_json(path: Path) -> Any:
    """What a JSON file of at most 16 MiB holds.

    Raises:
        InputError: missing, too large, not JSON, or a key that occurs twice in one object.
    """
    return read_bounded(path, "JSON", lambda text: json.loads(text, object_pairs_hook=_without_twins))


def read_bounded(path: Path, kind: str, parse: Callable[[bytes], Any]) -> Any:
    """What `parse` makes of a file of at most 16 MiB; raises `InputError` where it raises `ValueError`."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        return parse(text)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not usable {kind}: {error}") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"{key!r} occurs twice")
    return found
