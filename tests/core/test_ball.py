import math

import numpy as np
import pytest
import torch
from helpers import images
from hypothesis import given
from hypothesis import strategies as st

from pellucid import L2, InputError, Inside, Linf, Unbounded
from pellucid.core.batch import generators, norms

BOUNDED = (L2, Linf)
seeds, radii = st.integers(0, 10_000), st.floats(1e-3, 5.0)
bounded = st.sampled_from(BOUNDED)


def noise(count, seed, scale=1.0):
    return torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * scale


def centers(count, seed):
    """Images with some pixels at exactly 0 and 1."""
    return noise(count, seed).add(0.5).clamp(0, 1)


def distance(ball, a, b):
    order = 2 if isinstance(ball, L2) else math.inf
    return torch.linalg.vector_norm((a - b).double().flatten(1), order, dim=1)


def test_l2_projection_scales_the_offset():
    center, images = torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.6)
    expected = 0.5 + 0.2 / math.sqrt(48)
    assert torch.allclose(L2(0.2).project(images, center), torch.full_like(images, expected), atol=1e-6)


def test_linf_projection_clips_each_pixel():
    center, images = torch.full((1, 1, 1, 3), 0.5), torch.tensor([[[[0.0, 0.55, 0.9]]]])
    assert torch.allclose(Linf(0.1).project(images, center), torch.tensor([[[[0.4, 0.55, 0.6]]]]))


@given(ball=bounded, eps=radii, seed=seeds, scale=st.floats(1e-3, 100.0))
def test_projection_lands_in_the_ball_and_in_the_box(ball, eps, seed, scale):
    ball, center = ball(eps), centers(3, seed)
    projected = ball.project(center + noise(3, seed + 1, scale), center)
    assert (distance(ball, projected, center) <= eps * (1 + 1e-5) + 1e-6).all()
    assert projected.min() >= 0
    assert projected.max() <= 1


@given(ball=bounded, eps=radii, seed=seeds)
def test_projection_is_idempotent(ball, eps, seed):
    ball, center = ball(eps), centers(3, seed)
    once = ball.project(center + noise(3, seed + 1), center)
    assert torch.allclose(ball.project(once, center), once, atol=1e-6)


@given(ball=bounded, eps=radii, seed=seeds)
def test_projection_leaves_points_inside_alone(ball, eps, seed):
    ball, center = ball(eps), centers(3, seed)
    offset = noise(3, seed + 1)
    inside = center + offset * (0.9 * eps / distance(ball, offset, torch.zeros(())).float())[:, None, None, None]
    inside = inside.clamp(0, 1)
    assert torch.allclose(ball.project(inside, center), inside, atol=1e-6)


@pytest.mark.parametrize("exponent", [-30, -20, -10, 0, 10, 25])
@pytest.mark.parametrize("ball", [L2(1.0), Linf(1.0), Unbounded()], ids=["L2", "Linf", "Unbounded"])
def test_step_has_the_stated_norm_whatever_the_size_of_the_gradient(ball, exponent):
    step = ball.step(noise(3, 0, 10.0**exponent), 0.3)
    norm = distance(Linf() if isinstance(ball, Linf) else L2(), step, torch.zeros(()))
    assert norm.tolist() == pytest.approx([0.3] * 3, rel=1e-5)


@given(ball=bounded, seed=seeds)
def test_step_lowers_a_linear_loss_more_than_any_other_step_of_its_norm(ball, seed):
    gradient, other = noise(2, seed), noise(2, seed + 1)
    step = ball(1.0).step(gradient, 0.1)
    other = other * (0.1 / distance(ball(1.0), other, torch.zeros(())).float())[:, None, None, None]
    lowered = (gradient * step).flatten(1).sum(1)
    assert (lowered < 0).all()
    assert (lowered <= (gradient * other).flatten(1).sum(1)).all()


@pytest.mark.parametrize("ball", [L2(1.0), Linf(1.0), Unbounded()], ids=["L2", "Linf", "Unbounded"])
def test_an_image_without_gradient_stays_and_the_others_move(ball):
    gradient = noise(3, 0)
    gradient[1] = 0
    step = ball.step(gradient, 0.1)
    assert torch.equal(step[1], torch.zeros_like(step[1]))
    assert (step[[0, 2]].flatten(1).abs().amax(1) > 0).all()


@given(ball=bounded, eps=radii, seed=seeds)
def test_random_points_are_in_the_ball_and_in_the_box(ball, eps, seed):
    ball, center = ball(eps), centers(4, seed)
    points = ball.random(center, generators(seed, 4))
    assert (distance(ball, points, center) <= eps * (1 + 1e-5) + 1e-6).all()
    assert points.min() >= 0
    assert points.max() <= 1


