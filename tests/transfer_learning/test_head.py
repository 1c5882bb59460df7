"""Logistic regression and metrics, against closed forms and what other libraries say."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from pellucid import InputError
from pellucid.evaluation.intervals import interval
from pellucid.transfer_learning.head import Tried, best_of, check_classes, choose, fits, folds, warn_of_fit
from pellucid.transfer_learning.metrics import metric_of, per_class, sampling_interval, top1


def blobs(count, classes, units=5, spread=1.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    centers = torch.randn(classes, units, generator=torch.Generator().manual_seed(99))
    return centers[labels] + spread * torch.randn(count, units, generator=generator), labels


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("penalty", [0.3, 0.01])
def test_at_the_minimum_the_gradient_of_the_objective_is_zero(classes, penalty):
    values, labels = blobs(120, classes)
    values = 7 * values + 3
    [head] = fits(values, labels, [penalty])
    weight, bias = head.weight.double().requires_grad_(), head.bias.double().requires_grad_()
    standard = ((values - values.mean(0)) / values.std(0, correction=0)).double()
    loss = F.cross_entropy(standard @ weight.T + bias, labels) + penalty / 2 * weight.square().sum()
    loss.backward()
    assert float(weight.grad.abs().max()) < 1e-3
    assert float(bias.grad.abs().max()) < 1e-3
    torch.testing.assert_close(head.logits(values), (standard @ weight.T + bias).float(), atol=1e-4, rtol=1e-4)


def test_a_warm_start_ends_where_a_cold_one_does():
    values, labels = blobs(90, 3)
    *_, warm = fits(values, labels, [1.0, 0.1, 0.05])
    [cold] = fits(values, labels, [0.05])
    torch.testing.assert_close(warm.weight, cold.weight, atol=2e-3, rtol=0)


def test_a_unit_that_is_always_the_same_is_harmless():
    values, labels = blobs(60, 3)
    values[:, 2] = 0.1
    [head] = fits(values, labels, [0.1])
    moved = values.clone()
    moved[:, 2] += 1e-6
    torch.testing.assert_close(head.logits(moved), head.logits(values), atol=1e-4, rtol=0)


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(2, 5))
def test_folds_are_stratified_and_disjoint(seed, classes, count):
    labels = torch.arange(classes * count * 3) % classes
    train, held = folds(labels, [str(n) for n in range(classes)], count, seed)[0]
    assert sorted(train.tolist() + held.tolist()) == list(range(len(labels)))
    assert torch.bincount(labels[held], minlength=classes).tolist() == [3] * classes


def test_folds_follow_the_seed():
    labels = torch.arange(60) % 3
    drawn = [folds(labels, "abc", 5, seed)[0][1].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 0, 0, 0], ["cat"], "the target has 1 class; a transfer needs two or more"),
        ([0, 0, 0, 1, 1], ["cat", "dog"], r"needs 3 training images of each class; too few: dog \(2\)"),
        ([0, 0, 0, 1, 1, 1], ["cat", "dog", "ship"], r"too few: ship \(0\)"),
        ([0], list("abcde"), r"too few: a \(1\), b \(0\), c \(0\), ... 5 in all"),
    ],
)
def test_targets_that_cannot_be_validated_on(labels, names, message):
    with pytest.raises(InputError, match=message):
        check_classes(torch.tensor(labels), names, 3)


def test_validation_chooses_the_penalty_that_generalizes():
    """With as many units as images the weakest penalty fits noise; the strongest fits nothing."""
    train, held, test = (blobs(count, 2, 60, 3.0, seed) for count, seed in ((60, 0), (400, 1), (400, 2)))
    penalties = (100.0, 1.0, 0.1, 1e-6)
    tried = choose(train, held, "top-1", penalties)
    best = best_of(tried)
    on_test = {head.penalty: top1(head.predict(test[0]), test[1]) for head in fits(*train, penalties)}
    assert on_test[best] > on_test[1e-6]
    assert on_test[best] >= max(on_test.values()) - 0.02


def test_the_path_ends_after_two_that_are_worse():
    values, labels = blobs(40, 2, 40, 3.0)
    wrong = blobs(400, 2, 40, 3.0, seed=1)
    penalties = [10.0**-n for n in range(-2, 9)]
    tried = choose((values, labels), wrong, "top-1", penalties)
    found = [each.accuracy for each in tried.values()]
    assert len(found) < len(penalties)
    assert max(found[-2:]) < max(found)


@pytest.mark.parametrize("units", [8, 700])  # few weights, and many
def test_a_fit_that_converged_is_at_the_minimum_and_one_that_did_not_says_so(units, monkeypatch):
    values, labels = blobs(120, 5, 4)
    values = values @ torch.randn(4, units, generator=torch.Generator().manual_seed(0))  # units that are correlated
    standard = ((values - values.mean(0)) / values.std(0, correction=0)).double()
    [head] = fits(values, labels, [1e-4])
    weight = head.weight.double().requires_grad_()
    loss = F.cross_entropy(standard @ weight.T + head.bias, labels) + 1e-4 / 2 * weight.square().sum()
    assert head.converged
    assert 1 < head.iterations < 1000
    assert float(torch.autograd.grad(loss, weight)[0].abs().max()) < 1e-3
    monkeypatch.setattr("pellucid.transfer_learning.head.ITERATIONS", 2)
    [short] = fits(values, labels, [1e-4])
    assert (short.iterations, short.converged) == (2, False)
    with pytest.warns(UserWarning, match="0.0001 has not converged in 2"):
        warn_of_fit(short, {1e-4: Tried(0.5, 2, False)}, [1e-3, 1e-4, 1e-5])


@pytest.mark.parametrize(("penalty", "word"), [(1.0, "strongest"), (0.1, None), (0.01, "weakest")])
def test_a_penalty_at_the_edge_of_the_grid_is_noted(penalty, word, recwarn):
    [head] = fits(*blobs(60, 3), [penalty])
    tried = {other: Tried(0.9 if other == penalty else 0.8, 9, True) for other in (1.0, 0.1, 0.01)}
    warn_of_fit(head, tried, [1.0, 0.1, 0.01])
    warn_of_fit(head, dict.fromkeys(tried, Tried(1.0, 9, True)), [1.0, 0.1, 0.01])  # all alike
    assert [word in str(warning.message) for warning in recwarn] == [True] * (word is not None)


# Metrics


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_metrics_are_those_of_scikit_learn(pairs):
    from sklearn.metrics import accuracy_score, recall_score

    predicted, labels = torch.tensor(pairs).T
    assert top1(predicted, labels) == pytest.approx(accuracy_score(labels, predicted))
    present = sorted(set(labels.tolist()))
    expected = recall_score(labels, predicted, labels=present, average="macro", zero_division=0)
    assert per_class(predicted, labels) == pytest.approx(expected)


def test_the_interval_is_students():
    """t(0.975, 4) = 2.776, from any table."""
    low, high = interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776 * 2.5**0.5 / 5**0.5
    assert (low, high) == pytest.approx((3 - half, 3 + half), abs=1e-3)
    assert interval([0.5]) is None


def test_the_bootstrap_interval_is_about_the_binomial_one():
    labels = torch.zeros(400, dtype=torch.int64)
    predicted = (torch.arange(400) >= 280).long()  # 70% right
    low, high = sampling_interval([predicted], labels, "top-1")
    half = 1.96 * (0.7 * 0.3 / 400) ** 0.5
    assert (low, high) == pytest.approx((0.7 - half, 0.7 + half), abs=0.01)


@pytest.mark.parametrize(
    ("name", "metric"),
    [("aircraft", "per-class"), ("Caltech-256", "per-class"), ("flowers", "per-class"), ("pets", "per-class"),
     ("caltech101_64", "per-class"), ("Caltech_101", "per-class"), ("FGVCAircraft", "per-class"),
     ("oxford-pets", "per-class"), ("OxfordIIITPet", "per-class"), ("flowers-102", "per-class"), ("petshop", "top-1"),
     ("flowersandbees", "top-1"), ("cifar10", "top-1"), ("dtd10_64", "top-1"), ("my photos", "top-1")],
)  # fmt: skip
def test_the_metric_is_the_papers(name, metric):
    assert metric_of(name) == metric
