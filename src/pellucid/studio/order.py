"""From what the page posts to a job: checked inputs, the command line that repeats it, and its sidecar."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..base.errors import InputError, unknown
from ..base.recipes import plain
from ..core.classifier import Classifier
from . import actions
from .actions import ACTIONS, Action
from .calls import MASK, SECOND, START, Call
from .cores import take_all
from .form import described, filled, values, words
from .frames import Camera
from .job import Job, Result
from .models import Loaded
from .pictures import decoded, mask_png, normalized, png, read_mask, reduced
from .schema import JobBody, Mask


@dataclass(frozen=True)
class Machine:
    """How the studio runs the network: the flags it was started with."""

    device: str = "auto"
    precision: str = "float32"


@dataclass(frozen=True)
class Order:
    """A run that has been checked, and holds all that it needs.

    Attributes:
        action, loaded, recipe, seed: what is done, with which classifier and settings.
        files: the inputs as PNGs, under the names that the command line has for them.
        label, unit, strokes: what was asked for.
        machine: how the network runs.
    """

    action: Action
    loaded: Loaded
    recipe: Any
    seed: int
    files: dict[str, bytes]
    label: str | None = None
    unit: int | None = None
    strokes: list[tuple[int, float]] = field(default_factory=list)
    machine: Machine = Machine()

    @property
    def name(self) -> str:
        """What a result of it is called."""
        what = self.label if self.label is not None else None if self.unit is None else f"unit {self.unit}"
        return re.sub(r"[^a-z0-9]+", "-", f"{self.action.name} {what or ''}".lower()).strip("-")[:60]

    def work(self, job: Job) -> Result:
        """Run it, as the work of a job."""
        from ..base.devices import pick_precision

        take_all()
        classifier = self.loaded.classifier
        options = {"seed": self.seed, "precision": pick_precision(self.machine.precision, classifier.device)}
        call = Call(classifier, self.recipe, self.files, self.label, self.unit, self.strokes, options)
        label = None if self.label is None else classifier.label(self.label)
        made = actions.perform(self.action, call, Camera(classifier, label, job.keep), job.check, job.advance)
        return Result(png(made.image), made.facts)

    def sidecar(self, job: Job) -> dict[str, Any]:
        """What repeats the result: `pellucid rerun` takes it, and needs nothing else."""
        facts: dict[str, Any] = {
            "task": self.action.name,
            "command": self.command(job.name),
            "recipe": plain(self.recipe),
            "seed": self.seed,
            "model": self.loaded.name,
            "model_sha256": self.loaded.sha256,
            "classes": self.loaded.classifier.class_names,
            "inputs": [
                {
                    "path": name,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "content": base64.b64encode(content).decode(),
                }
                for name, content in self.files.items()
            ],
        }
        made = job.result.facts if job.result is not None else {"stopped": job.seen}
        return {**facts, **made}

    def command(self, out: str) -> list[str]:
        """The words of the command line."""
        needs, said = self.action.needs, [self.action.name, "--model", self.loaded.name, "--seed", str(self.seed)]
        if self.machine.device != "auto":
            said += ["--device", self.machine.device]
        if self.machine.precision != "float32":
            said += ["--precision", self.machine.precision]
        said += ["--out", f"{out}.png" if needs.style else out]
        if needs.style:
            said += ["--content", _input(START), "--styles", _input(SECOND)]
        elif needs.picture:
            said += ["--images", _input(START), *([_input(SECOND)] if needs.second else [])]
        else:
            said += ["--count", "1"]
        said += ["--mask", _input(MASK)] if needs.mask == "yes" else []
        said += ["--classes", self.label] if self.label is not None else []
        said += ["--units", str(self.unit)] if self.unit is not None else []
        if needs.strokes:
            strokes = enumerate(self.strokes)
            said += ["--strokes", *(f"{_input(f'stroke-{n}.png')}:{u}:{strength:g}" for n, (u, strength) in strokes)]
        return [*said, *words(self.recipe)]


def order(body: JobBody, loaded: Loaded, machine: Machine) -> Order:
    """Check what was posted.

    Raises:
        InputError: an action, a class, a unit or a setting that is not there; a picture or a mask that is missing,
            damaged, or of another size than the other.
    """
    action, needs = find(body.action), find(body.action).needs
    recipe = filled(action.recipe.at(loaded.classifier.size), body.settings)
    files = _files(body, action, loaded)
    label = body.label if needs.label != "no" else None
    if needs.label == "yes" and label is None:
        raise InputError(f"say which class: {action.title} needs a label")
    if label is not None:
        loaded.classifier.label(label)
    unit = body.unit if needs.unit else None
    if needs.unit and unit is None:
        raise InputError(f"say which unit: {action.title} needs one")
    strokes = [(stroke.unit, round(stroke.strength, 4)) for stroke in body.strokes] if needs.strokes else []
    for number in [*([unit] if unit is not None else []), *(unit for unit, _ in strokes)]:
        loaded.check_unit(number)
    return Order(action, loaded, recipe, body.seed, files, label, unit, strokes, machine)


def find(name: str) -> Action:
    """The action of this name."""
    if name not in ACTIONS:
        raise unknown("action", name, ACTIONS)
    return ACTIONS[name]


def catalog(classifier: Classifier) -> list[dict[str, Any]]:
    """All actions as the page is told of them, their defaults in proportion to the classifier's size."""
    return [
        actions.described(
            action,
            described(action.recipe.at(classifier.size)),
            {name: values(preset) for name, preset in action.presets.items()},
        )
        for action in ACTIONS.values()
    ]


