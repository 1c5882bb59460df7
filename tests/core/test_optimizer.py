import math
from itertools import pairwise

import pytest
import torch
from helpers import conv_classifier, images

from pellucid import (
    L2,
    Adam,
    CrossEntropy,
    InputError,
    Inside,
    Linf,
    Momentum,
    NormalizedGradient,
    Smoothed,
    Unbounded,
    descend,
)  # fmt: skip
from pellucid.base.blur import gaussian_blur
from pellucid.core.batch import norms
from pellucid.core.optimizer import cosine
from pellucid.data.fourier import Fourier

OPTIMIZERS = [NormalizedGradient(), Momentum(0.8), Adam()]


def gradients(steps, count=3):
    return torch.randn(steps, count, 4, generator=torch.Generator().manual_seed(0))


def test_steepest_is_the_balls_own_step():
    (gradient,) = gradients(1)
    for ball in (L2(1.0), Linf(0.1)):
        change, state = NormalizedGradient().step(gradient, 0.3, ball, (), 0.0)
        assert torch.equal(change, ball.step(gradient, 0.3))
        assert state == ()


def test_momentum_steps_along_the_decaying_sum_of_directions():
    state, directions = (), []
    for number, gradient in enumerate(gradients(5)):
        directions.append(gradient / norms(gradient)[:, None])
        change, state = Momentum(0.8).step(gradient, 0.3, Unbounded(), state, 0.0)
        summed = sum(0.8 ** (number - k) * direction for k, direction in enumerate(directions))
        torch.testing.assert_close(change, -0.3 * summed / norms(summed)[:, None])


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
def test_adam_takes_the_steps_of_torchs_adam(betas):
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(3, 5, generator=generator)
    theirs = ours.clone().requires_grad_()
    oracle, state = torch.optim.Adam([theirs], lr=0.05, betas=betas), ()
    for gradient in torch.randn(20, 3, 5, generator=generator):
        change, state = Adam(betas).step(gradient, 0.05, Unbounded(), state, 0.0)
        ours = ours + change
        theirs.grad = gradient
        oracle.step()
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_images_memory_is_its_own(optimizer):
    keep = torch.tensor([2, 0])
    whole, fewer = (), ()
    for number, gradient in enumerate(gradients(6)):
        if number == 3:
            fewer = tuple(rows[keep] for rows in fewer)
        expected, whole = optimizer.step(gradient, 0.1, L2(1.0), whole, 0.0)
        own = gradient if number < 3 else gradient[keep]
        change, fewer = optimizer.step(own, 0.1, L2(1.0), fewer, 0.0)
        assert torch.equal(change, expected if number < 3 else expected[keep])


def test_the_schedule_scales_each_step(classifier):
    seen = [images(1)]
    descend(
        classifier, CrossEntropy(1), seen[0], ball=Unbounded(), steps=4, step_size=0.1, schedule=cosine,
        callback=lambda progress: seen.append(progress.images),
    )  # fmt: skip
    lengths = [float(norms(after - before)) for before, after in pairwise(seen)]
    assert lengths == pytest.approx([0.1 * cosine(k / 4) for k in range(4)], abs=1e-5)


def test_a_schedule_that_cannot_reach_the_border_is_told(classifier):
    settings = {"ball": L2(0.8), "steps": 10, "step_size": 0.1}
    descend(classifier, CrossEntropy(1), images(1), **settings)
    with pytest.warns(UserWarning, match="cannot reach the border"):
        descend(classifier, CrossEntropy(1), images(1), **settings, schedule=cosine)


def test_adams_usual_rate_is_the_same_where_its_gradient_is_blurred(classifier):
    plain, blurred = (
        descend(classifier, CrossEntropy(1), images(1), ball=L2(8.0), steps=2, optimizer=optimizer).images
        for optimizer in (Adam(), Smoothed((0.0, 0.0), Adam()))
    )
    assert torch.equal(plain, blurred)


def test_what_is_not_pixels_takes_adam(classifier):
    with pytest.raises(InputError, match="Momentum steps on pixels; Fourier takes Adam"):
        descend(
            classifier, CrossEntropy(1), images(1), ball=Unbounded(), steps=1,
            parametrization=Fourier(), optimizer=Momentum(),
        )  # fmt: skip


# Smoothed: a blurred gradient


def blurred_by_hand(values, sigma):
    """The slow sum over all pairs of pixels."""
    height, width = values.shape[2:]
    reach = math.ceil(3 * sigma)
    weights = [math.exp(-(d**2) / (2 * sigma**2)) if abs(d) <= reach else 0.0 for d in range(-reach, reach + 1)]

    def matrix(side):
        rows = [[weights[i - j + reach] if abs(i - j) <= reach else 0.0 for j in range(side)] for i in range(side)]
        return torch.tensor(rows, dtype=values.dtype) / sum(weights)

    return matrix(height) @ values @ matrix(width).T


@pytest.mark.parametrize("sigma", [0.6, 1.0, 4.0])
def test_the_blur_is_a_sum_over_all_pixels(sigma):
    values = torch.randn(2, 3, 9, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(gaussian_blur(values, sigma), blurred_by_hand(values, sigma))


@pytest.mark.parametrize("ball", [L2(1.0), Linf(0.1), Unbounded()], ids=lambda ball: type(ball).__name__)
def test_without_a_blur_the_steps_are_the_other_optimizers(ball):
    gradient = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    plain = NormalizedGradient().step(gradient, 0.3, ball, (), 0.5)[0]
    assert torch.equal(Smoothed((0.0, 0.0)).step(gradient, 0.3, ball, (), 0.5)[0], plain)
    smooth = Smoothed((4.0, 1.0)).step(gradient, 0.3, ball, (), 0.5)[0]
    assert torch.allclose(smooth, ball.step(blurred_by_hand(gradient, 2.0), 0.3), atol=1e-6)


def test_nothing_leaks_into_a_mask():
    mask = (torch.arange(8) < 4).float().expand(1, 1, 8, 8)
    inner = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    other = torch.where(mask > 0, inner, 100 * inner)
    steps = [Smoothed((2.0, 2.0)).step(g, 0.3, Inside(L2(1.0), mask), (), 0.0)[0] for g in (inner, other)]
    assert torch.equal(*steps)
    assert not bool((steps[0] * (1 - mask)).any())
    assert torch.allclose(steps[0].flatten(1).norm(dim=1), torch.tensor(0.3))


def test_a_smoothed_descent_stays_in_its_ball_and_does_not_depend_on_the_batch():
    start, optimizer = images(3), Smoothed((2.0, 0.8), Momentum(0.5))
    options = {"ball": L2(0.5), "steps": 6, "step_size": 0.2, "optimizer": optimizer}
    whole = descend(conv_classifier(), CrossEntropy(1), start, **options).images
    alone = torch.cat([descend(conv_classifier(), CrossEntropy(1), one[None], **options).images for one in start])
    assert torch.allclose(whole, alone, atol=1e-5)
    assert bool(((whole - start).flatten(1).norm(dim=1) <= 0.5 + 1e-5).all())
