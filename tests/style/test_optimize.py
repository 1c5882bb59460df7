import math
from itertools import pairwise

import pytest
import torch

from pellucid import InputError
from pellucid.style.objective import Losses
from pellucid.style.optimize import LBFGS, ImageAdam, Moments, PlainLBFGS, SoftClamp, minimize


def quadratic(center, stretch=1.0):
    """Σ stretch · (x - center)², and how often it was asked for."""
    calls = []

    def evaluate(images):
        calls.append(images.clone())
        loss = float((stretch * (images - center).square()).sum())
        return Losses(loss, loss, 0.0, 0.0), 2 * stretch * (images - center)

    evaluate.calls = calls
    return evaluate


def random_picture(seed=0, side=4):
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


STRETCH = torch.logspace(0, 2, 48).reshape(1, 3, 4, 4)
OPTIMIZERS = [LBFGS(), PlainLBFGS(), ImageAdam(0.02), ImageAdam(0.02, averaging=0.5)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_minimum_of_a_quadratic_is_found(optimizer):
    center = 0.2 + 0.6 * random_picture(1)
    evaluate = quadratic(center, STRETCH if isinstance(optimizer, LBFGS) else 1.0)
    found = minimize(evaluate, random_picture(0), optimizer, 300)
    assert (found.images - center).abs().max() < 2e-3
    assert len(found.history) <= 300
    assert (found.rollbacks, found.interrupted) == (0, False)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_pixels_stay_within_0_and_1(optimizer):
    evaluate = quadratic(torch.tensor([-0.5, 0.5, 1.5]).reshape(1, 3, 1, 1))
    found = minimize(evaluate, random_picture(), optimizer, 100)
    assert all(float(x.min()) >= 0 and float(x.max()) <= 1 for x in [*evaluate.calls, found.images])
    if not isinstance(optimizer, PlainLBFGS):  # whose curvature estimates do not know of the clamp
        assert torch.allclose(found.images.mean((2, 3)), torch.tensor([[0.0, 0.5, 1.0]]), atol=0.02)


def test_every_evaluation_counts_and_there_are_no_more_than_asked_for():
    for optimizer in (LBFGS(), PlainLBFGS(), ImageAdam()):
        evaluate = quadratic(random_picture(1), STRETCH)
        found = minimize(evaluate, random_picture(), optimizer, 7)
        assert len(found.history) == 7
        # L-BFGS returns a point that it has seen; the others' last step is looked at once more.
        assert len(evaluate.calls) == 7 + (not isinstance(optimizer, LBFGS))


def test_lbfgs_returns_the_lowest_point_and_adam_its_last():
    evaluate = quadratic(random_picture(1), STRETCH)
    found = minimize(evaluate, random_picture(), LBFGS(), 9)
    lowest = min(range(9), key=lambda i: found.history[i].total)
    assert torch.allclose(found.images, evaluate.calls[lowest], atol=1e-6)
    evaluate = quadratic(random_picture(1))
    found = minimize(evaluate, random_picture(), ImageAdam(0.1), 3)
    assert found.images.sub(evaluate.calls[2]).abs().max() > 1e-3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_losses_are_those_of_the_result(optimizer):
    evaluate = quadratic(random_picture(1), STRETCH if isinstance(optimizer, LBFGS) else 1.0)
    found = minimize(evaluate, random_picture(), optimizer, 9)
    assert found.losses.total == pytest.approx(evaluate(found.images)[0].total, rel=1e-5)


def test_the_line_search_makes_lbfgs_need_fewer_evaluations_than_adam():
    lowest = {}
    for optimizer in (LBFGS(), ImageAdam(0.05)):
        evaluate = quadratic(0.2 + 0.6 * random_picture(1), STRETCH)
        lowest[type(optimizer)] = min(x.total for x in minimize(evaluate, random_picture(), optimizer, 40).history)
    assert lowest[LBFGS] < lowest[ImageAdam] / 10


def test_the_line_search_shortens_steps_that_would_leap():
    """Σ log cosh(20 (x - c)) is flat far away: there a curvature estimate promises more than it keeps."""
    center = 0.2 + 0.6 * random_picture(1)

    def evaluate(images):
        loss = float(torch.log(torch.cosh(20 * (images - center))).sum())
        return Losses(loss, loss, 0.0, 0.0), 20 * torch.tanh(20 * (images - center))

    assert min(losses.total for losses in minimize(evaluate, random_picture(), LBFGS(), 40).history) < 0.1


def test_a_descent_that_has_arrived_ends():
    found = minimize(quadratic(random_picture()), random_picture(), LBFGS(), 200)
    assert len(found.history) < 50


# When it goes wrong


@pytest.mark.parametrize("optimizer", [LBFGS(), PlainLBFGS(), ImageAdam(0.05)])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, 1e30])
def test_a_loss_that_explodes_is_gone_back_from_with_half_the_step(optimizer, wrong):
    center = 0.3 + 0.4 * random_picture(1)
    good = quadratic(center)

    def evaluate(images):
        losses, gradient = good(images)
        return (Losses(wrong, wrong, 0.0, 0.0), gradient * wrong) if len(good.calls) in (4, 9) else (losses, gradient)

    found = minimize(evaluate, random_picture(), optimizer, 150)
    assert found.rollbacks == 2
    assert found.images.isfinite().all()
    assert (found.images - center).abs().max() < 0.02


