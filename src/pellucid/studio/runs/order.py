"""Orders: a posted run with checked inputs, the command line that repeats it, and its sidecar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...base.devices import Precision, pick_precision
from ...base.errors import InputError, unknown
from ...core.classifier import Classifier
from ...gallery.sidecar import embedded, made_by
from ..kept.loaded import Loaded
from ..kept.pictures import decoded, mask_png, normalized, png, read_mask, reduced
from ..schema import JobBody, Mask
from .actions import ACTIONS, Action, perform
from .calls import MASK, SECOND, START, Call
from .form import described, filled, values, words
from .frames import Camera
from .job import Job, Result
from .threads import use_all_cores


@dataclass(frozen=True)
class Machine:
    """How networks run: the flags with which the studio was started."""

    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True)
class Order:
    """A checked run: what is called, with what, and how the network runs."""

    action: Action
    call: Call
    machine: Machine = Machine()

    @property
    def name(self) -> str:
        """The file name of a result, without suffix."""
        what = self.call.label or ("" if self.call.unit is None else f"unit {self.call.unit}")
        return re.sub(r"[^a-z0-9]+", "-", f"{self.action.name} {what}".lower()).strip("-")[:60]

    @property
    def precision(self) -> Precision:
        """Of the network's passes: what the machine's choice comes to where the classifier is."""
        return pick_precision(self.machine.precision, self.call.classifier.device)

    def work(self, job: Job) -> Result:
        """Run it; the `work` of a job."""
        use_all_cores()
        call, classifier = self.call, self.call.classifier
        label = None if call.label is None else classifier.label(call.label)
        camera = Camera(classifier, label, job.keep)
        made = perform(self.action, call, camera, job.check, job.advance, self.precision)
        return Result(png(made.image), made.facts)

    def sidecar(self, job: Job) -> dict[str, Any]:
        """The sidecar, from which alone `pellucid rerun` repeats the result."""
        call, loaded = self.call, self.call.loaded
        facts = made_by(self.action.name, self.words(job.name), recipe=call.recipe, seed=call.seed)
        facts |= {"model": loaded.name, "model_sha256": loaded.sha256, "classes": loaded.classifier.class_names}
        facts["inputs"] = [embedded(name, content) for name, content in call.files.items()]
        return {**facts, **(job.result.facts if job.result is not None else {"stopped": job.seen})}

    def words(self, out: str) -> list[str]:
        """The words of the command line after the command's name."""
        call, needs = self.call, self.action.needs
        said = ["--model", call.loaded.name, "--seed", str(call.seed)]
        if self.machine.device != "auto":
            said += ["--device", self.machine.device]
        said += ["--precision", self.precision]
        said += ["--out", f"{out}.png" if needs.style else out]
        if needs.style:
            said += ["--content", _input(START), "--styles", _input(SECOND)]
        elif needs.picture:
            said += ["--images", _input(START), *([_input(SECOND)] if needs.second else [])]
        else:
            said += ["--count", "1"]
        said += ["--mask", _input(MASK)] if needs.mask == "yes" else []
        said += ["--classes", call.label] if call.label is not None else []
        said += ["--units", str(call.unit)] if call.unit is not None else []
        if needs.strokes:
            strokes = enumerate(call.strokes)
            said += ["--strokes", *(f"{_input(f'stroke-{n}.png')}:{u}:{strength:g}" for n, (u, strength) in strokes)]
        return [*said, *words(call.recipe)]


def order(body: JobBody, loaded: Loaded, machine: Machine) -> Order:
    """Check what was posted.

    Raises:
        InputError: an unknown action, class, unit or setting; a picture or a mask that is missing or damaged, or a mask
            of another size than the picture.
    """
    action = find(body.action)
    needs = action.needs
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
    return Order(action, Call(loaded, needs, recipe, body.seed, files, label, unit, strokes), machine)


def find(name: str) -> Action:
    """The action of this name."""
    if name not in ACTIONS:
        raise unknown("action", name, ACTIONS)
    return ACTIONS[name]


def catalog(classifier: Classifier) -> list[dict[str, Any]]:
    """All actions as JSON for the page, with defaults in proportion to the classifier's size."""
    return [
        {
            "name": action.name,
            "group": action.group,
            "title": action.title,
            "help": action.help,
            "needs": asdict(action.needs),
            "form": described(action.recipe.at(classifier.size)),
            "presets": {
                name: values(preset) for name, preset in action.presets.items() if _fits(name, preset, classifier)
            },
        }
        for action in ACTIONS.values()
    ]


def _fits(name: str, preset: Any, classifier: Classifier) -> bool:
    """Whether a preset names layers that are there, and is for pictures of about this size.

    Its name ends with the data of its paper, or names none.
    """
    sizes, size = {"cifar10": range(16, 65), "imagenet": range(128, 513)}, classifier.size
    fitting = all(size is None or size in sizes[data] for data in sizes if name.endswith(data))
    return fitting and set(getattr(preset, "style_layers", ())) <= set(classifier.layers)


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
    """Masks as PNGs; each must fit the picture, and cover a part of what is used of it, but not all."""
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
