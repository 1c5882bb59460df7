import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pellucid.style.losses import (
    STYLE_LOSSES,
    Covariance,
    Gram,
    Statistics,
    Wasserstein,
    content_distance,
    total_variation,
)


def features(seed, channels=5, height=6, width=7, scale=1.0, shift=0.0):
    noise = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(seed))
    return scale * noise + shift


def published_gram_loss(ours, theirs):
    """As the 2019 experiments wrote it: `mse_loss` of `F Fᵀ / (B·C·H·W)`."""

    def gram(f):
        b, c, h, w = f.shape
        rows = f.reshape(b * c, h * w)
        return rows @ rows.T / (b * c * h * w)

    return nn.functional.mse_loss(gram(ours), gram(theirs))


# Gram


def test_gram_is_the_published_loss_also_between_pictures_of_different_size():
    ours, theirs = features(0), features(1, height=9, width=4, shift=0.5)
    found = Gram(Statistics.of(theirs))(Statistics.of(ours))
    assert found == pytest.approx(float(published_gram_loss(ours, theirs)), rel=1e-5)


def test_the_gradient_of_the_gram_loss_is_the_published_ones():
    theirs, gradients = features(1), []
    for loss in (lambda f: Gram(Statistics.of(theirs))(Statistics.of(f)), lambda f: published_gram_loss(f, theirs)):
        ours = features(0).requires_grad_()
        gradients.append(torch.autograd.grad(loss(ours), ours)[0])
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-9)


def test_memory_layout_does_not_matter():
    ours = features(0)
    plain, last = Statistics.of(ours), Statistics.of(ours.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(plain.second, last.second, rtol=1e-5)


# Covariance


def test_covariances_are_torchs():
    ours = features(0, shift=2.0)
    assert torch.allclose(Statistics.of(ours).covariance, torch.cov(ours[0].flatten(1), correction=0), atol=1e-5)


def test_a_shift_of_the_features_changes_grams_and_not_covariances():
    ours = features(0)
    target = Statistics.of(ours)
    moved = Statistics.of(ours + 3.0)
    assert Covariance(target)(moved) == pytest.approx(0.0, abs=1e-8)
    assert Gram(target)(moved) > 0.1


def test_the_covariance_loss_is_that_of_grams_of_centered_features():
    ours, theirs = features(0, shift=1.0), features(1, shift=-0.5)
    centered = [f - f.mean((2, 3), keepdim=True) for f in (ours, theirs)]
    found = Covariance(Statistics.of(theirs))(Statistics.of(ours))
    assert found == pytest.approx(float(published_gram_loss(*centered)), rel=1e-4)


# Wasserstein


def gaussian_w2(mean, cov, other_mean, other_cov):
    """The distance by scipy-free means: roots by eigenvalues of a matrix that need not be symmetric."""
    roots = torch.linalg.eigvals(cov @ other_cov).real.clamp_min(0).sqrt()
    return float((mean - other_mean).square().sum() + cov.trace() + other_cov.trace() - 2 * roots.sum())


def test_wasserstein_is_the_closed_form():
    ours, theirs = features(0, scale=1.5), features(1, shift=0.7)
    a, b = Statistics.of(ours), Statistics.of(theirs)
    expected = gaussian_w2(a.mean.double(), a.covariance.double(), b.mean.double(), b.covariance.double())
    assert float(Wasserstein(b)(a)) == pytest.approx(expected, rel=1e-3)


def test_wasserstein_of_one_channel_is_that_of_mean_and_deviation():
    ours, theirs = features(0, channels=1, scale=3.0), features(1, channels=1, shift=2.0)
    deviation = ours.std(correction=0) - theirs.std(correction=0)
    expected = float((ours.mean() - theirs.mean()).square() + deviation.square())
    assert float(Wasserstein(Statistics.of(theirs))(Statistics.of(ours))) == pytest.approx(expected, rel=1e-3)


def test_the_gradient_of_wasserstein_is_that_of_finite_differences():
    ours, target = features(0, channels=3).double(), Wasserstein(Statistics.of(features(1, channels=3, shift=1.0)))

    def loss(f):
        rows = f[0].flatten(1)
        return target(Statistics(torch.tensor(float(rows.shape[1])).double(), rows.sum(1), rows @ rows.T)).double()

    where = ours.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(where), where)
    direction = torch.randn(ours.shape, generator=torch.Generator().manual_seed(3)).double()
    step = 1e-2
    differences = float(loss(ours + step * direction) - loss(ours - step * direction)) / (2 * step)
    assert float((slope * direction).sum()) == pytest.approx(differences, rel=1e-2)


