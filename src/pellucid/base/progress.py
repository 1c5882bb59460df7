"""A bar while something long runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_asked: list[bool] = []  # what `progress` was last told


def progress(on: bool) -> None:
    """Show a bar while a long function runs, or do not.

    Without it there is one in terminals and notebooks; `PELLUCID_PROGRESS=0` in the environment says no to both. A
    function that is given a callback shows none.

    >>> progress(False)
    """
    _asked[:] = [on]


def wanted() -> bool:
    """Whether a bar is shown: as `progress` says, or the environment; or else in terminals and notebooks."""
    if _asked:
        return _asked[0]
    if said := os.environ.get("PELLUCID_PROGRESS"):
        return said.lower() not in ("0", "no", "off", "false")
    return in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    return "ipykernel" in sys.modules


@contextmanager
def bar(title: str, on: bool) -> Iterator[Callable[[float], None]]:
    """Yields a function that takes the share of the work that is done; the bar goes away at the end."""
    if not on:
        yield lambda share: None
        return
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a notebook without widgets, where it is text
        from tqdm.auto import tqdm
    with tqdm(total=100, desc=title, leave=False, bar_format="{desc} {percentage:3.0f}%|{bar}| {remaining}") as shown:

        def advance(share: float) -> None:
            shown.update(100 * share - shown.n)

        yield advance
