"""Tables in a terminal, and in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..zoo.torch_file import printable

WIDTH = 400  # of a pipe, where lines may be long


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print rows of text under column heads; numbers, in columns whose head ends in a space, stand to the right.

    A terminal decides the width; in a pipe, lines are as long as they must be, so that names stay whole.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column.strip(), justify="right" if column.endswith(" ") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell, len(cell))) for cell in row))  # what is in brackets is no markup
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    with console.capture() as printed:
        console.print(table)
    print("\n".join(line.rstrip() for line in printed.get().splitlines()))
