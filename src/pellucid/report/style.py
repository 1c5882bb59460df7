"""The figures of *Adversarially Robust Neural Style Transfer* (Nakano 2019) and of the answer by Ilyas et al."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from ..core.classifier import Classifier
from ..data.image import cover
from ..evaluation.layers import LayersRecipe, layer_robustness
from ..evaluation.outcomes import Accuracies
from ..evaluation.transferability import TransferabilityRecipe
from ..evaluation.transferability import transferability as measure
from ..gallery.sheet import Row
from ..style.backbone import default_layers
from ..style.compare import CompareRecipe, chosen, compare_style, swapped
from ..style.compare import single_layers as one_at_a_time
from ..style.judge import Judge
from ..style.recipe import PRESETS, StylizeRecipe
from ..style.stylize import stylize
from ..zoo.models import fingerprint, load
from .accuracy import difference
from .entry import Claim, Finding, Interval, Table
from .published.tables import table
from .scene import Scene

JUDGES = ("cifar10-standard", "animals59-standard")
SCORE = "style distance plus content distance under the judge; lower is better"


def transferability(scene: Scene) -> Finding:
    """How often the adversarial examples of each classifier fool each other one."""
    how = TransferabilityRecipe(eps=scene.eps, steps=scene.by_scale(5, 20, 20), count=scene.by_scale(60, 500, None))
    found = measure(scene.classifiers, scene.measured, how, seed=scene.seed)

    def share(source: int, target: int) -> Interval | None:
        count, rate = int(found.counts[source, target]), float(found.rates[source, target])
        return Interval(rate, *Accuracies(count, rate).interval(rate)) if count else None

    places = range(len(found.names))
    rows = [(name, *(share(source, target) for target in places)) for source, name in enumerate(found.names)]
    own, other = share(1, 1), share(1, 0)
    says = "The standard network's adversarial examples fool it more often than they fool the robust one"
    return Finding(
        f"The share of images that both classifiers see rightly whose adversarial example (L2 {scene.eps:g}, "
        f"{how.steps} steps), made on the row's classifier, fools the column's. The article's graph sets beside this "
        "how well each architecture learns non-robust features, which takes a training of each: "
        "pellucid transferability-study.",
        table=Table(("made on", *found.names), rows),
        claims=[Claim(says, difference(own, other))] if own and other else [],
        command=f"transferability --models {' '.join(found.names)} --data DATA --eps {scene.eps:g}",
        python="pl.transferability(classifiers, split)",
    )


def networks(scene: Scene) -> Finding:
    """One algorithm with every classifier, over the same grid."""
    contents, styles = given(scene, scene.by_scale(1, 4, 4), scene.by_scale(1, 2, 4))
    grid = scene.by_scale(
        CompareRecipe((1.0,), ("content",)), CompareRecipe((0.3, 1.0, 3.0), ("content",)), CompareRecipe()
    )
    tried = compare_style(scene.classifiers, contents, styles, judge_of(scene), grid, recipe(scene), seed=scene.seed)
    best, pairs = chosen(tried), list(product(contents, styles))
    scores = {name: [best[name, c, s].verdict.score for c, s in pairs] for name in scene.classifiers}
    rows = [
        strip([contents[c], styles[s], *(best[name, c, s].images for name in scores)], scores, first=number == 0)
        for number, (c, s) in enumerate(pairs[:4])
    ]
    robust, standard, *_ = scores.values()
    says = "The robust network's pictures are nearer to style and content than the standard network's"
    return Finding(
        f"Each network tries {len(grid.style_weights) * len(grid.starts)} settings for each of {len(pairs)} pairs of "
        f"content and style, and its best is shown: {SCORE}. The article chose by eye, from grids of different sizes.",
        rows,
        table=Table(("network", "score"), [(name, Interval.of_mean(values)) for name, values in scores.items()]),
        claims=[Claim(says, Interval.of_difference(standard, robust))],
        command="compare-style --models ROBUST STANDARD --judge JUDGE --contents photos/ --styles paintings/",
        python="pellucid.style.compare.compare_style(networks, contents, styles, judge)",
    )


def transforms(scene: Scene) -> Finding:
    """The standard network, plainly and under random moves on decorrelated frequencies."""
    robust, standard = scene.pair
    plain = recipe(scene)
    moved = replace(PRESETS["mordvintsev2018"], evaluations=scene.by_scale(48, 128, 512))
    ways = {"plain": (standard, plain), "transforms": (standard, moved), "robust, plain": (robust, plain)}
    judge, shown = Judge(judge_of(scene)), []
    scores: dict[str, list[float]] = {name: [] for name in ways}
    for content, style in pairs_of(scene, scene.by_scale(1, 4, 8)):
        made = {name: carried(scene, network, content, style, how) for name, (network, how) in ways.items()}
        shown.append(strip([content, style, *made.values()], ways, first=not shown))
        for name, images in made.items():
            scores[name].append(judge(images, content, style).score)
    says = "Moves and frequencies improve the standard network's pictures"
    return Finding(
        "The standard network by plain descent on pixels; on decorrelated Fourier coefficients, with the picture "
        f"moved, turned and scaled in every step (Mordvintsev et al. 2018); and the robust network, plainly. "
        f"Score: {SCORE}.",
        shown[:4],
        table=Table(("way", "score"), [(name, Interval.of_mean(values)) for name, values in scores.items()]),
        claims=[Claim(says, Interval.of_difference(scores["plain"], scores["transforms"]))],
        command=f"stylize --model {list(scene.classifiers)[1]} --content photo.png --styles painting.png "
        "--preset mordvintsev2018 --out stylized.png",
        python='pl.stylize(standard, content, [style], PRESETS["mordvintsev2018"])',
    )


def swap(scene: Scene) -> Finding:
    """Each network for the style loss with each for the content loss."""
    names = list(scene.classifiers)[:2]
    both = dict(zip(names, scene.pair, strict=True))
    by_style, by_content, shown = [], [], []
    for content, style in pairs_of(scene, scene.by_scale(1, 6, 16)):
        made = swapped(both, content, style, recipe(scene), seed=scene.seed)
        first, second = names

        def apart(one: tuple[str, str], other: tuple[str, str], made: Any = made) -> float:
            return float((made[one] - made[other]).square().mean().sqrt())

        by_style.append(sum(apart((first, kept), (second, kept)) for kept in names) / 2)
        by_content.append(sum(apart((kept, first), (kept, second)) for kept in names) / 2)
        titles = [f"style {one}, content {other}" for one, other in made]
        shown.append(strip([content, style, *made.values()], titles, first=not shown))
    says = "Another style network changes the picture more than another content network"
    rows = [("style", Interval.of_mean(by_style)), ("content", Interval.of_mean(by_content))]
    return Finding(
        "Each of two networks for the style loss, with each for the content loss. The change is the root mean square "
        "over pixels between pictures that differ in one of the networks.",
        shown[:3],
        table=Table(("other network", "change of the picture"), rows),
        claims=[Claim(says, Interval.of_difference(by_style, by_content))],
        command=f"compare-style --models {' '.join(names)} --contents photo.png --styles painting.png --no-single",
        python="pellucid.style.compare.swapped(networks, content, style, recipe)",
    )


def layers(scene: Scene) -> Finding:
    """R of the layers that carry style, of every classifier, beside the published ones."""
    found = {name: robustness(scene, classifier, 50) for name, classifier in scene.classifiers.items()}
    wide = max(4, *map(len, found.values()))
    rows = [(name, *values.values(), *[None] * (wide - len(values))) for name, values in found.items()]
    known = [(f"published: {row[0]}", *row[1:], *[None] * (wide - 4)) for row in table("style-layers").rows]
    robust, standard, *_ = (next(iter(values.values())) for values in found.values())

    def plot(axes: Any) -> None:
        for name, values in found.items():
            axes.plot(range(1, len(values) + 1), [each.value for each in values.values()], marker="o", label=name)
        for name, *values in table("style-layers").rows:
            axes.plot(range(1, 5), values, "--x", alpha=0.6, label=f"published: {name}")
        axes.set(yscale="log", ylim=(None, 3), xticks=range(1, wide + 1), xlabel="layer that carries style", ylabel="R")
        axes.legend(fontsize="x-small", ncols=2, loc="upper left")

    says = "The first layer of the robust network is more robust than that of the standard one"
    gap = table("style-layers").row("standard ResNet-50")["1"] - table("style-layers").row("robust ResNet-50")["1"]
    return Finding(
        f"R is the mean largest change of a layer within L2 {scene.eps:g} over its mean distance between two images; "
        f"low is robust. The layers, in order: {', '.join(next(iter(found.values())))}. The article states neither its "
        "radius nor its layers, so that only the order of its numbers can be compared.",
        plot=plot,
        table=Table(("network", *map(str, range(1, wide + 1))), [*rows, *known]),
        claims=[Claim(says, difference(standard, robust), published=gap)],
        command=f"layers --models {' '.join(found)} --data DATA --eps {scene.eps:g} --out layers.png",
        python=f"pl.layer_robustness(classifier, images, pl.LayersRecipe(eps={scene.eps:g}))",
    )


def single_layers(scene: Scene) -> Finding:
    """Style by one layer at a time."""
    judge, pairs = Judge(judge_of(scene)), pairs_of(scene, scene.by_scale(1, 4, 8))
    rows, shown, last = [], [Row("content, style", torch.cat(framed(*pairs[0])))], []
    for name, classifier in scene.classifiers.items():
        known = robustness(scene, classifier, 16)
        distances: dict[str, list[float]] = {layer: [] for layer in known}
        for number, (content, style) in enumerate(pairs):
            made = dict(one_at_a_time(classifier, content, style, recipe(scene), seed=scene.seed))
            for layer, images in made.items():
                distances[layer].append(judge(images, content, style).style)
            if number == 0:
                shown.append(Row(name, torch.cat(list(made.values())).cpu(), list(made)))
        rows += [(name, layer, known[layer], Interval.of_mean(values)) for layer, values in distances.items()]
        last.append(list(distances.values())[-1])
    published = [(f"published: {n}", layer, value / 100, None) for n, layer, value in table("style-single-layers").rows]
    says = "The robust network's last layer alone carries more style than the standard network's"
    return Finding(
        "Each layer alone carries the style. R as in the entry on layers; the style distance is a share of that of the "
        "content picture under the judge: 1 is no style at all.",
        shown,
        table=Table(("network", "layer", "R", "style distance"), [*rows, *published]),
        claims=[Claim(says, Interval.of_difference(last[1], last[0]))],
        command="compare-style --models ROBUST STANDARD --contents photo.png --styles painting.png --no-swap",
        python="pellucid.style.compare.single_layers(classifier, content, style, recipe)",
    )


def artifacts(scene: Scene) -> Finding:
    """How much of a picture repeats at the network's strides, beside its content."""
    decibels: dict[str, dict[int, list[float]]] = {name: {2: [], 4: [], 8: []} for name in scene.classifiers}
    shown = []
    for content, style in pairs_of(scene, scene.by_scale(1, 6, 16)):
        made = []
        for name, classifier in scene.classifiers.items():
            result = stylize(classifier, content, [style], recipe(scene), **scene.options)
            made.append(result.images)
            for stride, values in decibels[name].items():
                values += [score] if (score := result.checkerboard[stride]) is not None else []
        shown.append(strip([content, style, *made], decibels, first=not shown))
    rows = [(n, *(Interval.of_mean(v) if v else None for v in found.values())) for n, found in decibels.items()]
    says = "The robust network's pictures repeat more every 4 pixels than their content does (decibels)"
    finest = decibels[scene.name][4]
    return Finding(
        "The energy that repeats every 2, 4 and 8 pixels in both directions, against that of the content, in decibels: "
        "0 is as in the content, 10 ten times as much. Strided layers leave such checkerboards.",
        shown[:3],
        table=Table(("network", "every 2 px", "every 4 px", "every 8 px"), rows),
        claims=[Claim(says, Interval.of_mean(finest))] if finest else [],
        command=f"stylize --model {scene.name} --content photo.png --styles painting.png --out stylized.png",
        python="pl.stylize(classifier, content, [style]).checkerboard",
    )


