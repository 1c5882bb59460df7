import pytest
import torch
import torch.nn.functional as F
from helpers import close, images
from hypothesis import given
from hypothesis import strategies as st

from pellucid import L2, Consistent, SuperresRecipe, superres
from pellucid.core.batch import norms
from pellucid.core.optimizer import Smoothed

SMALL = images(2, size=4, seed=3)


@given(st.floats(0.05, 5), st.integers(0, 100))
def test_a_projected_image_has_the_block_means_and_lies_in_the_ball(eps, seed):
    ball = Consistent(L2(eps), SMALL)
    one, other = (
        SMALL.repeat_interleave(4, 2).repeat_interleave(4, 3) + images(2, size=16, seed=s) / 2 - 0.25
        for s in (seed, seed + 1)
    )
    center = ball.agreeing(one.clamp(0, 1))
    projected = ball.project(other.clamp(0, 1), center)
    assert (F.avg_pool2d(projected, 4) - SMALL).abs().max() < 2e-3  # of a gray level, half
    assert (norms(projected - center) <= eps * (1 + 1e-5)).all()
    assert torch.equal(projected, projected.clamp(0, 1))


def test_away_from_black_and_white_it_is_the_nearest_such_image():
    """The orthogonal projection onto an affine space: what is added is constant in every block."""
    start = images(2, size=8) * 0.2 + 0.4
    small = F.avg_pool2d(images(2, size=8, seed=5) * 0.2 + 0.4, 2)
    added = Consistent(L2(9.0), small).agreeing(start) - start
    close(added, F.avg_pool2d(added, 2).repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize("optimizer", [None, Smoothed((2.0, 1.0))])
def test_a_step_keeps_the_means_and_has_its_length(optimizer):
    ball, gradient = Consistent(L2(9.0), SMALL), torch.randn(2, 3, 16, 16)
    step = ball.step(gradient, 0.3) if optimizer is None else optimizer.step(gradient, 0.3, ball, (), 0.0)[0]
    close(F.avg_pool2d(step, 4), torch.zeros(2, 3, 4, 4))
    close(norms(step), torch.full((2,), 0.3))


def test_where_the_factor_is_not_whole_the_means_nearly_agree():
    start = F.interpolate(SMALL, 10, mode="bicubic").clamp(0, 1)
    ball = Consistent(L2(1.0), SMALL)
    before, after = ((F.interpolate(x, 4, mode="area") - SMALL).abs() for x in (start, ball.agreeing(start)))
    assert after.mean() < 0.3 * before.mean()


def test_what_superres_makes_is_made_small_again_as_it_was(classifier):
    small = images(3, size=4)
    made = superres(classifier, small, "cat", SuperresRecipe(0.5, 5, 0.2))
    close(F.avg_pool2d(made.start, 2), small)
    close(F.avg_pool2d(made.images, 2), small)
    assert (norms(made.images - made.start) > 0.1).all()
