import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid import Activations, Distance, Exceeds, Misclassified, Near, Reaches

ROWS = st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=5)


def seen(rows):
    values = torch.tensor(rows).float()
    return Activations(logits=-values, head_input=values)


@given(ROWS, st.integers(0, 2))
def test_exceeds_holds_where_a_unit_is_larger_than_every_other(rows, unit):
    expected = [all(row[unit] > v for i, v in enumerate(row) if i != unit) for row in rows]
    assert Exceeds(unit)(torch.zeros(len(rows), 1), seen(rows)).tolist() == expected
    units = torch.full((len(rows),), unit)
    assert Exceeds(units)(torch.zeros(len(rows), 1), seen(rows)).tolist() == expected


@given(ROWS, st.integers(0, 2), st.integers(-2, 2))
def test_reaches_holds_from_the_value_on(rows, unit, value):
    expected = [row[unit] >= value for row in rows]
    assert Reaches(unit, value)(torch.zeros(len(rows), 1), seen(rows)).tolist() == expected


def test_near_holds_up_to_the_tolerance():
    target = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 4.0]])
    rule = Near(Distance(target), 0.5)
    activations = seen([[1, 0], [0.9, 0], [0, 3]])
    assert rule(torch.zeros(3, 1), activations).tolist() == [True, False, True]
    kept = rule.select(torch.tensor([2, 1]))
    assert torch.equal(kept.distance.target, target[[2, 1]])


def test_misclassified_compares_the_largest_logit_with_the_label():
    activations = seen([[0, 1, 2], [0, -1, 2]])
    assert Misclassified(torch.tensor([0, 0]))(torch.zeros(2, 1), activations).tolist() == [False, True]