# What the entries share.


def recipe(scene: Scene) -> StylizeRecipe:
    """Settings of a transfer, at one scale."""
    return StylizeRecipe(evaluations=scene.by_scale(12, 30, 500), smallest=scene.size)


def carried(scene: Scene, classifier: Classifier, content: Tensor, style: Tensor, how: StylizeRecipe) -> Tensor:
    """A picture with the content of one and the style of the other, on the CPU."""
    return stylize(classifier, content, [style], how, **scene.options).images.cpu()


def given(scene: Scene, contents: int, styles: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Test images, whose content is kept, and pictures, whose style is taken."""
    images, _ = scene.images(contents)
    return {str(n): image[None] for n, image in enumerate(images)}, dict(list(scene.styles.items())[:styles])


def pairs_of(scene: Scene, count: int) -> list[tuple[Tensor, Tensor]]:
    """That many test images, each with one of the styles in turn."""
    images, _ = scene.images(count)
    styles = list(scene.styles.values())
    return [(image[None], styles[number % len(styles)]) for number, image in enumerate(images)]


def framed(content: Tensor, style: Tensor) -> list[Tensor]:
    """The content, and the middle of the style picture at its size."""
    return [content, cover(style, (content.shape[2], content.shape[3]))]


def strip(pictures: list[Tensor], names: Any, first: bool) -> Row:
    """Content, style and results beside each other, under their names in the first strip."""
    images = [*framed(pictures[0], pictures[1]), *(picture.cpu() for picture in pictures[2:])]
    return Row("", torch.cat(images), ["content", "style", *names] if first else ())


def judge_of(scene: Scene) -> Classifier:
    """The scene's judge, or a bundled classifier that is none of the scene's: style needs no classes in common."""
    if scene.judge is not None:
        return scene.judge
    known = {fingerprint(classifier) for classifier in scene.classifiers.values()}
    others = (load(name, str(scene.classifier.device)) for name in JUDGES)
    return next(other for other in others if fingerprint(other) not in known)


def robustness(scene: Scene, classifier: Classifier, count: int) -> dict[str, Interval]:
    """R of the layers that carry style, from that many images at the small scale."""
    images, _ = scene.images(scene.by_scale(4, count, 200))
    how = LayersRecipe(
        eps=scene.eps, steps=scene.by_scale(5, 40, 100), restarts=scene.by_scale(1, 2, 2),
        layers=default_layers(classifier)[0],
    )  # fmt: skip
    found = layer_robustness(classifier, images, how, seed=scene.seed)
    return {each.layer: Interval(each.value, each.low, each.high) for each in found}
