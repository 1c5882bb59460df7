"""Learning rates as plain functions of how far training has come."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import warn
from ..core.optimizer import Schedule, constant, cosine
from .recipe import TrainRecipe


def one_cycle(warmup: float = 0.25) -> Schedule:
    """Linear from near zero to the peak, then a half cosine to zero (Smith 2018, with a cosine's end)."""

    def at(progress: float) -> float:
        if progress < warmup:
            return max(progress / warmup, 1e-3)
        return cosine((progress - warmup) / (1 - warmup))

    return at


def steps(drops: Sequence[float], factor: float = 0.1) -> Schedule:
    """The peak, multiplied by `factor` at each of `drops` (shares of the whole training)."""
    return lambda progress: factor ** sum(progress >= drop for drop in drops)


def schedule(recipe: TrainRecipe) -> Schedule:
    """The schedule that a recipe names; its epochs become shares of the whole training."""
    every = range(recipe.step_epochs, recipe.epochs, recipe.step_epochs)
    if recipe.schedule == "multi-step" and not any(drop < recipe.epochs for drop in recipe.drops):
        drops = " ".join(map(str, recipe.drops))
        warn(f"the learning rate never drops: none of --drops ({drops}) comes before the end of epoch {recipe.epochs}")
    return {
        "one-cycle": one_cycle(),
        "step": steps([epoch / recipe.epochs for epoch in every]),
        "multi-step": steps([epoch / recipe.epochs for epoch in recipe.drops]),
        "cosine": cosine,
        "constant": constant,
    }[recipe.schedule]
