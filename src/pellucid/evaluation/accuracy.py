"""Accuracy on clean images, under PGD, and under AutoAttack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from torch import Tensor

from ..base.checks import check_fields, positive_int
from ..base.devices import Precision
from ..base.errors import InputError, shortened, warn
from ..base.processes import Processes, sharing, team
from ..base.recipes import checked
from ..base.task import task
from ..core.ball import Norm
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages
from ..data.draw import drawn
from ..data.identity import split_digest
from ..zoo.models import fingerprint
from .autoattack import AutoAttack, chosen
from .classes import warn_of_absent
from .outcomes import Accuracies, Outcomes
from .partial import Partial
from .pgd import PGD
from .threat import check_radii, check_split, check_step_size, seen, threat_ball

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class EvaluateRecipe:
    """Settings of `evaluate`."""

    norm: Norm = "l2"
    """Norm of the balls."""
    eps: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Radii in [0, 1] units: 0.5, 8/255. The default is that of the published CIFAR-10 L2 table, without its 2.0."""
    steps: tuple[int, ...] = (20,)
    """Steps of PGD, one attack for each number."""
    step_size: float | None = None
    """Length of PGD's steps, of all attacks; 2.5 eps / steps if not given (the reference library's convention)."""
    random_start: bool = False
    """PGD begins at a random point of the ball, not at the image."""
    restarts: int = 1
    """How often PGD tries; all tries but the first begin at random points."""
    autoattack: tuple[str, ...] = ()
    """Also AutoAttack: `standard`, or some of apgd-ce apgd-t fab-t square apgd-dlr fab. Needs pyautoattack."""
    count: int | None = None
    """So many images, drawn by the seed evenly from all classes; all if not given."""
    batch_size: int = 500
    """Images at once."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_radii(self.norm, self.eps)
        check_step_size(self.step_size)
        for steps in self.steps:
            positive_int("steps", steps)
        chosen(self.autoattack)
        positive_int("restarts", self.restarts)
        positive_int("batch_size", self.batch_size)
        if self.count is not None:
            positive_int("count", self.count)


@dataclass(frozen=True)
class Evaluation:
    """What is to be measured: `evaluate` in parts, which may be worked on in any order, by any process.

    >>> import torch, pellucid as pl
    >>> split = pl.Split(torch.zeros(5, 3, 32, 32, dtype=torch.uint8), torch.arange(5))
    >>> recipe = EvaluateRecipe(eps=(0.5,), steps=(1,), batch_size=2)
    >>> evaluation = Evaluation(pl.load("cifar10-l2-0.5", "cpu"), split, recipe)
    >>> parts = [evaluation.outcomes(span) for span in evaluation.spans()]
    >>> [len(part.index) for part in parts], Outcomes.joined(parts).accuracies().count
    ([2, 2, 1], 5)
    """

    classifier: Classifier
    split: LabeledImages
    recipe: EvaluateRecipe
    precision: Precision = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", check_split(self.classifier, self.split))
        self.attacks()
        height, width = self.split.size
        farthest = (self.classifier.mean.shape[1] * height * width) ** 0.5
        if self.recipe.norm == "l2" and (eps := max(self.recipe.eps)) >= farthest:
            raise InputError(f"an l2 eps of {eps:g} allows any image of {width} x {height}; did you mean {eps:g}/255?")
        if height != width and "square" in chosen(self.recipe.autoattack):
            raise InputError(f"square attacks square images, not {width} x {height}: --autoattack apgd-ce apgd-t fab-t")

    @cached_property
    def index(self) -> Tensor:
        """The numbers of the images that are measured, rising."""
        return drawn(self.split.labels, self.recipe.count, self.seed)

    @property
    def count(self) -> int:
        """How many images are measured."""
        return len(self.index)

    def spans(self, first: int = 0) -> list[slice]:
        """The batches, as parts of `index`, from the place `first` on."""
        size = self.recipe.batch_size
        return [slice(i, min(i + size, self.count)) for i in range(first, self.count, size)]

    def attacks(self) -> list[PGD | AutoAttack]:
        """The attacks at each eps, from the cheapest to the dearest."""
        recipe = self.recipe
        found: list[PGD | AutoAttack] = [
            PGD(steps, recipe.step_size, recipe.random_start, recipe.restarts, self.precision, self.seed)
            for steps in sorted(set(recipe.steps))
        ]
        if recipe.autoattack:
            found.append(AutoAttack(chosen(recipe.autoattack), self.classifier.classes, self.seed))
        return found

    def outcomes(self, span: slice) -> Outcomes:
        """What becomes of the images of one batch: at each eps, an attack gets what withstood the ones before it."""
        index = self.index[span]
        images, labels = (tensor.to(self.classifier.device) for tensor in self.split.batch(index))
        found = seen(self.classifier, images)
        if undefined := [self.split.name(number) for number in index[(found < 0).cpu()].tolist()]:
            warn(f"{shortened(undefined)}: the logits are not numbers, which counts as wrong")
        clean = found == labels
        robust = {}
        for eps in self.recipe.eps:
            held, ball = clean, threat_ball(self.recipe.norm, eps)
            robust[eps] = {}
            for attack in self.attacks():
                left = held.nonzero()[:, 0]
                held = held.clone()
                held[left] = attack(self.classifier, images[left], labels[left], index[left.cpu()], ball)
                robust[eps][attack.name] = held.cpu()
        return Outcomes(index, clean.cpu(), robust)

    def settings(self) -> dict[str, Any]:
        """What was measured, and how, as it stands in the result."""
        return {
            **asdict(self.recipe),
            "count": self.count,
            "step_size": self.recipe.step_size or "2.5 eps / steps",
            "attack_precision": self.precision,
            "seed": self.seed,
        }

    def partial(self, path: Path) -> Partial:
        """A file for the outcomes so far, bound to this classifier, these images and these settings."""
        split = self.split
        measured = split if self.count == len(split) else split.subset(self.index, split.labels[self.index])
        facts = {"model_sha256": fingerprint(self.classifier), "data_sha256": split_digest(measured)}
        return Partial(path, {**facts, **self.settings()}, self.index)


class EvaluateSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `evaluate`."""

    norm: Norm
    eps: tuple[float, ...]
    steps: tuple[int, ...]
    step_size: float | None
    random_start: bool
    restarts: int
    autoattack: tuple[str, ...]
    count: int | None
    batch_size: int