@pytest.mark.parametrize("optimizer", [LBFGS(), PlainLBFGS(), ImageAdam(0.05)])
def test_a_gradient_that_is_not_finite_is_gone_back_from_too(optimizer):
    good = quadratic(0.3 + 0.4 * random_picture(1))

    def evaluate(images):
        losses, gradient = good(images)
        return losses, gradient * (math.nan if len(good.calls) == 4 else 1)

    found = minimize(evaluate, random_picture(), optimizer, 60)
    assert found.rollbacks == 1
    assert found.images.isfinite().all()


def test_after_a_rollback_steps_are_half_as_long():
    good = quadratic(torch.full((1, 3, 4, 4), 5.0))  # far away: Adam's steps all have their full length

    def evaluate(images):
        losses, gradient = good(images)
        return (Losses(math.nan, 0.0, 0.0, 0.0), gradient) if len(good.calls) == 3 else (losses, gradient)

    minimize(evaluate, torch.zeros(1, 3, 4, 4), ImageAdam(0.04), 6)
    steps = [float((b - a).mean()) for a, b in pairwise(good.calls[:6])]
    # 0, 0.04, 0.08 (not a number), back at the lowest, 0.04, then half steps
    assert steps == pytest.approx([0.04, 0.04, -0.04, 0.02, 0.02], abs=1e-4)


@pytest.mark.parametrize("optimizer", [PlainLBFGS(1e3), ImageAdam(1e3), ImageAdam(1e3, averaging=0.9)], ids=str)
def test_steps_that_are_far_too_long_are_halved_until_they_are_not(optimizer):
    """Every pixel is 0 or 1 after the first one, and the loss some forty times the first, which is not 10,000."""
    center, start = torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.42)
    evaluate = quadratic(center, STRETCH)
    found = minimize(evaluate, start, optimizer, 300)
    assert found.rollbacks > 5
    assert found.losses.total < 0.2 * found.history[0].total


@pytest.mark.parametrize(
    "optimizer", [LBFGS(), PlainLBFGS(1e3), ImageAdam(1e3), ImageAdam(1e3, averaging=0.9)], ids=str
)
def test_a_result_is_never_worse_than_the_start(optimizer):
    center, start = torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.42)
    evaluate = quadratic(center, STRETCH)
    for evaluations in (1, 2, 7):
        found = minimize(evaluate, start, optimizer, evaluations)
        assert evaluate(found.images)[0].total <= evaluate(start)[0].total * 1.001


def test_a_loss_that_is_high_for_a_while_is_not_gone_back_from():
    good = quadratic(torch.full((1, 3, 4, 4), 0.5))

    def evaluate(images):
        losses, gradient = good(images)
        high = 2 <= len(good.calls) < 11
        return (Losses(100 * losses.total, 0.0, 0.0, 0.0), gradient) if high else (losses, gradient)

    assert minimize(evaluate, random_picture(), ImageAdam(0.02), 30).rollbacks == 0


def test_a_start_without_a_finite_loss_is_refused():
    def evaluate(images):
        return Losses(math.nan, 0.0, 0.0, 0.0), images

    with pytest.raises(InputError, match="loss of the start is not finite"):
        minimize(evaluate, random_picture(), ImageAdam(), 10)