def test_the_gradient_of_wasserstein_is_finite_for_units_that_are_off_and_for_equal_units():
    ours = features(0, channels=4)
    ours[:, 1], ours[:, 3] = 0.0, ours[:, 2]
    ours.requires_grad_()
    for theirs in (features(1, channels=4), torch.zeros(1, 4, 3, 3), ours.detach()):
        (gradient,) = torch.autograd.grad(Wasserstein(Statistics.of(theirs))(Statistics.of(ours)), ours)
        assert gradient.isfinite().all()


def test_wasserstein_is_finite_where_rounding_makes_eigenvalues_negative():
    """Forty channels at six positions, a million times as large as the target's: all but five eigenvalues are noise."""
    target = Wasserstein(Statistics.of(features(1, channels=40, height=2, width=3)))
    ours = features(0, channels=40, height=2, width=3, scale=1e6).requires_grad_()
    loss = target(Statistics.of(ours))
    assert loss.isfinite()
    assert torch.autograd.grad(loss, ours)[0].isfinite().all()


# All of them


@pytest.mark.parametrize("name", STYLE_LOSSES)
@given(seed=st.integers(0, 100), scale=st.floats(0.1, 10), shift=st.floats(-3, 3))
def test_a_style_loss_is_not_negative_and_zero_for_the_style_itself(name, seed, scale, shift):
    ours = Statistics.of(features(seed, scale=scale, shift=shift))
    loss = STYLE_LOSSES[name](Statistics.of(features(seed + 1)))
    assert float(loss(ours)) >= 0
    own = STYLE_LOSSES[name](ours)
    assert float(own(ours)) <= 1e-6 * float(own(Statistics(ours.weight, 0 * ours.first, 0 * ours.second)))


@given(cut=st.integers(1, 5), masked=st.booleans())
def test_statistics_add_up_over_parts(cut, masked):
    ours = features(0, shift=1.0)
    mask = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(1)) if masked else None
    parts = [
        Statistics.of(ours[:, :, rows], None if mask is None else mask[:, :, rows])
        for rows in (slice(cut), slice(cut, None))
    ]
    whole, added = Statistics.of(ours, mask), parts[0] + parts[1]
    for name in ("mean", "moment", "covariance"):
        assert torch.allclose(getattr(whole, name), getattr(added, name), atol=1e-5)


def test_a_mask_of_zeros_and_ones_chooses_positions():
    ours = features(0)
    mask = torch.zeros(1, 1, 6, 7)
    mask[:, :, :2, 3:] = 1
    chosen = Statistics.of(ours[:, :, :2, 3:])
    assert torch.allclose(Statistics.of(ours, mask).covariance, chosen.covariance, atol=1e-6)


def test_a_mixture_of_statistics_is_that_of_the_positions_together():
    ours, theirs = features(0), features(1, shift=2.0)
    both = Statistics.of(torch.cat([ours, theirs], dim=3))
    mixed = Statistics.of(ours).mixed(Statistics.of(theirs), 0.5)
    assert torch.allclose(both.covariance, mixed.covariance, atol=1e-5)
    more = Statistics.of(torch.cat([ours, ours, ours, theirs], dim=3))
    mostly_ours = Statistics.of(ours).mixed(Statistics.of(theirs), 0.25)
    for name in ("mean", "moment"):
        assert torch.allclose(getattr(more, name), getattr(mostly_ours, name), atol=1e-5)


def test_content_and_smoothness_by_hand():
    assert content_distance(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0])) == 5
    image = torch.tensor([[[[0.0, 1.0, 1.0], [0.0, 0.0, 0.5]]]])
    rows = (0 + 1 + 0.25) / 3
    columns = (1 + 0 + 0 + 0.25) / 4
    assert float(total_variation(image)) == pytest.approx(rows + columns)


@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_of_the_second_moment_is_autograds(masked):
    mask = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(2)) if masked else None
    slope = torch.randn(5, 5, generator=torch.Generator().manual_seed(3))  # not symmetric
    ours, plain = features(0).requires_grad_(), features(0).requires_grad_()
    rows = plain[0].flatten(1)
    share = torch.ones(42) if mask is None else mask.flatten()
    (gradient,) = torch.autograd.grad((Statistics.of(ours, mask).second * slope).sum(), ours)
    (expected,) = torch.autograd.grad((rows * share @ rows.T * slope).sum(), plain)
    assert torch.allclose(gradient, expected, atol=1e-5)
