"""The figures and tables of *Adversarial Robustness as a Prior for Learned Representations* (Engstrom et al. 2019)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from ..core.classifier import Classifier
from ..core.descent import Descent
from ..data.kaleidoscope import kaleidoscope
from ..evaluation.similarity import SimilarityRecipe, similarity_study
from ..gallery.sheet import Row
from ..representation.activating import activating
from ..representation.interpolate import PRESETS as INTERPOLATIONS
from ..representation.interpolate import InterpolateRecipe, interpolate
from ..representation.invert import InvertRecipe, invert
from ..representation.manipulate import PRESETS as MANIPULATIONS
from ..representation.manipulate import ManipulateRecipe, manipulate
from ..representation.visualize import PRESETS as VISUALIZATIONS
from ..representation.visualize import VisualizeRecipe, visualize
from .accuracy import accuracies
from .entry import Claim, Finding, Interval, Table
from .inversions import distances, from_noise, inversion, matched, pictures, recipe, two
from .scene import Scene
from .settings import grouped, steps, trained

NO_MEASURE = "What a unit shows is for the eye: no number here decides it."


def figure_2(scene: Scene) -> Finding:
    """Two images that a standard network represents alike, though they look different."""
    sources, targets = two(scene, scene.by_scale(3, 6, 6))
    made = matched(scene, sources, targets)
    robust, standard, *_ = made.values()
    moved = [lengths(descent) for descent in (robust, standard)]
    rows = [Row("source", sources), *pictures(made), Row("target", targets)]
    columns = ("classifier", "relative distance in representation", "moved by (L2)")
    table = [
        (name, Interval.of_mean(descent.info["result"]["distance"]), Interval.of_mean(lengths(descent)))
        for name, descent in made.items()
    ]
    claim = "A standard network's images come to another representation with a smaller change than a robust one's"
    return Finding(
        "Each source is moved until it is represented as the target is. Of a standard network it still looks like the "
        "source.",
        rows,
        table=Table(columns, table),
        claims=[Claim(claim, Interval.of_difference(*moved))],
        command=f"invert --model {scene.name} --targets targets/ --start sources/ --out matched.png",
        python="pl.invert(classifier, targets, start=sources)",
    )


def figure_3(scene: Scene) -> Finding:
    """Inversion from other images, robust and standard."""
    sources, targets = two(scene, scene.by_scale(4, 24, 100))
    made = matched(scene, sources, targets)
    return inversion(
        made,
        [Row("target", targets[:6]), Row("source", sources[:6])],
        "Each inversion begins with another test image, the source. Robust inversions come to look like the target.",
        f"invert --model {scene.name} --targets targets/ --start sources/ --out inverted.png",
    )


def figure_4(scene: Scene) -> Finding:
    """Distance in representation against the radius of the ball around the source."""
    curves = distances(scene, scene.by_scale(3, 16, 100))
    names, (robust, standard, *_) = list(curves), curves.values()
    middle = len(robust.radii) // 2
    radius = float(robust.radii[middle])
    gap = Interval.of_difference(robust.distances[middle].tolist(), standard.distances[middle].tolist())

    def plot(axes: Any) -> None:
        for name, curve in curves.items():
            mean, margin = curve.mean, curve.margin.nan_to_num()
            axes.fill_between(curve.radii, mean - margin, mean + margin, alpha=0.2)
            axes.plot(curve.radii, mean, marker="o", markersize=3, label=name)
        axes.set_xscale("log", base=2)
        axes.set(
            ylim=(0, None), xlabel="radius of the ball around the source", ylabel="relative distance to the target"
        )
        axes.legend()

    rows = [
        (f"{float(radius):.3g}", *(Interval.of_mean(curve.distances[number].tolist()) for curve in curves.values()))
        for number, radius in enumerate(robust.radii)
    ]
    return Finding(
        "The least distance to the target's representation within an L2 ball around the source, relative to the norm "
        "of the target's representation.",
        plot=plot,
        table=Table(("radius", *names), rows),
        claims=[Claim(f"At radius {radius:.3g} the robust network is farther from the target", gap)],
        command=f"distance --model {scene.name} --beside {names[1]} --data DATA --count 16 --out distance.png",
        python="pl.distance(classifier, sources, targets)",
    )


def figure_5(scene: Scene) -> Finding:
    """Inversions inside small balls around the source."""
    name, curve = next(iter(distances(scene, scene.by_scale(3, 6, 6)).items()))
    shown = range(len(curve.radii)) if len(curve.radii) <= 4 else range(1, len(curve.radii), 2)
    rows = [Row(f"radius {float(curve.radii[i]):.3g}", curve.images[i, :6]) for i in shown]
    return Finding(
        "Even where the ball is too small to reach the target's representation, the result takes over what is salient "
        "in the target. " + NO_MEASURE,
        [Row("source", curve.sources[:6]), *rows, Row("target", curve.targets[:6])],
        command=f"distance --model {name} --data DATA --out distance.png",
        python="pl.distance(classifier, sources, targets).images",
    )


def figure_6(scene: Scene) -> Finding:
    """Inversion from noise, of test images and of kaleidoscopes."""
    targets, _ = scene.images(scene.by_scale(4, 24, 100))
    return from_noise(scene, targets, "test images")


def figure_13(scene: Scene) -> Finding:
    """Inversion of test images from other images and from noise."""
    sources, targets = two(scene, scene.by_scale(4, 12, 100))
    noise = invert(scene.classifier, targets, recipe(scene), **scene.options)
    images = invert(scene.classifier, targets, recipe(scene), start=sources, **scene.options)
    psnr = [descent.info["result"]["psnr"] for descent in (images, noise)]
    return Finding(
        "The robust network's inversions from two kinds of starts. PSNR to the target in decibels.",
        [Row("target", targets[:6]), Row("from images", images.images[:6]), Row("from noise", noise.images[:6])],
        table=Table(
            ("start", "PSNR"), [("other images", Interval.of_mean(psnr[0])), ("noise", Interval.of_mean(psnr[1]))]
        ),
        command=f"invert --model {scene.name} --targets targets/ --out inverted.png",
        python="pl.invert(classifier, targets)",
    )


def figure_14(scene: Scene) -> Finding:
    """Inversion of what no training image was like."""
    return from_noise(scene, kaleidoscope(scene.by_scale(3, 8, 20), scene.size, scene.seed), "kaleidoscopes")


def figure_15(scene: Scene) -> Finding:
    """Inversion from noise with the standard network."""
    targets, _ = scene.images(scene.by_scale(4, 6, 6))
    descent = invert(scene.pair[1], targets, recipe(scene), **scene.options)
    return Finding(
        "The standard network's inversions come as near in representation and look like noise. " + NO_MEASURE,
        [Row("target", targets), Row("inversion", descent.images)],
        command=f"invert --model {list(scene.classifiers)[1]} --targets targets/ --out inverted.png",
        python="pl.invert(standard, targets)",
    )


def figure_7(scene: Scene) -> Finding:
    """What maximizes units, from several seeds."""
    units = spread(scene.classifier, scene.by_scale(4, 6, 6))
    seeds, rows = 2, []
    for name, classifier in scene.classifiers.items():
        known = [unit for unit in units if unit < width(classifier)]
        made = visualize(classifier, known, visualization(scene), seeds=seeds, **scene.options)
        for number in range(seeds):
            captions = [f"unit {unit}" for unit in known] if number == 0 else ()
            rows.append(Row(f"{name}, seed {number}", made.images[number::seeds], captions))
    return Finding(
        "Units at equal distances from each other, maximized from the same noise without a prior on images but the "
        "network. A robust network's units show the same from every seed. " + NO_MEASURE,
        rows,
        command=f"visualize --model {scene.name} --units {' '.join(map(str, units))} --seeds 2 --out units.png",
        python=f"pl.visualize(classifier, {units}, seeds=2)",
    )


def figure_19(scene: Scene) -> Finding:
    """Randomly chosen units, with the class that is seen in each."""
    units = torch.randperm(width(scene.classifier), generator=torch.Generator().manual_seed(scene.seed))
    chosen = units[: scene.by_scale(6, 8, 8)].tolist()
    made = visualize(scene.classifier, chosen, visualization(scene), **scene.options)
    captions = [f"{unit}: {seen['class']}" for unit, seen in zip(chosen, made.info["features"], strict=True)]
    return Finding(
        "Units drawn by the seed, maximized from noise, with the class that the classifier sees in each. " + NO_MEASURE,
        [Row(scene.name, made.images, captions)],
        command=f"visualize --model {scene.name} --units {' '.join(map(str, chosen))} --out units.png",
        python=f"pl.visualize(classifier, {chosen})",
    )


def figure_8(scene: Scene) -> Finding:
    """What maximizes two units, and the test images that activate them most and least."""
    units = spread(scene.classifier, 2)
    made = visualize(scene.classifier, units, replace(visualization(scene), start="gray"), **scene.options)
    part = scene.part(scene.by_scale(100, 1000, len(scene.measured)))
    most, least = activating(scene.classifier, part, k=3).images(part, units)
    rows = [
        row
        for number, unit in enumerate(units)
        for row in (
            Row(f"unit {unit}, maximized", made.images[number : number + 1]),
            Row("activated most", most[number]),
            Row("activated least", least[number]),
        )
    ]
    return Finding(
        f"Two units, from gray, and of {len(part)} test images those that activate them most and least. " + NO_MEASURE,
        rows,
        command=f"activating --model {scene.name} --data DATA --units {units[0]} {units[1]} --out activating.png",
        python=f"pl.activating(classifier, split, k=3).images(split, {units})",
    )


def figure_10(scene: Scene) -> Finding:
    """Regularized visualization of the standard network."""
    standard = scene.pair[1]
    units = list(range(4))
    how = replace(VISUALIZATIONS["lucid"], steps=scene.by_scale(64, 256, 512))
    made = visualize(standard, units, how, **scene.options)
    plain = visualize(scene.classifier, units, visualization(scene), **scene.options)
    return Finding(
        "The first four units of the standard network with decorrelated Fourier coefficients, jitter, scale and "
        "rotation, and those of the robust network without. " + NO_MEASURE,
        [Row("standard, regularized", made.images, [f"unit {u}" for u in units]), Row("robust", plain.images)],
        command=f"visualize --model {list(scene.classifiers)[1]} --units 0 1 2 3 --preset lucid --out units.png",
        python='pl.visualize(standard, [0, 1, 2, 3], PRESETS["lucid"])',
    )


def figure_11(scene: Scene) -> Finding:
    """A unit added to images, until it exceeds every other one."""
    images, _ = scene.images(scene.by_scale(4, 24, 100))
    unit = spread(scene.classifier, 3)[1]
    how = scene.by_scale(ManipulateRecipe(), ManipulateRecipe(), MANIPULATIONS["paper"])
    made = {name: manipulate(c, images, unit, how, **scene.options) for name, c in scene.classifiers.items()}
    moved = [lengths(descent) for descent in made.values()]
    columns = ("classifier", "moved by (L2)", "steps", "share done")
    rows = [
        (name, Interval.of_mean(way), float(d.stopped_at.float().mean()), d.stopped.count("done") / len(d.stopped))
        for (name, d), way in zip(made.items(), moved, strict=True)
    ]
    return Finding(
        f"Unit {unit} of each network is raised in test images until it exceeds every other unit.",
        [Row("start", images[:6]), *pictures(made)],
        table=Table(columns, rows),
        claims=[
            Claim("A robust network's images change more until the unit leads", Interval.of_difference(*moved[:2]))
        ],
        command=f"manipulate --model {scene.name} --images photos/ --units {unit} --out changed.png",
        python=f"pl.manipulate(classifier, images, {unit})",
    )


def figure_23(scene: Scene) -> Finding:
    """Several units, each added to several images."""
    images, _ = scene.images(scene.by_scale(4, 6, 6))
    units = spread(scene.classifier, 4)
    how = scene.by_scale(ManipulateRecipe(), ManipulateRecipe(), MANIPULATIONS["paper"])
    made = [manipulate(scene.classifier, images, unit, how, **scene.options).images for unit in units]
    return Finding(
        "Each unit is raised until it exceeds every other one. " + NO_MEASURE,
        [Row("start", images), *(Row(f"unit {unit}", changed) for unit, changed in zip(units, made, strict=True))],
        command=f"manipulate --model {scene.name} --images photos/ --units {units[0]} --out changed.png",
        python=f"pl.manipulate(classifier, images, {units[0]})",
    )


def figure_12(scene: Scene) -> Finding:
    """Interpolation through the robust representation, beside that of pixels."""
    _, made = walks(scene, scene.by_scale(2, 8, 40))
    robust = ghosts(made[scene.name])
    return Finding(
        "Each row walks from one test image to another in equal steps of the representation; the last rows mix pixels.",
        strips(made[scene.name], scene.name) + strips(made[scene.name], "pixels", start=True),
        table=Table(("", "ghosting in the middle"), [(scene.name, Interval.of_mean(robust)), ("pixels", 1.0)]),
        claims=[Claim("Pixels mix with more ghosting than representations", Interval.of_mean([1 - v for v in robust]))],
        command=f"interpolate --model {scene.name} --images first.png last.png --out walk.png",
        python="pl.interpolate(classifier, first, last)",
    )


def figure_18(scene: Scene) -> Finding:
    """Interpolation through the standard representation."""
    names, made = walks(scene, scene.by_scale(2, 8, 40), paper=True)
    robust, standard = (ghosts(made[name]) for name in names[:2])
    return Finding(
        "As in Figure 12, from unblurred averages of pixels, which the standard network's descent hardly changes.",
        strips(made[names[1]], names[1]) + strips(made[names[0]], names[0]),
        table=Table(("", "ghosting in the middle"), [(name, Interval.of_mean(ghosts(made[name]))) for name in names]),
        claims=[
            Claim("A standard network's walk shows more ghosting", Interval.of_difference(standard, robust)),
        ],
        command=f"interpolate --model {names[1]} --images first.png last.png --blur 0 --out walk.png",
        python="pl.interpolate(standard, first, last, pl.InterpolateRecipe(blur=0))",
    )


def table_1(scene: Scene) -> Finding:
    """The classes of Restricted ImageNet."""
    return grouped("representations-table-1")


def table_2(scene: Scene) -> Finding:
    """How the classifiers were trained."""
    return trained(scene, "representations-table-2")


def table_3(scene: Scene) -> Finding:
    """Against which attack they were trained."""
    return trained(scene, "representations-table-3")


def settings(scene: Scene) -> Finding:
    """Radius, steps and step size of each study."""
    own = {"visualize": VisualizeRecipe(), "invert": InvertRecipe(), "interpolate": InterpolateRecipe()}
    return steps(scene, ["representations-settings"], own, "invert --preset paper")


def similarity(scene: Scene) -> Finding:
    """How good a distance of images the layers give: distortions in their order, and how easily it is fooled."""
    images = scene.images(scene.by_scale(6, 40, 200))[0]
    how = SimilarityRecipe(steps=scene.by_scale(10, 40, 40))
    found = similarity_study(scene.classifiers, images, how, seed=scene.seed)
    rows = [
        (name, one.mean, Interval(one.fooled, one.low, one.high), Interval(one.unlike, one.unlike_low, one.unlike_high))
        for name, one in found.items()
    ]
    robust, standard = (found[name] for name in list(scene.classifiers)[:2])
    gap = math.log(standard.unlike / robust.unlike)
    half = math.hypot(*(math.log(one.unlike_high / one.unlike_low) / 2 for one in (robust, standard)))
    claim = "A perturbation that nobody sees changes more of a standard network's distance (logarithm of the ratio)"
    return Finding(
        f"Of {len(images)} test images and eight distortions: how often a distortion of twice the strength is farther; "
        "how many times farther than noise of the same norm a perturbation can be made; and how far that is beside the "
        "distance of two different images.",
        table=Table(("distance", "right order", "fooled, times noise", "fooled, share of another image"), rows),
        claims=[Claim(claim, Interval(gap, gap - half, gap + half))],
        command=f"similarity-study --models {' '.join(scene.classifiers)} --data DATA",
        python="pl.similarity_study(classifiers, images)",
    )  # fmt: skip


def table_4(scene: Scene) -> Finding:
    """Clean and adversarial accuracy."""
    return accuracies(scene, "representations-table-4")


def lengths(descent: Descent) -> list[float]:
    """How far each image was moved, in L2."""
    return (descent.images - descent.start).flatten(1).norm(dim=1).tolist()


def visualization(scene: Scene) -> VisualizeRecipe:
    """Settings of a visualization."""
    return scene.by_scale(VisualizeRecipe(steps=40), VisualizeRecipe(), VISUALIZATIONS["paper"])


def walks(scene: Scene, count: int, paper: bool = False) -> tuple[list[str], dict[str, Descent]]:
    """Interpolations between pairs of test images, by classifier; the paper's start is the average of pixels itself."""
    first, last = two(scene, count)
    how = scene.by_scale(
        InterpolateRecipe(steps=100, intervals=6), InterpolateRecipe(steps=200), INTERPOLATIONS["paper"]
    )
    if paper:
        how = replace(how, blur=0.0, sigmas=(0.0, 0.0))
    made = {name: interpolate(c, first, last, how, **scene.options) for name, c in scene.classifiers.items()}
    return list(made), made


def strips(walk: Descent, label: str, start: bool = False) -> list[Row]:
    """A row for each of the first two walks."""
    steps = len(walk.info["shares"])
    images = walk.start if start else walk.images
    return [Row(label, images[number * steps : (number + 1) * steps]) for number in range(2)]


def ghosts(walk: Descent) -> list[float]:
    """How much of both ends shines through the middle of each walk."""
    return [value for value in walk.info["ghosting"] if value is not None]


def spread(classifier: Classifier, count: int) -> list[int]:
    """Units of the representation at equal distances from each other, not chosen by their looks."""
    return [number * width(classifier) // count for number in range(count)]


def width(classifier: Classifier) -> int:
    """How many units the representation has."""
    return classifier.network.get_parameter(f"{classifier.path(classifier.head)}.weight").shape[1]
