"""Schedules: what a step's size is multiplied by, as plain functions of how far a run has come."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float], float]  # from the share of the run that is done, [0, 1], to a factor


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


def cosine(progress: float) -> float:
    """A half cosine from 1 to 0.

    >>> cosine(0.0), round(cosine(0.5), 6), cosine(1.0)
    (1.0, 0.5, 0.0)
    """
    return 0.5 * (1 + math.cos(math.pi * progress))
