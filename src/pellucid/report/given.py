"""What a report was asked to do: the names of its classifiers and data, from which another process loads the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ..base.devices import pick_device, pick_precision
from ..base.errors import InputError
from ..base.files import short
from ..data.image import read_image
from ..data.load import load_data
from ..evaluation.classes import in_order_of
from ..zoo.models import load
from .entry import Entry
from .scene import Scale, Scene


@dataclass(frozen=True)
class Given:
    """The flags of `pellucid report` that decide what it finds; a call loads the scene, once in each process.

    >>> print(Given(beside=("natural20-standard",), scale="tiny").command("style-layers"))
    pellucid report --beside natural20-standard --scale tiny --only style-layers --out style-layers
    """

    model: str = "natural20-l2-2.0"
    beside: tuple[str, ...] = ()
    data: str = ""
    judge: str = ""
    styles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    scale: Scale = "small"
    seed: int = 0
    device: str = "auto"
    precision: Literal["float32", "bfloat16", "auto"] = "float32"

    def __call__(self) -> Scene:
        return loaded(self)

    @property
    def chosen(self) -> dict[str, Any]:
        """What is not as it would be without a flag."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    def command(self, entry: str) -> str:
        """The line that makes one entry again, in a folder of its own."""
        words = ["pellucid", "report"]
        for name, value in self.chosen.items():
            words += [f"--{name}", *map(str, value if isinstance(value, tuple) else [value])]
        return shlex.join([*words, "--only", entry, "--out", entry])

    def python(self, entry: Entry) -> str:
        """The lines of Python that find the same."""
        settings = ", ".join(f"{name}={value!r}" for name, value in self.chosen.items())
        place = entry.make.__name__
        return (
            f"from pellucid.report.given import Given\nfrom pellucid.report.{entry.paper} import {place}\n\n"
            f"finding = {place}(Given({settings})())\nprint(finding.claims, finding.table)"
        )


@cache
def loaded(given: Given) -> Scene:
    """The scene; raises `InputError` for classifiers of different classes, or a judge that is one of them."""
    models = [given.model, *given.beside]
    if len(set(models)) < len(models):
        raise InputError("name each classifier once")
    if given.judge in models:
        raise InputError(f"{given.judge} cannot judge what it made; name another --judge")
    classifiers = {name: load(model, given.device) for name, model in zip(short(models), models, strict=True)}
    first = classifiers[short(models)[0]]
    judge = load(given.judge, given.device) if given.judge else None
    for name, other in classifiers.items():
        if other.class_names != first.class_names or other.classes != first.classes:
            raise InputError(f"{name} has other classes than {given.model}; give classifiers of the same")
    data = in_order_of(first, load_data(given.data, first.size)) if given.data else None
    precision = pick_precision(given.precision, pick_device(given.device))
    styles = {Path(path).stem: read_image(Path(path))[None] for path in given.styles}
    if len(styles) < len(given.styles):
        raise InputError("two pictures of --styles have the same name; give each its own")
    return Scene(classifiers, data, judge, styles, given.targets, given.scale, given.seed, precision)
