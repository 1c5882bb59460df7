"""A linear head on features: multinomial logistic regression, its regularization chosen by validation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.errors import InputError, shortened, warn
from .metrics import METRICS, Metric

PENALTIES = (10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
ITERATIONS = 1000  # at most
NEWTON = 3000  # weights, at most, for which Newton's method is taken: its Hessian has their square


@dataclass(frozen=True)
class Head:
    """A linear classifier of standardized features.

    Attributes:
        mean, std: `(U,)`, of the features that it was fitted to.
        weight, bias: `(K, U)` and `(K,)`.
        penalty: λ, see `fits`.
        iterations: how many the fit took.
        converged: whether it ended by itself, and not because it took too many.
    """

    mean: Tensor
    std: Tensor
    weight: Tensor
    bias: Tensor
    penalty: float
    iterations: int = 0
    converged: bool = True

    def logits(self, values: Tensor) -> Tensor:
        """`(N, U)` features to `(N, K)`."""
        return (values - self.mean) / self.std @ self.weight.T + self.bias

    def predict(self, values: Tensor) -> Tensor:
        """`(N, U)` features to class numbers `(N,)`."""
        return self.logits(values).argmax(1)


def fits(values: Tensor, labels: Tensor, penalties: Sequence[float]) -> Iterator[Head]:
    """Logistic regression for one penalty λ after the other, each beginning where the one before ended:

        min over W, b of  mean of cross-entropy(W z + b, y) + λ/2 ‖W‖²,   z = (features - mean) / std,

    by scikit-learn: Newton's method where there are few weights, L-BFGS otherwise. Few units are often correlated, as
    the colors of a first layer are, and there L-BFGS takes thousands of iterations where Newton's method takes ten.

    Args:
        values: features `(N, U)`.
        labels: `(N,)`, in which every class 0 to K - 1 occurs.
        penalties: strong ones are fitted fastest, so begin with those.

    >>> values = torch.tensor([[0.0, 3.0], [1.0, 3.0], [4.0, 3.0], [5.0, 3.0]])
    >>> [head] = fits(values, torch.tensor([0, 0, 1, 1]), [0.01])
    >>> head.predict(torch.tensor([[1.5, 3.0], [3.5, 3.0]])).tolist()
    [0, 1]
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, std = values.mean(0), values.std(0, correction=0)
    # A constant unit carries no information; dividing by its rounding errors would blow it up.
    std = torch.where(std > 1e-5 * values.abs().amax(0), std, torch.ones_like(std))
    standard, targets = (values - mean) / std, labels.numpy()
    newton = values.shape[1] * (int(labels.max()) + 1) <= NEWTON
    inputs = (standard.double() if newton else standard).numpy()
    # Of two classes scikit-learn fits the difference w = W₁ - W₀ alone, and ‖w‖² is 2 ‖W‖².
    half = 2 if int(labels.max()) == 1 else 1
    model = LogisticRegression(max_iter=ITERATIONS, warm_start=True, solver="newton-cholesky" if newton else "lbfgs")
    for penalty in penalties:
        model.set_params(C=half / (penalty * len(values)))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(inputs, targets)
        converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in said)
        weight, bias = (torch.tensor(found, dtype=torch.float32) for found in (model.coef_, model.intercept_))
        if half == 2:
            weight, bias = torch.cat([-weight / 2, weight / 2]), torch.cat([-bias / 2, bias / 2])
        yield Head(mean, std, weight, bias, penalty, int(model.n_iter_.max()), converged)


