"""Tables of settings: the published ones, and those of this report's classifiers and of the recipes' defaults."""

from __future__ import annotations

from typing import Any

from ..base.recipes import Recipe
from ..data.grouping import RESTRICTED_IMAGENET
from .entry import Finding, Table
from .published.tables import table
from .scene import Scene

STEPS = ("eps", "steps", "step_size")


def trained(scene: Scene, name: str) -> Finding:
    """How classifiers were trained: the published rows of a table, and what the cards of these say."""
    published = table(name)
    fields = [column for column in published.columns if column not in ("data", "model")]
    rows = [(_named(published.columns, row), *_cells(published.columns, row, fields)) for row in published.rows]
    for own, classifier in scene.classifiers.items():
        recipe = classifier.card.get("recipe") or {}
        known = recipe.get("attack") or {} if set(fields) <= {*STEPS} else recipe
        rows.append((own, *(_cell(known.get(field)) for field in fields)))
    return Finding(
        f"{published.place}: {published.caption}{_errata(name)} Below them the cards of this report's classifiers.",
        table=Table(("trained", *fields), rows),
        command="train --preset synthesis-cifar10 --data torchvision:CIFAR10 --out runs/robust",
        python='pl.train(data, pellucid.training.presets.PRESETS["synthesis-cifar10"])',
    )


def grouped(name: str) -> Finding:
    """The superclasses of Restricted ImageNet: the published ranges of ImageNet's classes, and pellucid's."""
    published = table(name)
    rows = [(group, f"{first} to {last}", *(f"{a} to {b}" for a, b in RESTRICTED_IMAGENET.groups[group]))
            for group, first, last in published.rows]  # fmt: skip
    return Finding(
        f"{published.place}: {published.caption} Numbers of ImageNet's 1000 classes, the first and the last of each.",
        table=Table(("superclass", "published", "--grouping restricted-imagenet"), rows),
        command="evaluate --model NAME --data imagenet/ --grouping restricted-imagenet",
        python='pl.load_data("imagenet", 224, grouping="restricted-imagenet")',
    )


def steps(scene: Scene, names: list[str], own: dict[str, Recipe], command: str) -> Finding:
    """Radius, steps and step size of tasks: the published rows of tables, and the defaults at this size."""
    rows = []
    for name in names:
        published = table(name)
        task = name.rpartition("settings-")[2]
        for row in published.rows:
            called = _named(published.columns, row)
            rows.append((called if "task" in published.columns else f"{task}, {called}",
                         *_cells(published.columns, row, STEPS)))  # fmt: skip
    for task, recipe in own.items():
        at = recipe.at(scene.size)
        rows.append((f"{task}, default at {scene.size} px", *(_cell(getattr(at, field)) for field in STEPS)))
    errata = "".join(map(_errata, names))
    return Finding(
        f"{table(names[0]).place} and others, in L2 of pixels in [0, 1].{errata} Below them the defaults, whose "
        "lengths grow with the side of the images.",
        table=Table(("task", *STEPS), rows),
        command=command,
        python="pl.GenerateRecipe().at(classifier.size)",
    )


def _named(columns: tuple[str, ...], row: tuple[Any, ...]) -> str:
    cells = dict(zip(columns, row, strict=True))
    return ", ".join(str(cells[column]) for column in ("task", "data", "model") if column in cells)


def _cells(columns: tuple[str, ...], row: tuple[Any, ...], fields: Any) -> list[str | float | None]:
    cells = dict(zip(columns, row, strict=True))
    return [_cell(cells[field]) for field in fields]


def _cell(value: Any) -> str | float | None:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return None if value is None else float(value)


def _errata(name: str) -> str:
    return "".join(f" Printed is {e.column} {e.printed:g} for {e.row}, but {e.why}." for e in table(name).errata)
