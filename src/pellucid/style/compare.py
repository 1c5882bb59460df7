"""Style transfer with several networks, compared at equal budgets.

The experiments of 2019 chose by eye, from grids that were larger for some networks than for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

from torch import Tensor

from ..base.checks import check_fields
from ..base.errors import InputError
from ..base.recipes import checked
from ..base.task import task
from ..core.classifier import Classifier
from ..zoo.models import fingerprint
from .backbone import default_layers
from .judge import Judge, Verdict
from .recipe import StylizeRecipe
from .stylize import stylize


@dataclass(frozen=True)
class CompareRecipe:
    """The grid that every network searches, for each content and style."""

    style_weights: tuple[float, ...] = (0.3, 1.0, 3.0)
    """Style weights that are tried, each a multiple of the style loss at the start."""
    starts: tuple[Literal["content", "noise"], ...] = ("content", "noise")
    """Starts that are tried."""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class Candidate:
    """One picture of a search, and its verdict.

    Attributes:
        network, content, style: names of what it was made with.
        style_weight, start: the point of the grid.
        images: `(1, 3, H, W)`.
        verdict: the judge's.
        evaluations: of the loss, in the making.
    """

    network: str
    content: str
    style: str
    style_weight: float
    start: str
    images: Tensor
    verdict: Verdict
    evaluations: int

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, without the picture."""
        point = {name: getattr(self, name) for name in ("network", "content", "style", "style_weight", "start")}
        distances = {"style_distance": self.verdict.style, "content_distance": self.verdict.content}
        rounded = {name: round(value, 5) for name, value in distances.items()}
        return {**point, **rounded, "evaluations": self.evaluations}


@task()
def compare_style(
    networks: Mapping[str, Classifier],
    contents: Mapping[str, Tensor],
    styles: Mapping[str, Tensor],
    judge: Classifier,
    grid: CompareRecipe | None = None,
    recipe: StylizeRecipe | None = None,
    *,
    seed: int = 0,
    callback: Callable[[float], None] | None = None,
) -> list[Candidate]:
    """Every network on every content and style, over the same grid with as many evaluations.

    Args:
        networks: classifiers by name.
        contents, styles: pictures by name, each `(1, 3, H, W)` in [0, 1].
        judge: a classifier that is none of the networks.
        grid: what is searched.
        recipe: settings of each transfer; its style weight and start are the grid's.
        seed: of noise.
        callback: called with the share of the work that is done.

    Returns:
        All candidates; `chosen` picks from them.

    Raises:
        InputError: nothing to compare, a judge that is one of the networks.
    """
    grid, recipe = grid or CompareRecipe(), checked(recipe, StylizeRecipe)
    own = fingerprint(judge)
    for name, classifier in networks.items():
        if fingerprint(classifier) == own:
            raise InputError(
                f"the judge is one of the networks, {name}, and would favor its own pictures; name another"
            )
    if not (networks and contents and styles and grid.style_weights and grid.starts):
        raise InputError("a comparison needs networks, contents, styles, style weights and starts")
    ask = Judge(judge)
    points = list(product(networks, contents, styles, grid.style_weights, grid.starts))
    found = []
    for number, (network, content, style, weight, start) in enumerate(points):
        settings = replace(recipe, style_weight=weight, start=start)
        made = stylize(networks[network], contents[content], [styles[style]], settings, seed=seed, precision="float32")
        verdict = ask(made.images, made.content, styles[style])
        found.append(Candidate(network, content, style, weight, start, made.images, verdict, made.evaluations))
        if callback is not None:
            callback((number + 1) / len(points))
    return found


def chosen(candidates: Sequence[Candidate]) -> dict[tuple[str, str, str], Candidate]:
    """For each network, content and style the candidate with the lowest score."""
    best: dict[tuple[str, str, str], Candidate] = {}
    for candidate in candidates:
        key = (candidate.network, candidate.content, candidate.style)
        if key not in best or candidate.verdict.score < best[key].verdict.score:
            best[key] = candidate
    return best


def swapped(
    networks: Mapping[str, Classifier], content: Tensor, style: Tensor, recipe: StylizeRecipe, *, seed: int = 0
) -> dict[tuple[str, str], Tensor]:
    """Each network for style with each for content, `{(style network, content network): (1, 3, H, W)}`.

    The response of 2019 finds that the style network decides and the content network hardly matters.
    """
    return {
        (one, other): stylize(
            networks[one],
            content,
            [style],
            recipe,
            content_classifier=networks[other],
            seed=seed,
            precision="float32",
        ).images
        for one, other in product(networks, networks)
    }


def single_layers(
    classifier: Classifier, content: Tensor, style: Tensor, recipe: StylizeRecipe, *, seed: int = 0
) -> Iterator[tuple[str, Tensor]]:
    """The transfer with one style layer at a time, the recipe's or the known ones: `(layer, (1, 3, H, W))` for each."""
    for layer in recipe.style_layers or default_layers(classifier)[0]:
        alone = replace(recipe, style_layers=(layer,), layer_weights=())
        yield layer, stylize(classifier, content, [style], alone, seed=seed, precision="float32").images