def folds(labels: Tensor, class_names: Sequence[str], count: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Stratified folds: for each of `count` parts the indices of the other parts, and its own.

    Raises:
        InputError: fewer than two classes, a class with fewer than `count` images.
    """
    check_classes(labels, class_names, count)
    from sklearn.model_selection import StratifiedKFold

    parts = StratifiedKFold(count, shuffle=True, random_state=seed % 2**32).split(labels.numpy(), labels.numpy())
    return [(torch.from_numpy(train), torch.from_numpy(held)) for train, held in parts]


def check_classes(labels: Tensor, class_names: Sequence[str], count: int) -> None:
    """Raise `InputError` unless there are two classes or more, each with at least `count` training images."""
    if len(class_names) < 2:
        raise InputError(f"the target has {len(class_names)} class; a transfer needs two or more")
    have = torch.bincount(labels, minlength=len(class_names))
    few = [f"{name} ({number})" for name, number in zip(class_names, have.tolist(), strict=True) if number < count]
    if few:
        shown = shortened(few, 3)
        raise InputError(f"validation by {count} folds needs {count} training images of each class; too few: {shown}")


@dataclass(frozen=True)
class Tried:
    """The result of a penalty: its accuracy on validation images, and how the fit ended (see `Head`)."""

    accuracy: float
    iterations: int
    converged: bool


def best_of(tried: dict[float, Tried]) -> float:
    """The penalty of the highest accuracy; of equal ones the first."""
    return max(tried, key=lambda penalty: tried[penalty].accuracy)


def warn_of_fit(head: Head, tried: dict[float, Tried], penalties: Sequence[float]) -> None:
    """Warn of a chosen head that has not converged, or whose penalty is best alone and the first or last of all."""
    if not head.converged:
        warn(f"logistic regression with penalty {head.penalty:g} has not converged in {head.iterations} iterations")
    ends = {min(penalties): "weakest: try weaker", max(penalties): "strongest: try stronger"}
    alike = [penalty for penalty, found in tried.items() if found.accuracy == tried[head.penalty].accuracy]
    if len(alike) == 1 < len(tried) and head.penalty in ends:
        warn(f"the chosen penalty, {head.penalty:g}, is the {ends[head.penalty]} ones, too")


def best_on(
    train: tuple[Tensor, Tensor], judging: tuple[Tensor, Tensor], metric: Metric, penalties: Sequence[float]
) -> tuple[Head, dict[float, Tried]]:
    """The head, fitted to some images, that is best on others; and the result of every penalty there.

    Each is fitted from zero: started where another ended, weak penalties would stop short of their own minimum.
    """
    heads = [head for penalty in sorted(penalties, reverse=True) for head in fits(*train, [penalty])]
    tried = {head.penalty: _tried(head, judging, metric) for head in heads}
    return max(heads, key=lambda head: tried[head.penalty].accuracy), tried


def choose(
    train: tuple[Tensor, Tensor],
    held: tuple[Tensor, Tensor],
    metric: Metric,
    penalties: Sequence[float] = PENALTIES,
) -> dict[float, Tried]:
    """The result of each penalty on held-out images.

    They are tried from the strongest down, until two in a row are worse than the best so far: the weaker ones take
    longest and would overfit more.

    Args:
        train: features `(N, U)` and labels `(N,)` to fit to.
        held: those to judge by.
        metric: accuracy of this kind.
        penalties: to choose from.

    >>> values, labels = torch.tensor([[0.0], [1.0], [4.0], [5.0]]), torch.tensor([0, 0, 1, 1])
    >>> tried = choose((values, labels), (values, labels), "top-1", [0.1, 0.01])
    >>> {penalty: found.accuracy for penalty, found in tried.items()}
    {0.1: 1.0, 0.01: 1.0}
    """
    tried: dict[float, Tried] = {}
    worse, best = 0, 0.0
    for head in fits(*train, sorted(penalties, reverse=True)):
        tried[head.penalty] = found = _tried(head, held, metric)
        worse, best = worse + 1 if found.accuracy < best else 0, max(best, found.accuracy)
        if worse == 2:
            break
    return tried


def _tried(head: Head, judging: tuple[Tensor, Tensor], metric: Metric) -> Tried:
    return Tried(METRICS[metric](head.predict(judging[0]), judging[1]), head.iterations, head.converged)
