"""Making a report: entry by entry, each kept when it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from difflib import get_close_matches
from functools import partial
from typing import Any

from ..base.errors import InputError, first_line
from ..base.files import write_json, write_text
from ..base.task import task
from ..transfer_learning.study.worker import in_processes
from .catalog import ENTRIES
from .entry import Entry
from .folder import Folder
from .page import report_page
from .scene import Scene

Opener = Callable[[], Scene]
"""Loads the scene, as `Given` does; it is called once in each process."""


def chosen(only: Sequence[str]) -> list[Entry]:
    """The entries with these ids, or of these papers; all without any.

    Raises `InputError` with the nearest names for one that does not exist.
    """
    known = {entry.id: entry for entry in ENTRIES}
    papers = {entry.paper for entry in ENTRIES}
    for name in only:
        if name not in known and name not in papers:
            near = get_close_matches(name, [*known, *papers], n=3, cutoff=0.4)
            meant = f"did you mean {' or '.join(near)}? " if near else ""
            raise InputError(f"there is no entry {name!r}; {meant}pellucid report --list has all of them")
    return [entry for entry in ENTRIES if not only or entry.id in only or entry.paper in only]


@task()
def report(
    open_scene: Opener,
    folder: Folder,
    entries: Sequence[Entry],
    *,
    jobs: int = 1,
    callback: Callable[[float], None] | None = None,
) -> list[str]:
    """Make the entries that the folder does not hold yet, and the page.

    Args:
        open_scene: loads classifiers and data. With several jobs it is pickled.
        folder: gets the files.
        entries: of `ENTRIES`.
        jobs: entries at once, each in a process of its own.
        callback: called with the share that is done, in entries.

    Returns:
        One line for each entry that was left out or failed, and why.
    """
    folder.open()
    makeable = [entry for entry in entries if not entry.reason]
    todo = [entry for entry in makeable if folder.found(entry) is None]
    left: dict[str, str] = {}
    with closing(_carried_out(todo, open_scene, folder, jobs)) as outcomes:
        for done, (entry, why) in enumerate(outcomes, len(makeable) - len(todo) + 1):
            if why:
                left[entry.id] = why
            write(folder, left)
            if callback is not None:
                callback(done / len(makeable))
    write(folder, left)
    return [f"{name}: {why}" for name, why in left.items()]


def write(folder: Folder, left: dict[str, str]) -> None:
    """The page and `report.json`, of all entries that are done."""
    found = {entry.id: folder.found(entry) for entry in ENTRIES}
    reasons = {entry.id: entry.reason for entry in ENTRIES if entry.reason} | left
    done = {name: facts for name, facts in found.items() if facts is not None}
    write_json(folder.path / "report.json", {**folder.about, "entries": list(done.values()), "left_out": reasons})
    write_text(folder.path / "index.html", report_page(folder.about, ENTRIES, done, reasons))


def attempt(entry: Entry, open_scene: Opener, folder: Folder) -> str:
    """Make one entry and keep it; returns why it could not be made, or ""."""
    began = time.monotonic()
    try:
        scene = open_scene()
        if missing := entry.missing(scene):
            return f"needs {missing}"
        folder.keep(entry, entry.make(scene), time.monotonic() - began)
    except (InputError, OSError, MemoryError, RuntimeError) as error:
        return first_line(error)
    return ""


def _carried_out(
    entries: Sequence[Entry], open_scene: Opener, folder: Folder, jobs: int
) -> Generator[tuple[Entry, Any], None, None]:
    work = partial(attempt, open_scene=open_scene, folder=folder)
    if jobs > 1:
        yield from in_processes(work, entries, jobs)
    else:
        yield from ((entry, work(entry)) for entry in entries)
