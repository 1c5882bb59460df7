"""Confidence intervals of a mean and of a share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

Z95 = 1.959963984540054  # the 97.5% quantile of the normal distribution


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95% confidence interval of the mean by Student's t; None of fewer than two values.

    >>> [round(end, 3) for end in interval([0.5, 0.6, 0.7])]
    [0.352, 0.848]
    """
    if len(values) < 2:
        return None
    from scipy.stats import t

    numbers = torch.tensor(values, dtype=torch.float64)
    half = float(t.ppf(0.975, len(values) - 1)) * float(numbers.std()) / math.sqrt(len(values))
    return float(numbers.mean()) - half, float(numbers.mean()) + half


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95% confidence interval of a share of `count`, which also holds near 0 and 1.

    (p + z²/2n ± z √(p (1 - p) / n + z²/4n²)) / (1 + z²/n) with z = 1.96 (Wilson 1927).

    >>> [round(end, 4) for end in wilson(1.0, 100)]
    [0.963, 1.0]
    """
    n, z = count, Z95
    middle, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def clopper_pearson(hits: int, count: int, alpha: float) -> tuple[float, float]:
    """Bounds of a probability of which `hits` of `count` trials came true, each wrong with a chance of at most alpha.

    They are quantiles of beta distributions (Clopper and Pearson 1934), exact at every count.

    >>> [round(end, 4) for end in clopper_pearson(100, 100, 0.001)]
    [0.9333, 1.0]
    """
    from scipy.stats import beta

    low = float(beta.ppf(alpha, hits, count - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(1 - alpha, hits + 1, count - hits)) if hits < count else 1.0
