"""A bar while something long runs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY = 0.2  # seconds between two changes of a bar in a notebook
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
    if in_notebook():
        with _below_the_cell(title) as below:
            yield below
        return
    from tqdm import tqdm

    with tqdm(total=100, desc=title, leave=False, bar_format="{desc} {percentage:3.0f}%|{bar}| {remaining}") as shown:

        def advance(share: float) -> None:
            shown.update(100 * share - shown.n)

        yield advance


@contextmanager
def _below_the_cell(title: str) -> Iterator[Callable[[float], None]]:
    """A bar that a notebook shows in place and takes away, without widgets and without lines of text in its file."""
    from IPython.display import HTML, display  # type: ignore[import-not-found]

    shown, began, last = display(HTML(title), display_id=True), time.monotonic(), 0.0

    def advance(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if share > 0 and now - last > EVERY:
            last, left = now, (now - began) * (1 - share) / share
            shown.update(HTML(f'{title} {share:.0%} <progress value="{share}"></progress> {left:.0f} s'))

    try:
        yield advance
    finally:
        shown.update(HTML(""))
