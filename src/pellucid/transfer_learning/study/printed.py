"""A study's tables as text."""

from __future__ import annotations

from .analysis import Table


def printed(table: Table) -> tuple[list[str], list[list[str]]]:
    """The heads and the cells of a table, accuracies in percent; the head of a column of numbers ends in a space.

    >>> printed(Table("t", "T", ("source", "accuracy"), [("robust", 0.5)]))
    (['source', 'accuracy '], [['robust', '50.00']])
    """
    percents = {"linearity": (), "by-texture": table.columns[6:]}.get(table.name, ("accuracy", "low", "high"))
    numeric = [any(isinstance(row[n], (int, float)) for row in table.rows) for n in range(len(table.columns))]
    heads = [f"{column} " if number else column for column, number in zip(table.columns, numeric, strict=True)]
    rows = [[cell(v, column in percents) for v, column in zip(row, table.columns, strict=True)] for row in table.rows]
    return heads, rows


def cell(value: object, percent: bool = False) -> str:
    """One value: nothing for None, a share in percent or as it is."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{100 * value:.2f}" if percent else f"{value:g}"
    return str(value)
