"""Tables of accuracy: of every classifier, clean and under PGD."""

from __future__ import annotations

from ..evaluation.accuracy import EvaluateRecipe, evaluate
from ..evaluation.outcomes import Accuracies
from .entry import Claim, Finding, Interval, Table
from .published.tables import table
from .scene import Scene


def accuracies(scene: Scene, name: str) -> Finding:
    """Clean accuracy and accuracy under PGD at the eps that the classifier was trained with, of every classifier.

    The published table of this name, whose numbers are percents, stands above.
    """
    eps, count = scene.eps, scene.by_scale(200, 1000, len(scene.measured))
    how = EvaluateRecipe(eps=(eps,), steps=(scene.by_scale(10, 20, 20),), count=count)
    found = {own: evaluate(c, scene.measured, how, seed=scene.seed) for own, c in scene.classifiers.items()}
    printed = [(f"{row[0]}, published", row[1] / 100, row[2] / 100) for row in table(name).rows]
    rows = [*printed, *((own, *both(result, eps)) for own, result in found.items())]
    claims = []
    if len(found) > 1:
        clean, attacked = zip(*(both(result, eps) for result in list(found.values())[:2]), strict=True)
        claims = [
            Claim("A standard network is more accurate on clean images", difference(clean[1], clean[0])),
            Claim("A robust network is more accurate under attack", difference(attacked[0], attacked[1])),
        ]
    return Finding(
        f"Accuracy on {min(count, len(scene.measured))} test images, and under PGD of {how.steps[0]} steps within L2 "
        f"{eps:g}. An image counts as right if no step fools the network.",
        table=Table(("classifier", "clean", f"PGD, eps {eps:g}"), rows),
        claims=claims,
        command=f"evaluate --model {scene.name} --data DATA --eps {eps:g} --steps {how.steps[0]}",
        python=f"pl.evaluate(classifier, split, pl.EvaluateRecipe(eps=({eps:g},)))",
    )


def both(result: Accuracies, eps: float) -> tuple[Interval, Interval]:
    """Clean and attacked accuracy with Wilson's intervals."""
    attacked = min(result.robust[eps].values())
    return Interval(result.clean, *result.interval(result.clean)), Interval(attacked, *result.interval(attacked))


def difference(first: Interval, second: Interval) -> Interval:
    """Of two shares whose errors are taken as independent (Newcombe 1998, method 10)."""
    value = first.value - second.value
    low = ((first.value - first.low) ** 2 + (second.high - second.value) ** 2) ** 0.5
    high = ((first.high - first.value) ** 2 + (second.value - second.low) ** 2) ** 0.5
    return Interval(value, value - low, value + high)
