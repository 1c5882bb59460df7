"""The settings of a transfer, and the paper's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from ..base.checks import check_fields, number, positive, positive_int
from ..base.errors import InputError
from ..training.recipe import TrainRecipe
from .head import PENALTIES

PAPER_TRAINING = TrainRecipe(
    epochs=150, batch_size=64, momentum=0.9, nesterov=False, weight_decay=5e-4, decay_norms=True, average=0.0,
    schedule="step", step_epochs=50, lr=0.01, augment="resized-crop",
)  # fmt: skip
"""Salman et al. 2020, appendix A."""

Mode = Literal["fixed", "full"]
FITTED = ("layer", "augment", "penalties")  # settings of a head that is fitted to features
TRAINED = ("lrs", "train")  # settings of training on images
FOLLOWS = {"lr": "lrs", "seed": "seeds", "arch": "the source", "start": "the source"}  # of `train`, and from what


@dataclass(frozen=True)
class KnownBugs:
    """Known bugs of the published code, each enabled separately."""

    unnormalized: bool = False
    """The source sees pixels without the normalization that it was trained with."""
    adapting_norms: bool = False
    """Batch norms of frozen layers use batch statistics and update their running ones, so they are not frozen."""
    test_selection: bool = False
    """Penalty and learning rate are chosen on the test images."""
    best_epoch: bool = False
    """The weights of the epoch that is best on the test images are measured, not those of the last epoch."""


@dataclass(frozen=True)
class TransferRecipe:
    """Settings of `transfer`."""

    mode: Mode = "fixed"
    """fixed: a linear head on the features of the source as it is. full: the source is fine-tuned."""
    seeds: int = 3
    """How often all random choices are repeated: validation images, new heads, the order of training."""
    metric: Literal["auto", "top-1", "per-class"] = "auto"
    """Accuracy of all images, or the mean over classes; auto takes the paper's choice for its data sets, else top-1."""
    folds: int = 5
    """The training images are split into this many parts; one part chooses penalty and learning rate."""
    granularity: int | None = None
    """Images are first brought to this side and back, so that finer detail is gone (the paper: 32)."""
    layer: str = "representation"
    """fixed: the layer whose activations are the features; positions of convolutional layers are averaged."""
    augment: int = 0
    """fixed: how many random views (crops, mirrored or not) of each training image are added to it."""
    penalties: tuple[float, ...] = PENALTIES
    """fixed: weights λ of ‖W‖² / 2 beside the mean cross-entropy, to choose from. They are tried from the strongest
    down, until two in a row are worse than the best so far."""
    paper_compat: bool = False
    """fixed: the head is trained by SGD on the images, as in the paper, and not by L-BFGS on their features."""
    freeze: str = ""
    """full: the last layer that keeps its weights, and so do all before it; none if not given."""
    lrs: tuple[float, ...] = (0.01, 0.001)
    """full and paper-compat: learning rates to choose from; a single one costs half. The paper's."""
    train: TrainRecipe = PAPER_TRAINING
    """full and paper-compat: the training. Its `lr`, `seed`, `arch` and `start` follow from the rest."""
    known_bugs: KnownBugs = KnownBugs()
    """Known bugs of the published code, to measure their effect."""

    def __post_init__(self) -> None:
        check_fields(self)
        positive_int("seeds", self.seeds)
        if self.folds < 2:
            raise InputError(f"folds must be at least 2, not {self.folds}: one validates and the others train")
        if self.granularity is not None:
            positive_int("granularity", self.granularity)
        if self.augment < 0:
            raise InputError(f"augment must be a whole number of views, not {self.augment}")
        for name in ("penalties", "lrs"):
            if not getattr(self, name):
                raise InputError(f"{name} must be positive numbers, not nothing")
            for value in getattr(self, name):
                positive(name, number(name, value))

    def check_mode(self) -> None:
        """Raise `InputError` for a setting that would be ignored: of the other mode, or following from others.

        This is not part of `__post_init__`, because one recipe may serve both modes of a study.
        """
        if idle := self.idle():
            way = f"mode {self.mode}" + (" with paper_compat" if self.paper_compat and self.mode == "fixed" else "")
            raise InputError(f"{', '.join(idle)} would be ignored in {way}; leave {'them' if idle[1:] else 'it'} out")
        for name, instead in FOLLOWS.items():
            if getattr(self.train, name) not in (getattr(PAPER_TRAINING, name), getattr(TrainRecipe, name)):
                raise InputError(f"train.{name} of a transfer follows from {instead}; leave it out")
        if self.known_bugs.adapting_norms and not (self.paper_compat or self.freeze):
            raise InputError("adapting norms needs frozen layers in training: paper-compat, or mode full with freeze")
        if self.known_bugs.best_epoch and not self.trains:
            raise InputError("best epoch needs epochs: paper-compat, or mode full")

    def idle(self) -> list[str]:
        """The settings that differ from their defaults, but have no effect in this mode."""
        unused = [*(FITTED if self.trains else TRAINED), "freeze" if self.mode == "fixed" else "paper_compat"]
        return [name for name in unused if getattr(self, name) != getattr(TransferRecipe, name)]

    def of_mode(self, mode: str) -> TransferRecipe:
        """The same recipe in this mode, without the settings that have no effect in it."""
        recipe = replace(self, mode=mode)
        return replace(recipe, **{name: getattr(TransferRecipe, name) for name in recipe.idle()})

    @property
    def trains(self) -> bool:
        """Whether it trains on images (otherwise it fits a head to features)."""
        return self.mode == "full" or self.paper_compat


class TransferSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `transfer`."""

    mode: Mode
    seeds: int
    metric: Literal["auto", "top-1", "per-class"]
    folds: int
    granularity: int | None
    layer: str
    augment: int
    penalties: tuple[float, ...]
    paper_compat: bool
    freeze: str
    lrs: tuple[float, ...]
    train: TrainRecipe
    known_bugs: KnownBugs


PRESETS: dict[str, TransferRecipe] = {
    "fixed": TransferRecipe(),
    "full": TransferRecipe(mode="full"),
    "paper-fixed": TransferRecipe(paper_compat=True),
    # Fewer epochs at a large learning rate that rises and falls, for the same accuracy sooner.
    "full-short": TransferRecipe(
        mode="full", lrs=(0.01,), train=replace(PAPER_TRAINING, epochs=20, schedule="one-cycle", nesterov=True)
    ),
}
