"""Does the accuracy of sources predict that of their transfers? R² and its confidence interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import InputError


@dataclass(frozen=True)
class Linearity:
    """A straight line through points.

    Attributes:
        r2: the share of the variance of y that it explains, 0 to 1.
        low, high: its 95% interval: Fisher's z of the correlation, squared; (0, 1) of three points.
        slope, intercept: of the line.
        without: R² of the other points, for each point that is left out.
    """

    r2: float
    low: float
    high: float
    slope: float
    intercept: float
    without: tuple[float, ...]


def linearity(x: Sequence[float], y: Sequence[float]) -> Linearity:
    """The least-squares line of y over x.

    Args:
        x: accuracies of the sources.
        y: accuracies of their transfers.

    Raises:
        InputError: fewer than three points, or points of which one coordinate is always the same.

    >>> found = linearity([1, 2, 3, 4], [2, 4, 6, 9])
    >>> round(found.r2, 3), round(found.slope, 1)
    (0.989, 2.3)
    """
    if len(x) != len(y) or len(x) < 3:
        raise InputError(f"a line needs three points or more with both coordinates, not {min(len(x), len(y))}")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise InputError("a line needs points whose accuracies differ, of the sources and of the transfers")
    correlation = float(np.corrcoef(x, y)[0, 1])
    slope, intercept = np.polyfit(x, y, 1)
    low, high = _interval(correlation, len(x))
    without = tuple(_r2(np.delete(x, number), np.delete(y, number)) for number in range(len(x)))
    return Linearity(correlation**2, low, high, float(slope), float(intercept), without)


def _r2(x: np.ndarray, y: np.ndarray) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1] ** 2)


def _interval(correlation: float, count: int) -> tuple[float, float]:
    """The 95% interval of R²: artanh of the correlation is about normal, with standard deviation 1/√(n - 3)."""
    if count < 4:
        return 0.0, 1.0
    center, half = np.arctanh(np.clip(correlation, -1 + 1e-12, 1 - 1e-12)), 1.96 / np.sqrt(count - 3)
    low, high = float(np.tanh(center - half)), float(np.tanh(center + half))
    least = 0.0 if low < 0 < high else min(low**2, high**2)
    return least, max(low**2, high**2)
