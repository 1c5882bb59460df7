"""A study: many sources, targets, modes and granularities, each combination a point with a file of its own."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from ...base.checks import check_fields
from ...base.devices import Precision
from ...base.errors import InputError, unknown
from ...data.jsonfile import read_json
from ..inputs import source_digest, target_digest
from ..recipe import TransferRecipe
from ..source import known_sources
from ..targets import TARGETS

MODES = ("fixed", "full")


@dataclass(frozen=True)
class Point:
    """One transfer of a study."""

    source: str
    """A name that `pellucid.load` takes."""
    target: str
    """A folder, an .npz, torchvision:NAME or paper:NAME."""
    recipe: TransferRecipe
    """Mode, granularity and everything else."""
    inputs: str = ""
    """Identifies the source's weights, the target's images and the precision, whatever their names."""

    @property
    def file(self) -> str:
        """The name of its result file: readable, and different where any setting or input differs."""
        kind = self.recipe.mode + (f"-{self.recipe.granularity}px" if self.recipe.granularity else "")
        names = [re.sub(r"[^\w.-]+", "-", text)[-60:].strip("-") for text in (self.source, self.target, kind)]
        return f"{'--'.join(names)}--{self.digest[:8]}.json"

    @property
    def digest(self) -> str:
        """The sha256 of all settings and inputs."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


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
        check_fields(self)
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
        places = [_place(target) for target in both]
        for number, target in enumerate(both):
            _check_target(target)
            first = places.index(places[number])
            if first < number < len(self.targets):
                raise InputError(f"{target} is twice among the targets, first as {both[first]}; name each once")
            if first < number:
                raise InputError(f"{target} is its own stylized copy; name what pellucid stylize-data made of it")
        _check_recipe(self.recipe, self.modes)

    def points(
        self, root: Path = Path("data"), size: int | None = None, precision: Precision = "float32"
    ) -> list[Point]:
        """Every combination; a granularity at or above a source's own side is none.

        Args:
            root: of the paper's data sets.
            size: side of the images, for sources that do not say which they take.
            precision: of the networks' passes.

        Raises:
            InputError: a source that does not exist.
        """
        sides = {name: facts.size or size for name, facts in known_sources(list(self.sources)).items()}
        targets = (*self.targets, *self.stylized)
        weights = {name: source_digest(name) for name in self.sources}
        images = {target: target_digest(target, root) for target in targets}
        found = []
        for source, target, mode in product(self.sources, targets, self.modes):
            inputs = f"{weights[source]} {images[target]} at {sides[source]} px in {precision}"
            coarser = [side for side in self.granularities if side < (sides[source] or side + 1)]
            for side in (None, *coarser):
                recipe = replace(self.recipe.of_mode(mode), granularity=side)
                found.append(Point(source, target, recipe, inputs))
        return found


def _place(target: str) -> str:
    """A target's name, or where it lies: signs.npz is ./signs.npz."""
    return os.path.realpath(target) if Path(target).exists() else target


def _check_recipe(recipe: TransferRecipe, modes: Sequence[str]) -> None:
    """Raise `InputError` for settings that no transfer of the study would use."""
    if (recipe.mode, recipe.granularity) != (TransferRecipe.mode, TransferRecipe.granularity):
        raise InputError("a study has lists of them: give modes and granularities, not mode and granularity")
    idle = [replace(recipe, mode=mode).idle() for mode in modes]
    if nowhere := [name for name in idle[0] if all(name in others for others in idle)]:
        raise InputError(f"{', '.join(nowhere)} would be ignored, as modes is {' '.join(modes)}; leave that out")
    for mode in modes:
        recipe.of_mode(mode).check_mode()


def _check_target(target: str) -> None:
    kind, _, name = target.partition(":")
    if kind == "paper" and name not in TARGETS:
        raise unknown("data set of the paper", name, TARGETS)
    if kind not in ("paper", "torchvision") and not Path(target).exists():
        raise InputError(f"no data at {target!r}: give a folder, an .npz file, torchvision:NAME or paper:NAME")


def done(points: Iterable[Point], folder: Path) -> dict[str, dict[str, Any]]:
    """The results in a study's folder, by the file of their point; unreadable ones are left out."""
    found = {}
    for point in points:
        path = folder / point.file
        if path.is_file():
            try:
                result = read_json(path)
            except InputError:
                continue
            if isinstance(result, dict) and result.get("point") == point.digest:
                found[point.file] = result
    return found
