"""The result of a transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from torch import Tensor

from ..base.pictures import Table
from ..core.classifier import Classifier
from ..evaluation.intervals import interval
from .metrics import METRICS, Metric, sampling_interval


@dataclass(frozen=True)
class Trial:
    """The result of one seed.

    Attributes:
        predicted, labels: `(n,)`, the test images' classes.
        chosen: the penalty or learning rate that was chosen, by name.
        tried: for each that was tried, its accuracy on the images that choose.
        fits: for each penalty that was tried, its iterations, and whether they converged.
        classifier: what was trained, on the CPU; None where a head was fitted to features.
    """

    predicted: Tensor
    labels: Tensor
    chosen: dict[str, float]
    tried: dict[float, float]
    classifier: Classifier | None = None
    fits: dict[float, tuple[int, bool]] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class TransferResult(Table):
    """The accuracy of a source on a target.

    Attributes:
        trials: one for each seed.
        metric: the accuracy that counts, `top-1` or `per-class`.
        facts: what was measured, and how, as plain JSON.
    """

    trials: list[Trial]
    metric: Metric
    facts: dict[str, Any] = field(default_factory=dict)

    def accuracies(self, metric: Metric | None = None) -> list[float]:
        """The test accuracy of each seed, in this metric or in the one that counts."""
        return [METRICS[metric or self.metric](trial.predicted, trial.labels) for trial in self.trials]

    @property
    def accuracy(self) -> float:
        """The mean over seeds."""
        return fmean(self.accuracies())

    @property
    def seed_interval(self) -> tuple[float, float] | None:
        """The 95% interval of the mean over seeds; None for one seed. It leaves out the choice of test images."""
        return interval(self.accuracies())

    @property
    def sampling_interval(self) -> tuple[float, float]:
        """The 95% interval over test images like these. It leaves out the choice of seeds."""
        return sampling_interval([trial.predicted for trial in self.trials], self.trials[0].labels, self.metric)

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        spread = self.seed_interval or self.sampling_interval
        row = (self.metric, f"{self.accuracy:.1%}", "{:.1%} to {:.1%}".format(*spread), str(len(self.trials)))
        return ("accuracy", "mean", "95% interval", "seeds"), [row]

    def to_json(self) -> dict[str, Any]:
        """As plain values, accuracies rounded to 4 places."""

        def rounded(values) -> list[float] | None:
            return None if values is None else [round(value, 4) for value in values]

        return {
            **self.facts,
            "metric": self.metric,
            "accuracy": round(self.accuracy, 4),
            "seed_interval": rounded(self.seed_interval),
            "sampling_interval": rounded(self.sampling_interval),
            "top-1": rounded(self.accuracies("top-1")),
            "per-class": rounded(self.accuracies("per-class")),
            "chosen": [trial.chosen for trial in self.trials],
            "fits": [
                {str(value): {"iterations": n, "converged": ended} for value, (n, ended) in trial.fits.items()}
                for trial in self.trials
            ],
            "tried": [{str(value): round(found, 4) for value, found in trial.tried.items()} for trial in self.trials],
        }
