"""Certified robustness by randomized smoothing: within which L2 radius the prediction provably stays."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor

from ..base.checks import check_fields, number, positive, positive_int
from ..base.errors import InputError
from ..base.pictures import Table
from ..base.recipes import checked
from ..base.task import task
from ..core.batch import draw, generators
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages
from ..data.draw import drawn
from ..data.identity import split_digest
from ..data.parts import Parts
from ..zoo.models import fingerprint
from ..zoo.smoothing import RandomizedSmoothing
from .accuracy import EvaluateRecipe, Evaluation
from .classes import warn_of_absent
from .intervals import clopper_pearson, wilson
from .threat import check_radius, check_split, radius_names, seen

if TYPE_CHECKING:
    from typing_extensions import Unpack

IMAGES = 10  # of a part that is kept


@dataclass(frozen=True)
class CertifyRecipe:
    """Settings of `certify`; those of Cohen et al. take 100,000 samples in place of 1,000."""

    sigma: float = 0.25
    """Standard deviation of the noise, in [0, 1] units. Classifiers trained with the same noise do best."""
    samples: tuple[int, int] = (100, 1000)
    """Noisy copies of each image that choose its class, and others that bound that one's probability."""
    alpha: float = 0.001
    """The chance, for each image, that its certificate is wrong."""
    count: int | None = None
    """So many images, drawn by the seed evenly from all classes; all if not given."""
    eps: tuple[float, ...] = ()
    """Also the accuracy of the smoothed classifier under PGD at these L2 radii, which no attack takes below the
    certified one but for chance."""
    steps: int = 20
    """Steps of PGD."""
    attack_samples: int = 8
    """Noisy copies of each image in a step of PGD."""
    batch_size: int = 500
    """Noisy copies at once."""

    def __post_init__(self) -> None:
        check_fields(self)
        positive("sigma", number("sigma", self.sigma))
        for name in ("steps", "attack_samples", "batch_size"):
            positive_int(name, getattr(self, name))
        for samples in self.samples:
            positive_int("samples", samples)
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha is a chance between 0 and 1, such as 0.001, not {self.alpha}")
        for eps in self.eps:
            check_radius("l2", eps)
        if self.count is not None:
            positive_int("count", self.count)


class CertifySettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `certify`."""

    sigma: float
    samples: tuple[int, int]
    alpha: float
    count: int | None
    eps: tuple[float, ...]
    steps: int
    attack_samples: int
    batch_size: int


@dataclass(frozen=True, repr=False)
class Certified(Table):
    """What could be certified of each image.

    Attributes:
        index: `(N,)` int64, which images of the data set these are.
        labels: `(N,)`, their classes.
        predicted: `(N,)`, the class that the smoothed classifier sees; -1 where it abstains.
        radius: `(N,)` float64, within which L2 distance it provably goes on to see that class; 0 where it abstains.
        sigma: of the noise.
        empirical: eps -> share that is right and stays so under PGD.
        settings: what was measured, and how.
    """

    index: Tensor
    labels: Tensor
    predicted: Tensor
    radius: Tensor
    sigma: float
    empirical: dict[float, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def accuracy(self, radius: float = 0.0) -> float:
        """The share of images that are seen rightly, and certified up to this L2 radius."""
        return int(((self.predicted == self.labels) & (self.radius >= radius)).sum()) / len(self.index)

    @property
    def average_radius(self) -> float:
        """The mean radius, 0 for images that are seen wrongly (Zhai et al. 2020, arXiv 2001.02378)."""
        return float((self.radius * (self.predicted == self.labels)).mean())

    @property
    def radii(self) -> list[float]:
        """0, σ/2, σ, ... up to the largest certified radius, and those of PGD."""
        halves = int(float(self.radius.max()) / self.sigma * 2)
        return sorted({*(self.sigma * half / 2 for half in range(halves + 1)), *self.empirical})

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        shares = [(f"radius {radius:g}", self.accuracy(radius)) for radius in self.radii]
        rows = [(name, f"{p:.1%}", "{:.1%} to {:.1%}".format(*wilson(p, len(self.index)))) for name, p in shares]
        return (f"{len(self.index)} images", "certified", "95% interval"), rows

    def to_json(self) -> dict[str, Any]:
        """As plain JSON: shares by radius with their 95% intervals, and the outcome of each image."""
        count, names = len(self.index), radius_names(self.radii)
        shares = {name: self.accuracy(radius) for radius, name in names.items()}
        return {
            "images": count,
            "certified": {name: round(share, 4) for name, share in shares.items()},
            "intervals": {name: [round(end, 4) for end in wilson(share, count)] for name, share in shares.items()},
            "abstained": round(int((self.predicted < 0).sum()) / count, 4),
            "average_radius": round(self.average_radius, 5),
            "empirical": {names[eps]: round(share, 4) for eps, share in self.empirical.items()},
            **self.settings,
            "index": self.index.tolist(),
            "labels": self.labels.tolist(),
            "predicted": self.predicted.tolist(),
            "radius": [round(radius, 6) for radius in self.radius.tolist()],
        }


@task(CertifyRecipe)
def certify(
    classifier: Classifier,
    split: LabeledImages,
    recipe: CertifyRecipe | None = None,
    *,
    seed: int = 0,
    parts: Path | None = None,
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[CertifySettings],
) -> Certified:
    """Bound from below how far each image is from another prediction of the smoothed classifier.

        g(x) = argmax over classes c of P(f(x + σ z) = c), z ~ N(0, I)

    stays c within the L2 distance σ Φ⁻¹(p) where P(f(x + σ z) = c) >= p > 1/2 (Cohen, Rosenfeld and Kolter 2019, arXiv
    1902.02918, Theorem 1 and the procedure CERTIFY). The first samples choose c; others count how often f sees it, and
    p is Clopper and Pearson's lower bound of confidence 1 - alpha. Where p <= 1/2, g abstains. The certificate is of
    the majority vote over hard predictions of f, in float32.

    Args:
        classifier: f, as it is; not one that is smoothed already.
        split: labeled images of its size; one of a data set is matched by the names of its classes.
        recipe: noise, samples, how many images.
        seed: of the noise, which each image has of its own by its number in the data set, and of the choice of images.
        parts: a folder in which finished images are kept; the same call goes on from there. Delete it at the end.
        callback: called with the share of the work that is done.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: images of another size, labels that the classifier does not have, a smoothed classifier.

    >>> import pellucid as pl
    >>> split = pl.Split(torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 2]))
    >>> certified = certify(pl.load("cifar10-l2-0.5", "cpu"), split, CertifyRecipe(samples=(4, 20)))
    >>> certified.radius.shape, 0 <= certified.accuracy(0.1) <= certified.accuracy() <= 1
    (torch.Size([2]), True)
    """
    recipe = checked(recipe, CertifyRecipe)
    split = check_split(classifier, split)
    if isinstance(classifier, RandomizedSmoothing):
        raise InputError("certify smooths by itself: give the classifier without its smoothing")
    index = drawn(split.labels, recipe.count, seed)
    warn_of_absent(classifier, split.labels[index])
    whole = split if len(index) == len(split) else split.subset(index, split.labels[index])
    of = json.dumps([fingerprint(classifier), split_digest(whole), asdict(recipe), seed])
    smoothed = RandomizedSmoothing(classifier, recipe.sigma, recipe.attack_samples, seed)
    attack = EvaluateRecipe("l2", recipe.eps or (1.0,), (recipe.steps,), count=recipe.count)
    attacked = Evaluation(smoothed, split, attack, seed=seed)
    kept, found = Parts(parts), []

    def part(first: int) -> dict[str, Tensor]:
        numbers = index[first : first + IMAGES]
        images, labels = split.batch(numbers)
        votes = []
        for place, (image, own) in enumerate(zip(images, numbers.tolist(), strict=True)):
            votes.append(_votes(classifier, image[None].to(classifier.device), own, recipe, seed))
            if callback is not None:
                callback((first + place) / len(index))
        made = {"index": numbers, "labels": labels.cpu(), "votes": torch.tensor(votes)}
        if recipe.eps:
            robust = attacked.outcomes(slice(first, first + len(numbers))).robust
            made["held"] = torch.stack([held for by_attack in robust.values() for held in by_attack.values()], 1)
        return made

    for first in range(0, len(index), IMAGES):
        found.append(kept.get(f"{first:08d}", lambda first=first: part(first), of))
        if callback is not None:
            callback(min(first + IMAGES, len(index)) / len(index))
    tensors = {name: torch.cat([one[name] for one in found]) for name in found[0]}
    top, hits = tensors["votes"].unbind(1)
    radius = torch.tensor([certified_radius(k, recipe) for k in hits.tolist()], dtype=torch.float64)
    empirical = {} if not recipe.eps else dict(zip(recipe.eps, tensors["held"].double().mean(0).tolist(), strict=True))
    measured = {**asdict(recipe), "count": len(index), "seed": seed}
    predicted = torch.where(radius > 0, top, -1)
    return Certified(tensors["index"], tensors["labels"], predicted, radius, recipe.sigma, empirical, measured)


def certified_radius(hits: int, recipe: CertifyRecipe) -> float:
    """σ Φ⁻¹(p) of a class that was seen so often; 0 where it may be the less likely one.

    >>> round(certified_radius(1000, CertifyRecipe(sigma=0.25)), 3), certified_radius(500, CertifyRecipe())
    (0.616, 0.0)
    """
    low, _ = clopper_pearson(hits, recipe.samples[1], recipe.alpha)
    return max(0.0, recipe.sigma * NormalDist().inv_cdf(low)) if low > 0.5 else 0.0


def _votes(classifier: Classifier, image: Tensor, number: int, recipe: CertifyRecipe, seed: int) -> tuple[int, int]:
    """The class that is seen most often in the first noisy copies of an image, and how often in the others."""
    (generator,) = generators(seed, 1, first=number)

    def classes(samples: int) -> Tensor:
        sizes = [min(recipe.batch_size, samples - first) for first in range(0, samples, recipe.batch_size)]
        return torch.cat(
            [seen(classifier, image + recipe.sigma * draw(torch.randn, image, [generator] * size)) for size in sizes]
        )

    first = classes(recipe.samples[0])
    top = int(first[first >= 0].bincount(minlength=1).argmax())  # logits that are not numbers are no vote
    return top, int((classes(recipe.samples[1]) == top).sum())
