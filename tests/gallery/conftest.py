"""A result to save."""

import math

import pytest
import torch
from helpers import images

from pellucid import Descent


@pytest.fixture
def descent():
    """Makes a result as `descend` returns it, with a label and a setting."""

    def descent(count=3, size=8):
        start = images(count, size)
        return Descent(
            images=images(count, size, seed=1),
            loss=torch.tensor([0.5, math.inf, math.nan, *[0.25] * count])[:count],
            history=torch.zeros(10, count),
            start=start,
            forwards=10,
            backwards=10,
            stopped_at=torch.tensor([10, 4, 10, *[10] * count])[:count],
            label=torch.arange(count),
            info={"seed": 7},
        )

    return descent
