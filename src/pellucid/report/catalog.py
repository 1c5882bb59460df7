"""Every figure and table of the four papers."""

from __future__ import annotations

from .entry import Entry

ENTRIES: tuple[Entry, ...] = ()
"""In the order of the page."""