@pytest.mark.parametrize("optimizer", [LBFGS(), PlainLBFGS(), ImageAdam()])
def test_ctrl_c_gives_what_there_is(optimizer):
    good = quadratic(random_picture(1))

    def evaluate(images):
        if len(good.calls) == 5:
            raise KeyboardInterrupt
        return good(images)

    start = random_picture()
    found = minimize(evaluate, start, optimizer, 100)
    assert found.interrupted
    assert len(found.history) == 5
    assert good(found.images)[0].total < good(start)[0].total


# Adam's memory


def test_moments_go_on_where_they_were():
    """Two runs of ten steps, the second with the first one's moments, are one run of twenty."""
    center = random_picture(1)
    long = minimize(quadratic(center), random_picture(), ImageAdam(0.01), 20).images
    first = ImageAdam(0.01)
    half = minimize(quadratic(center), random_picture(), first, 10).images
    other = minimize(quadratic(center), half, ImageAdam(0.01, moments=first.moments), 10).images
    assert torch.allclose(long, other, atol=1e-6)
    assert not torch.allclose(long, minimize(quadratic(center), half, ImageAdam(0.01), 10).images, atol=1e-4)


def test_moments_of_a_larger_picture_are_those_of_a_mean_over_more_pixels():
    moments = Moments(torch.full((1, 3, 4, 4), 8.0), torch.full((1, 3, 4, 4), 32.0), 5.0).resized((8, 8))
    assert moments.mean.shape == (1, 3, 8, 8)
    assert torch.allclose(moments.mean, torch.tensor(2.0))
    assert torch.allclose(moments.square, torch.tensor(2.0))
    assert moments.steps == 5


def test_the_average_is_that_of_the_iterates_corrected_for_its_start():
    evaluate = quadratic(torch.full((1, 3, 4, 4), 5.0))
    found = minimize(evaluate, torch.zeros(1, 3, 4, 4), ImageAdam(0.1, averaging=0.5), 3)
    iterates = [0.1, 0.2, 0.3]
    expected = (0.25 * iterates[0] + 0.5 * iterates[1] + iterates[2]) / 1.75
    assert float(found.images.mean()) == pytest.approx(expected, rel=2e-3)


def test_the_soft_clamp_gives_back_pixels_that_are_not_at_the_edge():
    images = torch.linspace(0.003, 0.997, 999).reshape(1, 3, 9, 37)
    clamp = SoftClamp()
    assert torch.allclose(clamp.decode(clamp.encode(images), images.shape), images, atol=1e-5)


def test_what_moves_gets_its_own_gradient_and_not_that_of_the_pixels():
    """Near 0 and 1 the soft clamp bends, and the loss changes less with what moves than with the pixels."""
    center, start = torch.full((1, 3, 1, 1), 0.5), torch.tensor([0.01, 0.5, 0.98]).reshape(1, 3, 1, 1)
    evaluate, clamp = quadratic(center), SoftClamp()
    minimize(evaluate, start, LBFGS(), 2)
    place, step = clamp.encode(start).double(), 1e-4
    ahead, behind = (clamp.decode(place + way * step, place.shape) for way in (1, -1))
    gradient = ((ahead - 0.5).square() - (behind - 0.5).square()) / (2 * step)
    length = min(1.0, 1 / float(gradient.abs().sum()))  # of the first step that L-BFGS tries
    assert torch.allclose(evaluate.calls[1].double(), clamp.decode(place - length * gradient, place.shape), atol=1e-5)


def test_pixels_at_the_edge_can_leave_it():
    start = torch.tensor([0.0, 0.5, 1.0]).reshape(1, 3, 1, 1)
    found = minimize(quadratic(torch.full((1, 3, 1, 1), 0.5)), start, LBFGS(), 30)
    assert torch.allclose(found.images, torch.tensor(0.5), atol=1e-3)


def test_the_soft_clamp_is_smooth_and_stays_inside():
    places = torch.linspace(-3, 4, 20001, dtype=torch.float64).requires_grad_()
    values = SoftClamp().decode(places, places.shape)
    (slope,) = torch.autograd.grad(values.sum(), places)
    assert float(values.min()) >= 0
    assert float(values.max()) <= 1
    assert slope.diff().abs().max() < 0.01  # no jump, 0.007 is the step's length over the rim
    assert (slope >= 0).all()
