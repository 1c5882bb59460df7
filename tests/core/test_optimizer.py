from itertools import pairwise

import pytest
import torch
from helpers import images

from pellucid import L2, Adam, CrossEntropy, InputError, Linf, Momentum, NormalizedGradient, Unbounded, descend
from pellucid.core.batch import norms
from pellucid.core.optimizer import cosine
from pellucid.data.fourier import Fourier

OPTIMIZERS = [NormalizedGradient(), Momentum(0.8), Adam()]


def gradients(steps, count=3):
    return torch.randn(steps, count, 4, generator=torch.Generator().manual_seed(0))


def test_steepest_is_the_balls_own_step():
    (gradient,) = gradients(1)
    for ball in (L2(1.0), Linf(0.1)):
        change, state = NormalizedGradient().step(gradient, 0.3, ball, ())
        assert torch.equal(change, ball.step(gradient, 0.3))
        assert state == ()


def test_momentum_steps_along_the_decaying_sum_of_directions():
    state, directions = (), []
    for number, gradient in enumerate(gradients(5)):
        directions.append(gradient / norms(gradient)[:, None])
        change, state = Momentum(0.8).step(gradient, 0.3, Unbounded(), state)
        summed = sum(0.8 ** (number - k) * direction for k, direction in enumerate(directions))
        torch.testing.assert_close(change, -0.3 * summed / norms(summed)[:, None])


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
def test_adam_takes_the_steps_of_torchs_adam(betas):
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(3, 5, generator=generator)
    theirs = ours.clone().requires_grad_()
    oracle, state = torch.optim.Adam([theirs], lr=0.05, betas=betas), ()
    for gradient in torch.randn(20, 3, 5, generator=generator):
        change, state = Adam(betas).step(gradient, 0.05, Unbounded(), state)
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
        expected, whole = optimizer.step(gradient, 0.1, L2(1.0), whole)
        own = gradient if number < 3 else gradient[keep]
        change, fewer = optimizer.step(own, 0.1, L2(1.0), fewer)
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


def test_what_is_not_pixels_takes_adam(classifier):
    with pytest.raises(InputError, match="Momentum steps on pixels; Fourier takes Adam"):
        descend(
            classifier, CrossEntropy(1), images(1), ball=Unbounded(), steps=1,
            parametrization=Fourier(), optimizer=Momentum(),
        )  # fmt: skip
