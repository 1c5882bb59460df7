"""The demo's section about style."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..base.errors import InputError
from ..style.backbone import default_layers
from ..style.pyramid import with_shorter_side
from ..style.recipe import PRESETS
from ..style.stylize import StyleProgress, stylize
from .page import Section
from .scene import Scene


def possible(scene: Scene) -> bool:
    """Whether it is known which layers of these classifiers carry style."""
    try:
        return bool(default_layers(scene.robust) and default_layers(scene.standard))
    except InputError:
        return False


def stylization(scene: Scene) -> Section:
    """A photo in the style of another, with the features of either classifier."""
    size = 5 * scene.made.shape[2] // 2
    content, style = (with_shorter_side(scene.sample(name), size) for name in ("china.jpg", "flower.jpg"))
    recipe = replace(PRESETS["strokes"], smoothness=0.05, evaluations=20)  # behind the flower it is smooth
    pictures = [content, style]
    for part, classifier in enumerate((scene.robust, scene.standard)):

        def callback(progress: StyleProgress, part: int = part) -> None:
            scene.advance_to(progress.evaluation / progress.evaluations, part, 2)

        made = stylize(
            classifier, content, [style], recipe, seed=scene.seed, precision=scene.precision, callback=callback
        )
        pictures.append(made.images.cpu())
    names = ["content", "style", "robust", "standard"]
    return Section(
        "Carry style",
        "Keep what one photo shows, and take the textures of another: match how features go together, not where they "
        "are. What the robust classifier carries has edges and keeps to the things; what the standard one carries runs "
        "over them.",
        scene.command(
            "stylize", "--content", "china.jpg", "--styles", "flower.jpg", "--preset", "strokes",
            "--smoothness", 0.05, "--size", size, "--out", "stylized.png",
        ),
        (scene.row("", torch.cat(pictures), "stylize.png", names),),
    )  # fmt: skip
