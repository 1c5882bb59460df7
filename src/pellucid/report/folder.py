"""The folder of a report: what was found for each entry, in files, so that a report that was stopped goes on."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..base.errors import InputError
from ..base.files import finite, holds_something, write_json, write_text
from ..data.image import write_image
from ..gallery.plots import figure
from ..gallery.sheet import sheet
from .entry import Entry, Finding, Interval
from .given import Given

SIDE = 128  # small images are enlarged to about this side


@dataclass(frozen=True)
class Folder:
    """A folder with a JSON for each entry that is done, and its PNG and CSV.

    Attributes:
        path: of the folder.
        about: what decides the findings: classifiers, data, scale, seed. A folder holds the report of one of these.
        given: where those come from, for the lines that make an entry again.
    """

    path: Path
    about: dict[str, Any]
    given: Given = Given()

    def open(self) -> None:
        """Create it, or go on with it; raises `InputError` for a folder of something else."""
        head = self.path / "about.json"
        about = json.loads(json.dumps(finite(self.about)))
        if not head.exists():
            if holds_something(self.path):
                raise InputError(f"{self.path} holds something else; choose another --out")
            write_json(head, about)
            return
        try:
            kept = json.loads(head.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(f"{head} cannot be read; choose another --out") from None
        if differing := [name for name in about if not isinstance(kept, dict) or kept.get(name) != about[name]]:
            raise InputError(f"{self.path} is a report with another {differing[0]}; choose another --out")

    def found(self, entry: Entry) -> dict[str, Any] | None:
        """The facts of an entry that is done, with the lines that make it again."""
        try:
            facts = json.loads((self.path / f"{entry.id}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return {**facts, "again": {"command": self.given.command(entry.id), "python": self.given.python(entry)}}

    def keep(self, entry: Entry, finding: Finding, seconds: float) -> None:
        """Write the picture, the plot and the table of an entry, and at last its facts."""
        files = []
        if finding.pictures:
            files.append(f"{entry.id}.png")
            write_image(self.path / files[-1], sheet(finding.pictures, SIDE))
        if finding.plot is not None:
            files.append(f"{entry.id}-plot.png")
            with figure(self.path / files[-1], 7, 4) as (_, axes):
                finding.plot(axes)
        if finding.table is not None:
            write_text(self.path / f"{entry.id}.csv", _csv(finding))
        facts = {
            "id": entry.id,
            "shows": entry.shows,
            "text": finding.text,
            "files": files,
            "table": asdict(finding.table) if finding.table is not None else None,
            "claims": [{**asdict(claim), "verdict": claim.verdict} for claim in finding.claims],
            "command": finding.command,
            "python": finding.python,
            "seconds": round(seconds, 1),
        }
        write_json(self.path / f"{entry.id}.json", facts)


def _csv(finding: Finding) -> str:
    """The table with three columns for a number that has an interval."""
    assert finding.table is not None
    wide = {
        column
        for row in finding.table.rows
        for column, cell in zip(finding.table.columns, row, strict=True)
        if isinstance(cell, Interval)
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = finding.table.columns
    writer.writerow([t for c in columns for t in ([c, f"{c} low", f"{c} high"] if c in wide else [c])])
    for row in finding.table.rows:
        cells: list[Any] = []
        for column, cell in zip(columns, row, strict=True):
            whole = (cell.value, cell.low, cell.high) if isinstance(cell, Interval) else (cell, "", "")
            cells += whole if column in wide else whole[:1]
        writer.writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()
