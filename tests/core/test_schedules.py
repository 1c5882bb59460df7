import math

import pytest

from pellucid.core.optimizer import constant, cosine
from pellucid.training.recipe import TrainRecipe
from pellucid.training.schedule import one_cycle, schedule, steps


def test_one_cycle_rises_linearly_and_falls_as_a_half_cosine():
    rate = one_cycle(warmup=0.25)
    assert [rate(p) for p in (0.05, 0.125, 0.25, 0.625, 1.0)] == pytest.approx([0.2, 0.5, 1.0, 0.5, 0.0])
    assert rate(0.4375) == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert 0 < rate(0.0) < 0.01


def test_steps_drop_tenfold():
    rate = steps((0.5, 0.75))
    assert [rate(p) for p in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_and_constant():
    assert [cosine(p) for p in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0])
    assert {constant(p) for p in (0.0, 0.3, 1.0)} == {1.0}


def by_epoch(**settings):
    """The rate in the middle of each epoch."""
    recipe = TrainRecipe(**settings)
    rate = schedule(recipe)
    return [rate((epoch + 0.5) / recipe.epochs) for epoch in range(recipe.epochs)]


def test_the_step_schedule_drops_after_every_so_many_epochs():
    assert by_epoch(schedule="step", epochs=7, step_epochs=3) == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01])


def test_the_multi_step_schedule_drops_after_the_epochs_it_is_given():
    assert by_epoch(schedule="multi-step", epochs=5, drops=(1, 4)) == pytest.approx([1, 0.1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("drops", [(5, 9), ()], ids=str)
def test_drops_that_never_come_are_warned_of(drops):
    with pytest.warns(UserWarning, match="the learning rate never drops: .* before the end of epoch 5"):
        assert by_epoch(schedule="multi-step", epochs=5, drops=drops) == [1] * 5


def test_drops_of_which_one_comes_are_not_warned_of(recwarn):
    by_epoch(schedule="multi-step", epochs=5, drops=(4, 9))
    assert not recwarn


@pytest.mark.parametrize(("name", "same"), [("one-cycle", one_cycle()), ("cosine", cosine), ("constant", constant)])
def test_the_other_schedules_go_by_their_names(name, same):
    assert by_epoch(schedule=name, epochs=10) == pytest.approx([same((e + 0.5) / 10) for e in range(10)])
