"""The table of actions: what each one needs, its recipe, and how it is performed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from torch import Tensor

from ..core.descend import Progress
from ..representation import interpolate as interpolation
from ..representation import manipulate as manipulation
from ..style.recipe import PRESETS as STYLES
from ..style.recipe import StylizeRecipe
from ..style.stylize import StyleProgress
from ..synthesis import generate as generation
from ..synthesis import inpaint as inpainting
from ..synthesis import paint as painting
from ..synthesis import sketch as sketching
from ..synthesis import superres as superresolution
from ..synthesis import translate as translation
from ..synthesis.brush import BrushRecipe
from ..synthesis.start import seeds
from . import calls
from .calls import START, Call, Made
from .frames import Camera
from .pictures import decoded


@dataclass(frozen=True)
class Needs:
    """What a person gives an action besides its settings."""

    picture: bool = True
    mask: Literal["no", "yes"] = "no"
    label: Literal["no", "optional", "yes"] = "no"
    unit: bool = False
    strokes: bool = False
    second: bool = False
    style: bool = False
    factor: bool = False


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        name: of the function and of the command.
        title, help: for people.
        needs: what else is given.
        recipe: its settings' defaults, for 32 px.
        presets: published settings.
        run: calls the function.
    """

    name: str
    title: str
    help: str
    needs: Needs
    recipe: Any
    presets: dict[str, Any]
    run: Callable[[Call], Made]


def perform(
    action: Action, call: Call, camera: Camera, check: Callable[[], None], advance: Callable[[int, int], None]
) -> Made:
    """Run an action and take frames on its way.

    Args:
        action: what to do.
        call: with what; its callback is set here.
        camera: takes the frames.
        check: raises an exception to stop it; called after every step.
        advance: told steps done and steps in all where there is no one image to look at.
    """
    camera.take(_start(action, call), 0, _steps(action, call))

    def callback(progress: Progress | StyleProgress) -> None:
        check()
        if not camera.due:
            return
        if isinstance(progress, StyleProgress):
            camera.take(progress.images[0], progress.evaluation, progress.evaluations, progress.losses.total)
        elif action.name == "interpolate":
            advance(progress.step, progress.steps)
        elif len(progress.images):
            camera.take(progress.images[0], progress.step, progress.steps, float(progress.loss[0]))

    call.options["callback"] = callback
    made = action.run(call)
    check()
    for share, image in made.walk:
        camera.take(image, made.steps, made.steps, share=share)
    if not made.walk:
        camera.take(made.image, made.steps, made.steps, made.loss)
    return made


def _start(action: Action, call: Call) -> Tensor:
    """What a run begins with, as far as it is to be seen."""
    if action.name == "generate":
        label = call.classifier.labels(call.labels or [])
        recipe = call.recipe
        return seeds(call.classifier, label, recipe.start, call.options["seed"], None, recipe.enlargement)[0]
    return decoded(call.files[START]) if action.needs.style else call.images()[0]


def _steps(action: Action, call: Call) -> int:
    """How many steps a run announces before its first one."""
    return getattr(call.recipe, "steps", 0) * max(1, len(call.strokes)) or call.recipe.evaluations


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "generate", "Generate", "An image of a class, from a random seed of it.",
            Needs(picture=False, label="yes"), generation.GenerateRecipe(), generation.PRESETS, calls.call_generate,
        ),
        Action(
            "sketch", "Sketch to image", "Turn a drawing into an image of a class; flat colors say more than lines.",
            Needs(label="yes"), sketching.SketchRecipe(), sketching.PRESETS, calls.call_sketch,
        ),
        Action(
            "brush", "Class brush", "Paint a class into a region, over what is there.",
            Needs(mask="yes", label="yes"), BrushRecipe(), {}, calls.call_brush,
        ),
        Action(
            "paint", "Paint with features", "Paint units of the representation, stroke by stroke.",
            Needs(strokes=True), painting.PaintRecipe(), painting.PRESETS, calls.call_paint,
        ),
        Action(
            "translate", "Translate", "Turn the image into one of another class.",
            Needs(label="yes"), translation.TranslateRecipe(), translation.PRESETS, calls.call_translate,
        ),
        Action(
            "inpaint", "Inpaint", "Fill in a region as if it were missing.",
            Needs(mask="yes", label="optional"), inpainting.InpaintRecipe(), inpainting.PRESETS, calls.call_inpaint,
        ),
        Action(
            "superres", "Super-resolve", "Enlarge a small image; a larger one is first brought down by a factor.",
            Needs(label="optional", factor=True),
            superresolution.SuperresRecipe(), superresolution.PRESETS, calls.call_superres,
        ),
        Action(
            "manipulate", "Manipulate", "Add a feature: raise one unit until it exceeds every other one.",
            Needs(unit=True), manipulation.ManipulateRecipe(), manipulation.PRESETS, calls.call_manipulate,
        ),
        Action(
            "interpolate", "Interpolate", "Walk from this image to another through their representations.",
            Needs(second=True), interpolation.InterpolateRecipe(), interpolation.PRESETS, calls.call_interpolate,
        ),
        Action(
            "stylize", "Stylize", "The content of this image in the style of another.",
            Needs(second=True, style=True), StylizeRecipe(), STYLES, calls.call_stylize,
        ),
    )
}  # fmt: skip


def described(action: Action, fields: list[dict[str, Any]], presets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """An action as the page is told of it."""
    return {
        "name": action.name,
        "title": action.title,
        "help": action.help,
        "needs": asdict(action.needs),
        "form": fields,
        "presets": presets,
    }
