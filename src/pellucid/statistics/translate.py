"""Translation over a test set: how often a judge sees the class that was meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..base.blur import blurred
from ..base.checks import number
from ..base.errors import InputError, shortened
from ..base.recipes import checked, plain
from ..base.task import task
from ..core.descend import DescendOptions
from ..evaluation.classes import matched
from ..synthesis.translate import TranslateRecipe, translate
from .comparison import Comparison
from .judge import Judge
from .table import Statistics, Values

if TYPE_CHECKING:
    from typing_extensions import Unpack

Pairs = Sequence[tuple[str | int, str | int]]


@task(TranslateRecipe, DescendOptions)
def translate_statistics(
    comparison: Comparison,
    recipe: TranslateRecipe | None = None,
    *,
    pairs: Pairs = (),
    judge_blur: float = 1.0,
    callback: Callable[[float], None] | None = None,
    **options: Unpack[DescendOptions],
) -> Statistics:
    """The share of translated test images in which the judge sees the target class, as made and after a slight blur.

    What a blur takes away was no object. The judge chooses among those of the classifier's classes that it knows; the
    methods are the photos as they were, and every classifier.

    Args:
        comparison: the images, whose labels are classes of the first classifier; the classifiers, of the same classes;
            and the judge.
        recipe: of `translate`.
        pairs: from which class to which: only images of the first of each pair are taken. If not given, every image
            goes to another class, drawn by the seed.
        judge_blur: standard deviation of the blur in pixels.
        callback: called with the share of the images that is done.
        **options: fields of the recipe, which override it, and options of `descend`; its
            `precision` is float32 if not given.

    Raises:
        InputError: no judge, or one that knows fewer than two of the classes, or not the target; no class names; a
            class of which there are no images.

    >>> import pellucid as pl
    >>> classifier, judge = pl.load("cifar10-l2-0.5", "cpu"), pl.load("cifar10-standard", "cpu")
    >>> split = pl.Split(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8), torch.tensor([7, 7]))
    >>> comparison = pl.Comparison({"robust": classifier}, split, judge=judge)
    >>> found = translate_statistics(comparison, TranslateRecipe(steps=2, step_size=0.2), pairs=[("horse", "deer")])
    >>> list(found.values)
    ['in the target class', 'after a blur of 1 px']
    """
    recipe = checked(recipe, TranslateRecipe).at(comparison.split.size[0])
    number("judge_blur", judge_blur, 0)
    names, rest = comparison.first.class_names, dict[str, Any]({"precision": "float32", **options})
    if comparison.judge is None or names is None:
        raise InputError("translations are judged by class names: give a classifier that has them, and a judge")
    judge, label = Judge(comparison.judge, names), comparison.first.label
    comparison = replace(comparison, split=matched(comparison.first, comparison.split))
    known = judge.known
    if len(known) < 2:
        raise InputError(f"the judge knows {len(known)} of the classes ({shortened(names)}); give one that knows two")
    to = {label(source): label(target) for source, target in pairs}
    if strange := [names[target] for target in to.values() if target not in known]:
        raise InputError(f"the judge does not know {strange[0]!r}; it knows {shortened([names[k] for k in known])}")
    if to:
        rows = torch.isin(comparison.split.labels, torch.tensor(list(to))).nonzero()[:, 0]
        comparison = replace(comparison, split=comparison.split.subset(rows, comparison.split.labels[rows]))
    sources = comparison.images.labels
    targets = torch.tensor([to[source] for source in sources.tolist()]) if to else _others(sources, known, comparison)

    def compare(photos: Tensor, first: int) -> Values:
        wanted = targets[first : first + len(photos)]
        made = {"photo": photos}
        for name, classifier in comparison.classifiers.items():
            made[name] = translate(classifier, photos, wanted, recipe, **rest).images.to(photos.device)
        soft = {name: blurred(images, judge_blur).clamp(0, 1) for name, images in made.items()}
        shown = {"in the target class": made, f"after a blur of {judge_blur:g} px": soft}
        return {
            metric: {name: judge.look(images)[0] == wanted for name, images in by_method.items()}
            for metric, by_method in shown.items()
        }

    settings = {"recipe": plain(recipe), "targets": targets.tolist(), "blur": judge_blur, **rest}
    return comparison.measure("translate", compare, settings, callback)


def _others(sources: Tensor, known: Tensor, comparison: Comparison) -> Tensor:
    """For each image a class that is not its own, of those that the judge knows, each as likely."""
    generator = torch.Generator().manual_seed(comparison.seed)
    allowed = [known[known != source] for source in sources]
    return torch.stack([own[torch.randint(len(own), (), generator=generator)] for own in allowed])