def _input(name: str) -> str:
    return f"{{inputs}}/{name}"


def _files(body: JobBody, action: Action, loaded: Loaded) -> dict[str, bytes]:
    """The inputs that the action needs, as PNGs by name."""
    needs, files = action.needs, {}
    if not needs.picture:
        return files
    if body.picture is None:
        raise InputError(f"there is no picture; {action.title} needs one")
    files[START] = normalized(body.picture)
    if needs.factor and body.factor not in (None, 1):
        files[START] = png(reduced(decoded(files[START]), loaded.side, body.factor))
    if needs.second:
        if body.second is None:
            raise InputError(f"there is no second picture; {action.title} needs one")
        files[SECOND] = normalized(body.second)
    if needs.strokes and not body.strokes:
        raise InputError("nothing to paint: give at least one stroke")
    painted = {f"stroke-{number}.png": stroke.mask for number, stroke in enumerate(body.strokes) if needs.strokes}
    if needs.mask == "yes":
        if body.mask is None:
            raise InputError(f"nothing is painted yet; {action.title} needs a mask")
        painted[MASK] = body.mask
    rows, columns = decoded(files[START]).shape[1:]
    if needs.factor and max(rows, columns) >= loaded.side:
        raise InputError(
            f"the picture has {columns} x {rows} pixels; {action.title} takes a smaller one than the classifier's "
            f"{loaded.side} x {loaded.side}, or a factor to shrink this one by"
        )
    return {**files, **_masks(painted, (rows, columns), loaded.classifier.size)}


def _masks(painted: Mapping[str, Mask], picture: tuple[int, int], side: int | None) -> dict[str, bytes]:
    """Masks as PNGs, which must fit the picture and leave something of what is used of it."""
    files = {}
    for name, mask in painted.items():
        if picture != (mask.height, mask.width):
            own = f"the mask is {mask.width} x {mask.height} and the picture {picture[1]} x {picture[0]} pixels"
            raise InputError(f"{own}; give a mask of the picture's size")
        files[name] = mask_png(mask)
        share = float(read_mask(files[name], (side, side) if side else picture).mean())
        if share in (0, 1):
            used = "picture" if picture[0] == picture[1] else "square in the middle, which is what is used,"
            raise InputError(f"{'all' if share else 'nothing'} of the {used} is painted over; paint a part of it")
    return files
