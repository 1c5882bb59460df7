"""The exception for what users can correct, and the nearest names to a misspelled one."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class InputError(ValueError):
    """Something given to pellucid is wrong; the message says in one line what would be right."""


def warn(message: str) -> None:
    """Warn at the line outside of pellucid that led here, through however many functions."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in ("pellucid", "contextlib"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def unknown(kind: str, name: object, names: Iterable[str]) -> InputError:
    """An `InputError` for a name that is not among `names`, with the nearest of them.

    >>> str(unknown("class", "catt", ["cat", "dog"]))
    "unknown class 'catt'; did you mean 'cat'? (there are: cat, dog)"
    """
    known = list(names)
    close = get_close_matches(str(name), known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
    # Beside near names, a dozen of hundreds says nothing.
    listed = "" if close and len(known) > 100 else f" (there are: {shortened(known or ['none'], 12)})"
    return InputError(f"unknown {kind} {str(name)!r}{hint}{listed}")


def place_of(name: str, names: Sequence[str]) -> int:
    """Where a class stands among the names; raises `InputError` where several are called so."""
    if names.count(name) > 1:
        raise InputError(f"several classes are called {name!r}; give the number, such as {names.index(name)}")
    return names.index(name)


def first_line(error: BaseException) -> str:
    """The first line of an error message, or the name of its class.

    >>> first_line(RuntimeError("no memory\\nin a long stack")), first_line(MemoryError())
    ('no memory', 'MemoryError')
    """
    return str(error).strip().partition("\n")[0] or type(error).__name__


def shortened(names: Sequence[str], most: int = 6) -> str:
    """The names in one line: the first `most`, and how many there are.

    >>> shortened(["cat", "dog", "ship"], 2)
    'cat, dog, ... 3 in all'
    """
    return ", ".join(names[:most]) + (f", ... {len(names)} in all" if len(names) > most else "")