@task(EvaluateRecipe)
def evaluate(
    classifier: Classifier,
    split: LabeledImages,
    recipe: EvaluateRecipe | None = None,
    *,
    precision: Precision = "float32",
    seed: int = 0,
    partial: str | Path | None = None,
    callback: Callable[[float], None] | None = None,
    **settings: Unpack[EvaluateSettings],
) -> Accuracies:
    """Measure accuracy on clean images and under attack.

    PGD stops at the first point that the network sees wrongly. Every success, AutoAttack's too, is projected onto the
    ball and confirmed by a further pass in float32; an image whose success is not confirmed is attacked again in
    float32, so that a lower `precision` saves time without flattering the classifier. Attacks run from few steps to
    many and AutoAttack last, and an image that one has broken is not attacked again at that eps.

    Args:
        classifier: what to measure.
        split: labeled images of the classifier's size; one of a data set is matched by the names of its classes.
        recipe: radii, attacks, how many images.
        precision: of PGD; AutoAttack and the verdict are always float32.
        seed: of random starts, and of the choice of `count` images.
        partial: a JSON file in which the outcomes are kept after every batch. If it is there, the evaluation goes on
            from it. It is left there: delete it once the result is safe.
        callback: called with the share of the work that is done.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: images of another size, labels that the classifier does not have, no pyautoattack where it is
            needed, a partial file of other settings.

    >>> import torch, pellucid as pl
    >>> images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    >>> result = evaluate(pl.load("cifar10-l2-0.5", "cpu"), pl.Split(images, torch.zeros(4, dtype=torch.int64)),
    ...                   EvaluateRecipe(eps=(0.5,), steps=(2,)))
    >>> result.count
    4
    """
    evaluation = Evaluation(classifier, split, checked(recipe, EvaluateRecipe), precision, seed)
    if team().main:
        warn_of_absent(classifier, evaluation.split.labels[evaluation.index])
    kept = evaluation.partial(Path(partial)) if partial is not None else None
    known = _known(evaluation, kept)
    parts = [known] if known is not None else []
    for span in evaluation.spans(len(known.index) if known is not None else 0):
        parts = [Outcomes.joined([*parts, *_of_everybody(evaluation, span)])]
        if kept is not None and team().main:
            kept.write(parts[0])
        if callback is not None:
            callback(span.stop / evaluation.count)
    return Outcomes.joined(parts).accuracies(evaluation.settings())


def _of_everybody(evaluation: Evaluation, span: slice) -> list[Outcomes]:
    """The outcomes of one batch, of which each process of those that share the work does its part."""
    everybody = team()
    own = everybody.share(span.stop - span.start)
    part = slice(span.start + own.start, span.start + own.stop)
    with sharing(Processes()):  # the descents within are not to be shared again
        outcomes = evaluation.outcomes(part) if part.start < part.stop else None
    return [part for part in everybody.gather(outcomes) if part is not None]


def _known(evaluation: Evaluation, kept: Partial | None) -> Outcomes | None:
    """The outcomes that an earlier evaluation came to, if there was one."""
    names = [attack.name for attack in evaluation.attacks()]
    return kept.read(dict.fromkeys(evaluation.recipe.eps, names)) if kept is not None else None
