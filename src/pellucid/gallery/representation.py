"""The demo's sections about representations."""

from __future__ import annotations

import torch

from ..data.kaleidoscope import kaleidoscope
from ..representation.interpolate import InterpolateRecipe, interpolate
from ..representation.invert import InvertRecipe, invert
from ..representation.manipulate import manipulate
from ..representation.visualize import visualize
from .page import Section
from .scene import Scene


def inversion(scene: Scene) -> Section:
    """Photos, kaleidoscopes and generated images, recovered from their representations."""
    photos = torch.cat([scene.photo(name) for name in ("flower.jpg", "china.jpg")])
    targets = torch.cat([photos, kaleidoscope(3, scene.made.shape[2], scene.seed), scene.made[:5].cpu()])
    recipe = InvertRecipe(steps=200)
    rows = [scene.row("target", targets, "invert-targets.png")]
    for caption, descent in scene.both(invert, targets, recipe, seed=scene.seed):
        rows.append(scene.row(caption, descent.images, f"invert-{caption}.png"))
    return Section(
        "Invert a representation",
        "Forget the image, keep only its representation, and look for an image that is represented alike, beginning "
        "with noise. Both networks come equally near; only what the robust one finds looks like the target, even "
        "where no photo of its training was like it (kaleidoscopes).",
        scene.command("invert", "--targets", "flower.jpg", "--beside", scene.names[1], "--out", "inverted.png"),
        tuple(rows),
    )


def interpolation(scene: Scene) -> Section:
    """From a photo to a generated image, step by step."""
    near = scene.classes.index("sunflower") if "sunflower" in scene.classes else 0
    first, last = scene.photo("flower.jpg"), scene.made[near : near + 1].cpu()
    recipe = InterpolateRecipe(steps=200, intervals=8)
    rows = []
    for caption, descent in scene.both(interpolate, first, last, recipe):
        if not rows:
            rows.append(scene.row("where it starts", descent.start, "interpolate-start.png"))
        rows.append(scene.row(caption, descent.images, f"interpolate-{caption}.png"))
    return Section(
        "Interpolate",
        "Walk in a straight line from one representation to another and invert each step. Every step, the "
        "ends too, begins as a blurred average; the robust representation turns one thing into the other.",
        scene.command("interpolate", "--images", "flower.jpg", "made.png", "--out", "walk.png", "--gif", "walk.gif"),
        tuple(rows),
    )


def visualization(scene: Scene) -> Section:
    """What single units look for, from two seeds."""
    units = spread(scene, 0)
    rows = []
    for caption, descent in scene.both(visualize, units, seeds=2, seed=scene.seed):
        for seed in range(2):
            names = [f"unit {unit}" for unit in units] if not rows else ()
            label = caption if seed == 0 else "another seed"
            rows.append(scene.row(label, descent.images[seed::2], f"visualize-{caption}-{seed}.png", names))
    return Section(
        "Visualize units",
        "Climb one unit of the representation, beginning with noise, with no prior but the network itself. A robust "
        "classifier's units mean the same thing from every seed.",
        scene.command("visualize", "--units", *units[:3], "--seeds", 2, "--out", "units.png"),
        tuple(rows),
    )


def manipulation(scene: Scene) -> Section:
    """A unit added to a photo."""
    units = spread(scene, 5)
    photo = scene.photo("flower.jpg").expand(len(units), -1, -1, -1)
    rows = []
    for caption, descent in scene.both(manipulate, photo, torch.tensor(units)):
        ends = zip(units, descent.stopped_at.tolist(), strict=True)
        names = [f"unit {unit}, {at} steps" for unit, at in ends]
        rows.append(scene.row(caption, descent.images, f"add-{caption}.png", names))
    return Section(
        "Add a feature",
        "Climb a unit from a photo and stop as soon as it exceeds every other one. To the standard network that takes "
        "a few steps that nobody sees.",
        scene.command("manipulate", "--images", "flower.jpg", "--units", units[0], "--out", "changed.png"),
        tuple(rows),
    )


def spread(scene: Scene, first: int, count: int = 8) -> list[int]:
    """Units of the representation at equal distances from each other, not chosen by their looks."""
    there = scene.robust.network.get_parameter(f"{scene.robust.head}.weight").shape[1]
    return [(first + number * there // count) % there for number in range(count)]
