"""A study: many sources, targets, modes and granularities, each combination a point with a file of its own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ..data.jsonfile import MAX_BYTES, read_json
from ..errors import InputError, unknown
from ..files import plain
from .recipe import TransferRecipe
from .source import known_sources
from .targets import TARGETS

MODES = ("fixed", "full")
KINDS = {str: "texts", int: "whole numbers", float: "numbers"}


@dataclass(frozen=True)
class Point:
    """One transfer of a study."""

    source: str
    """A name that `pellucid.load` takes."""
    target: str
    """A folder, an .npz, torchvision:NAME or paper:NAME."""
    recipe: TransferRecipe
    """Mode, granularity and everything else."""

    @property
    def file(self) -> str:
        """The name of its result: readable, and different for whatever would have a different result."""
        kind = self.recipe.mode + (f"-{self.recipe.granularity}px" if self.recipe.granularity else "")
        names = [re.sub(r"[^\w.-]+", "-", text)[-60:].strip("-") for text in (self.source, self.target, kind)]
        return f"{'--'.join(names)}--{self.digest[:8]}.json"

    @property
    def digest(self) -> str:
        """The sha256 of everything that the point is."""
        return hashlib.sha256(json.dumps([self.source, self.target, asdict(self.recipe)]).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"source": self.source, "target": self.target, "recipe": plain(self.recipe)}


@dataclass(frozen=True)
class Study:
    """Which sources are transferred to which targets, and how."""

    sources: tuple[str, ...] = ()
    """Names of `pellucid models` or bundles' paths."""
    targets: tuple[str, ...] = ()
    """Folders, .npz files, torchvision:NAME, or paper:NAME for a data set of the paper."""
    modes: tuple[str, ...] = ("fixed",)
    """fixed, full, or both."""
    granularities: tuple[int, ...] = ()
    """Also with the images brought to each of these sides and back, where the source's images are larger: 16 32 64."""
    stylized: tuple[str, ...] = ()
    """A stylized copy of each target, in their order, as `pellucid stylize-data` makes it: accuracy on both is
    compared."""
    texture_augmented: tuple[str, ...] = ()
    """Those of the sources that were trained on stylized images."""
    recipe: TransferRecipe = TransferRecipe()
    """Everything else; its `mode` and `granularity` follow from the above."""

    def __post_init__(self) -> None:
        for name in ("sources", "targets", "modes"):
            given = getattr(self, name)
            if not given:
                raise InputError(f"a study needs {name}: name one or more")
            if twice := [one for one in given if given.count(one) > 1]:
                raise InputError(f"{twice[0]} is twice among the {name}; name each once")
        for mode in self.modes:
            if mode not in MODES:
                raise unknown("mode", mode, MODES)
        if self.stylized and len(self.stylized) != len(self.targets):
            raise InputError(f"{len(self.stylized)} stylized copies of {len(self.targets)} targets; name one of each")
        for name in self.texture_augmented:
            if name not in self.sources:
                raise unknown("source of the study", name, self.sources)
        both = (*self.targets, *self.stylized)
        for target in both:
            _check_target(target)
            if both.count(target) > 1:
                raise InputError(f"{target} is its own stylized copy; name what pellucid stylize-data made of it")

    def points(self) -> list[Point]:
        """Every combination; a granularity at or above a source's own side is none.

        Raises:
            InputError: a source that does not exist.
        """
        sides = {name: facts.size for name, facts in known_sources(list(self.sources)).items()}
        found = []
        for source, target, mode in product(self.sources, (*self.targets, *self.stylized), self.modes):
            coarser = [side for side in self.granularities if side < (sides[source] or side + 1)]
            for side in (None, *coarser):
                found.append(Point(source, target, replace(self.recipe, mode=mode, granularity=side)))
        return found


def read_study(path: Path) -> Study:
    """The study that a JSON or TOML file describes.

    Its keys are the fields of `Study`; those of `TransferRecipe` stand in a table `recipe`.

    Raises:
        InputError: a file that cannot be read, a key that does not exist, with the nearest, a value of another kind.
    """
    return build(Study, _toml(path) if path.suffix == ".toml" else read_json(path), str(path))


def build(kind: Any, given: Any, where: str, base: Any = None) -> Any:
    """A recipe of this class from plain values; what is not given is as in `base`, or has its default.

    >>> build(TransferRecipe, {"seeds": 1, "train": {"epochs": 3}}, "a file").train.epochs
    3
    """
    if not isinstance(given, dict):
        raise InputError(f"{where} must hold keys and values, not {given!r}")
    hints, values = get_type_hints(kind), {}
    usual = {field.name: field.default if base is None else getattr(base, field.name) for field in fields(kind)}
    for key, value in given.items():
        if key not in usual:
            raise unknown(f"key in {where}:", key, usual)
        values[key] = _value(usual[key], hints[key], value, f"{where}: {key}")
    return kind(**values) if base is None else replace(base, **values)


def _value(usual: Any, hint: Any, value: Any, where: str) -> Any:
    """A value of the kind of the usual one."""
    if is_dataclass(usual):
        return build(type(usual), value, where, usual)
    if isinstance(usual, tuple):
        kind = get_args(hint)[0]
        if not isinstance(value, list) or not all(_alike(kind(), item) for item in value):
            raise InputError(f"{where} must be a list of {KINDS[kind]}, not {value!r}")
        return tuple(value)
    if usual is not None and not _alike(usual, value):
        raise InputError(f"{where} must be like {usual!r}, not {value!r}")
    return value


def _alike(usual: Any, value: Any) -> bool:
    """Whether both are of one type; a whole number will do for a float."""
    return type(value) is type(usual) or (type(usual), type(value)) == (float, int)


def _toml(path: Path) -> Any:
    try:
        import tomllib  # pyright: ignore[reportMissingImports]
    except ImportError:  # Python 3.10
        raise InputError(f"{path}: this Python reads studies as .json only") from None
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        return tomllib.loads(text.decode())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not usable TOML: {error}") from None


def _check_target(target: str) -> None:
    kind, _, name = target.partition(":")
    if kind == "paper" and name not in TARGETS:
        raise unknown("data set of the paper", name, TARGETS)
    if kind not in ("paper", "torchvision") and not Path(target).exists():
        raise InputError(f"no data at {target!r}: give a folder, an .npz file, torchvision:NAME or paper:NAME")


def done(points: Iterable[Point], folder: Path) -> dict[str, dict[str, Any]]:
    """The results in a study's folder, by the file of their point; those that cannot be read are as good as none."""
    found = {}
    for point in points:
        path = folder / point.file
        if path.is_file():
            try:
                result = read_json(path)
            except InputError:
                continue
            if isinstance(result, dict) and result.get("point") == point.digest and "accuracy" in result:
                found[point.file] = result
    return found
