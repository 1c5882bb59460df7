"""What the papers print, table by table, typed from the papers themselves.

The transfer paper's tables of accuracies stand in `pellucid.transfer_learning.study.published`, the accuracies of the
published classifiers in `pellucid.zoo.published`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...base.errors import unknown
from ...data.jsonfile import read_json

FILES = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.json"))}


@dataclass(frozen=True)
class Erratum:
    """A cell that is printed otherwise than it was meant.

    Attributes:
        row: the first cell of its row.
        column: its column.
        printed: what the paper has there.
        why: how it is known that this was not meant.
    """

    row: str
    column: str
    printed: float
    why: str


@dataclass(frozen=True)
class PublishedTable:
    """A table, or numbers of the text.

    Attributes:
        id: of its entry in the report.
        place: where it is printed.
        caption: what it has, in our words.
        unit: of its numbers; "" for settings of several kinds.
        columns: their names; settings have the names of our recipes' fields.
        rows: cells, as they were meant.
        errata: where that is not what is printed.
    """

    id: str
    place: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    unit: str = ""
    errata: tuple[Erratum, ...] = ()

    def row(self, *first: Any) -> dict[str, Any]:
        """The cells of the row that begins with these, by column.

        >>> table("synthesis-table-4").row("cifar10")
        {'data': 'cifar10', 'eps': 0.5, 'steps': 7, 'step_size': 0.1}
        """
        found = next(row for row in self.rows if row[: len(first)] == first)
        return dict(zip(self.columns, found, strict=True))


@dataclass(frozen=True)
class PublishedPaper:
    """A paper and its tables.

    Attributes:
        title, authors, year, link: of the paper.
        tables: by id.
    """

    title: str
    authors: tuple[str, ...]
    year: int
    link: str
    tables: dict[str, PublishedTable]


@cache
def paper(name: str) -> PublishedPaper:
    """One of representations, synthesis, style and transfer.

    >>> paper("synthesis").year
    2019
    """
    if name not in FILES:
        raise unknown("paper", name, FILES)
    known = _frozen(read_json(FILES[name]))
    tables = [
        PublishedTable(**{**facts, "errata": tuple(Erratum(**erratum) for erratum in facts.get("errata", ()))})
        for facts in known["tables"]
    ]
    return PublishedPaper(**known["paper"], tables={one.id: one for one in tables})


def table(name: str) -> PublishedTable:
    """A table by its id, `representations-table-4`.

    >>> table("synthesis-psnr").row("bicubic")["psnr"]
    21.3
    """
    tables = paper(name.partition("-")[0]).tables
    if name not in tables:
        raise unknown("published table", name, tables)
    return tables[name]


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
