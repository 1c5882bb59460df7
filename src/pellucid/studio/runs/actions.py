"""The table of actions: what each needs, its recipe, and the function that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from ...base.devices import Precision
from ...core.descent import Progress
from ...representation import interpolate as interpolation
from ...representation import manipulate as manipulation
from ...style.recipe import PRESETS as STYLES
from ...style.recipe import StylizeRecipe
from ...style.stylize import StyleProgress
from ...synthesis import generate as generation
from ...synthesis import inpaint as inpainting
from ...synthesis import paint as painting
from ...synthesis import sketch as sketching
from ...synthesis import superres as superresolution
from ...synthesis import translate as translation
from ...synthesis.brush import BrushRecipe, brush
from ...synthesis.start import seeds
from .calls import Call, Made, Needs, call_interpolate, call_paint, call_stylize, direct
from .frames import Camera


@dataclass(frozen=True)
class Action:
    """One action of the page.

    Attributes:
        name: of the library's function and of the command.
        group: what one does with it: make a picture, change one, or study the classifier.
        title, help: as the page shows them.
        needs: the inputs besides the settings.
        recipe: the default settings, for 32 px.
        presets: published settings.
        run: calls the function: from a `Call` and options of `descend` to a `Made`.
    """

    name: str
    group: Literal["Make", "Change", "Study"]
    title: str
    help: str
    needs: Needs
    recipe: Any
    presets: dict[str, Any]
    run: Callable[..., Made]


def perform(
    action: Action,
    call: Call,
    camera: Camera,
    check: Callable[[], None],
    advance: Callable[[int, int], None],
    precision: Precision,
) -> Made:
    """Run an action, and take frames on the way.

    Args:
        action: the action.
        call: its inputs.
        camera: takes the frames.
        check: called after every step; raises an exception to stop the run.
        advance: called with steps done and steps in all, if there is no single image to show.
        precision: of the network's passes.
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

    made = action.run(call, callback=callback, precision=precision)
    check()
    for share, image in made.walk:
        camera.take(image, made.steps, made.steps, share=share)
    if not made.walk:
        camera.take(made.image, made.steps, made.steps, made.loss)
    return made


def _start(action: Action, call: Call) -> Tensor:
    """The image with which a run begins."""
    if action.name == "generate":
        (label,), recipe = call.inputs(), call.recipe
        labels = call.classifier.labels(label)
        return seeds(call.classifier, labels, recipe.start, call.seed, None, recipe.enlargement)[0]
    return (call.picture() if action.needs.style else call.images())[0]


def _steps(action: Action, call: Call) -> int:
    """How many steps a run will take, at most."""
    return getattr(call.recipe, "steps", 0) * max(1, len(call.strokes)) or call.recipe.evaluations


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "generate", "Make", "Generate", "An image of a class, from a random seed of it.",
            Needs(picture=False, label="yes"), generation.GenerateRecipe(), generation.PRESETS,
            direct(generation.generate),
        ),
        Action(
            "sketch", "Make", "Sketch to image",
            "Turn a drawing into an image of a class; flat colors say more than lines.",
            Needs(label="yes"), sketching.SketchRecipe(), sketching.PRESETS, direct(sketching.sketch),
        ),
        Action(
            "brush", "Change", "Class brush", "Paint a class into a region, over what is there.",
            Needs(mask="yes", label="yes"), BrushRecipe(), {}, direct(brush),
        ),
        Action(
            "paint", "Change", "Paint with features", "Paint units of the representation, stroke by stroke.",
            Needs(strokes=True), painting.PaintRecipe(), painting.PRESETS, call_paint,
        ),
        Action(
            "translate", "Change", "Translate", "Turn the image into one of another class.",
            Needs(label="yes"), translation.TranslateRecipe(), translation.PRESETS, direct(translation.translate),
        ),
        Action(
            "inpaint", "Change", "Inpaint", "Fill in a region as if it were missing.",
            Needs(mask="yes", label="optional"), inpainting.InpaintRecipe(), inpainting.PRESETS,
            direct(inpainting.inpaint),
        ),
        Action(
            "superres", "Change", "Super-resolve",
            "Enlarge a small image; a larger one is first brought down by a factor.",
            Needs(label="optional", factor=True),
            superresolution.SuperresRecipe(), superresolution.PRESETS, direct(superresolution.superres),
        ),
        Action(
            "manipulate", "Study", "Manipulate", "Add a feature: raise one unit until it exceeds every other one.",
            Needs(unit=True), manipulation.ManipulateRecipe(), manipulation.PRESETS, direct(manipulation.manipulate),
        ),
        Action(
            "interpolate", "Study", "Interpolate", "Walk from this image to another through their representations.",
            Needs(second=True), interpolation.InterpolateRecipe(), interpolation.PRESETS, call_interpolate,
        ),
        Action(
            "stylize", "Change", "Stylize", "The content of this image in the style of another.",
            Needs(second=True, style=True), StylizeRecipe(), STYLES, call_stylize,
        ),
    )
}  # fmt: skip