@pytest.mark.parametrize(("ball", "dimensions"), [(L2(0.2), 3), (Linf(0.2), 3)])
def test_random_points_fill_the_ball_uniformly(ball, dimensions):
    """The distance of a uniform point, to the power of the dimension, is itself uniform on [0, 1]."""
    center = torch.full((4000, 3, 1, 1), 0.5)
    points = ball.random(center, generators(0, 4000))
    share = (distance(ball, points, center) / 0.2) ** dimensions
    assert np.quantile(share.numpy(), [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.03)
    assert (points - center).mean((0, 2, 3)).abs().max() < 0.01


def test_unbounded_random_points_are_noise_in_the_box():
    points = Unbounded().random(images(50), generators(0, 50))
    assert np.quantile(points.numpy(), [0.0, 0.25, 0.5, 1.0]) == pytest.approx([0, 0.25, 0.5, 1], abs=0.02)


def test_a_random_point_depends_on_its_own_generator_alone():
    together = L2(0.5).random(images(4), generators(7, 4))
    alone = L2(0.5).random(images(4)[2:3], generators(7, 1, first=2))
    assert torch.equal(together[2:3], alone)
    assert len(torch.unique(together - images(4), dim=0)) == 4


@pytest.mark.parametrize("ball", BOUNDED)
def test_a_radius_for_each_image_equals_a_loop_over_the_images(ball):
    eps, center, moved = torch.tensor([0.01, 0.3, 2.0]), centers(3, 0), centers(3, 1)
    batch, rows = ball(eps), [slice(i, i + 1) for i in range(3)]
    loop = torch.cat([ball(float(e)).project(moved[r], center[r]) for e, r in zip(eps, rows, strict=True)])
    assert torch.allclose(batch.project(moved, center), loop, atol=1e-7)
    loop = torch.cat([ball(float(e)).step(moved[r], float(e)) for e, r in zip(eps, rows, strict=True)])
    assert torch.allclose(batch.step(moved, eps), loop, atol=1e-7)
    rng = generators(0, 3)
    loop = torch.cat([ball(float(eps[i])).random(center[rows[i]], [rng[i]]) for i in range(3)])
    assert torch.allclose(batch.random(center, generators(0, 3)), loop, atol=1e-7)


@pytest.mark.parametrize("ball", BOUNDED)
def test_select_takes_the_radii_of_the_selected_images(ball):
    selected = ball(torch.tensor([0.1, 0.2, 0.3])).select(torch.tensor([2, 0]))
    assert selected == ball(selected.eps)
    assert selected.eps.tolist() == pytest.approx([0.3, 0.1])
    assert ball(0.5).select(torch.tensor([1])) == ball(0.5)


@pytest.mark.parametrize("eps", [0, -1.0, math.nan, torch.tensor([0.5, 0.0]), torch.tensor([math.nan, 1.0])], ids=repr)
@pytest.mark.parametrize("ball", BOUNDED)
def test_a_radius_that_is_not_positive_is_refused(ball, eps):
    with pytest.raises(InputError, match="eps must be positive"):
        ball(eps)


@pytest.mark.parametrize("eps", [[1.0, 2.0], "1", None, torch.ones(2, 1, 1, 1)], ids=repr)
def test_a_radius_is_a_number_or_a_tensor_of_one_for_each_image(eps):
    with pytest.raises(InputError, match=r"eps must be a number or .*\(N,\), one for each image, not"):
        L2(eps)


@pytest.mark.parametrize("ball", [L2(0.5), Linf(0.1), Unbounded()], ids=["L2", "Linf", "Unbounded"])
def test_a_ball_inside_a_mask_moves_nothing_else_and_is_the_ball_within(ball):
    mask = torch.zeros(3, 1, 4, 4)
    mask[:, :, 1:3, 1:3] = 1
    inside, center = Inside(ball, mask), torch.rand(3, 3, 4, 4)
    away = center + torch.randn(3, 3, 4, 4)
    rng = [torch.Generator().manual_seed(i) for i in range(3)]
    for moved in (inside.project(away, center), inside.random(center, rng)):
        assert torch.equal(moved[mask.expand_as(moved) == 0], center[mask.expand_as(moved) == 0])
        assert torch.allclose(ball.project(moved, center), moved, atol=1e-6)
        assert not torch.equal(moved, center)
    step = inside.step(torch.randn(3, 3, 4, 4), 0.2)
    assert (step[mask.expand_as(step) == 0] == 0).all()
    if not isinstance(ball, Linf):
        assert torch.allclose(norms(step), torch.full((3,), 0.2))
    one = inside.select(torch.tensor([1]))
    assert torch.equal(one.project(away[1:2], center[1:2]), inside.project(away, center)[1:2])
    assert inside.eps == ball.eps
