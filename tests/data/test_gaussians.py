import math
import weakref

import numpy as np
import pytest
import torch
from helpers import pictures

import pellucid.data.gaussians as gaussians_module
from pellucid import ClassGaussians, InputError, fit_gaussians
from pellucid.core.batch import generators
from pellucid.data.dataset import Dataset, Split
from pellucid.data.gaussians import check_fit

RIDGE = 1e-4


def split(count, size=2, classes=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    return Split(images, torch.arange(count) % classes)


def rows_of(split, label=0, grain=1):
    """A class as numpy rows of block means."""
    images = split.images[split.labels == label].numpy().astype(np.float64) / 255
    n, c, h, w = images.shape
    return images.reshape(n, c, h // grain, grain, w // grain, grain).mean((3, 5)).reshape(n, -1)


def covariance(rows):
    return np.cov(rows.T, ddof=0)


def test_gray_images_have_gaussians_of_one_channel():
    gray = Split(split(6, 4).images[:, :1], torch.zeros(6, dtype=torch.int64))
    fitted = fit_gaussians(gray, 1, grain=2)
    assert fitted.shape == (1, 2, 2)
    assert fitted.sample(torch.tensor([0]), generators(0, 1)).shape == (1, 1, 4, 4)


def by_hand(means, factors, noise=0.0):
    """Gaussians over single pixels."""
    means, factors = torch.tensor(means), torch.tensor(factors)
    return ClassGaussians(means, factors, torch.full((len(means),), noise), (3, 1, 1), 1, 1.0)


# Fitting: against numpy's covariance


@pytest.mark.parametrize("grain", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_class_with_fewer_images_than_dimensions_keeps_its_covariance_exactly(count, grain):
    data = split(count, size=2 * grain)
    gaussians = fit_gaussians(data, 1, grain=grain)
    rows = rows_of(data, grain=grain)
    np.testing.assert_allclose(gaussians.means[0], rows.mean(0), atol=1e-6)
    expected = (rows - rows.mean(0)).T @ (rows - rows.mean(0)) / count + RIDGE * np.eye(12)
    np.testing.assert_allclose(gaussians.covariance(0), expected, atol=1e-6)
    assert gaussians.kept == pytest.approx(1)


@pytest.mark.parametrize("count", [12, 60])
def test_all_eigenvectors_keep_the_covariance_exactly(count):
    data = split(count)
    gaussians = fit_gaussians(data, 1, rank=12)
    np.testing.assert_allclose(gaussians.covariance(0), covariance(rows_of(data)) + RIDGE * np.eye(12), atol=1e-6)
    assert gaussians.kept == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("rank", [1, 4, 11])
def test_fewer_eigenvectors_keep_the_leading_ones_and_the_total_variance(rank):
    data = split(60)
    gaussians = fit_gaussians(data, 1, rank=rank)
    expected = np.linalg.eigvalsh(covariance(rows_of(data)))
    made = np.linalg.eigvalsh(gaussians.covariance(0).numpy()) - RIDGE
    np.testing.assert_allclose(made[-rank:], expected[-rank:], atol=1e-6)
    np.testing.assert_allclose(made[:-rank], expected[:-rank].mean(), atol=1e-6)
    assert made.sum() == pytest.approx(expected.sum(), abs=1e-5)
    assert gaussians.kept == pytest.approx(expected[-rank:].sum() / expected.sum(), abs=1e-5)
    assert gaussians.factors.shape == (1, rank, 12)


@pytest.mark.parametrize("rank", [1, 3])
def test_a_class_with_fewer_images_than_dimensions_keeps_the_leading_eigenvectors_too(rank):
    data = split(6)
    gaussians = fit_gaussians(data, 1, rank=rank)
    expected = np.linalg.eigvalsh(covariance(rows_of(data)))
    made = np.linalg.eigvalsh(gaussians.covariance(0).numpy()) - RIDGE
    np.testing.assert_allclose(made[-rank:], expected[-rank:], atol=1e-6)
    np.testing.assert_allclose(made[:-rank], expected[:-rank].mean(), atol=1e-6)
    assert gaussians.kept == pytest.approx(expected[-rank:].sum() / expected.sum(), abs=1e-5)
    assert gaussians.factors.shape == (1, rank, 12)


def test_more_images_and_dimensions_than_are_held_at_once_give_the_leading_ones_to_a_percent(monkeypatch):
    """Directions whose variances fall as those of photos do, against numpy's covariance of all rows."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(192, 192, generator=generator))[0]
    rows = torch.randn(600, 192, generator=generator) * torch.arange(1, 193) ** -0.8 @ basis
    data = Split((rows.reshape(600, 3, 8, 8) * 60 + 128).clamp(0, 255).byte(), torch.zeros(600, dtype=torch.int64))
    monkeypatch.setattr(gaussians_module, "KEEP", 40)
    monkeypatch.setattr(gaussians_module, "BLOCK", 32)
    gaussians = fit_gaussians(data, 1, rank=10)
    expected = np.linalg.eigvalsh(covariance(rows_of(data)))
    made = np.linalg.eigvalsh(gaussians.covariance(0).numpy()) - RIDGE
    np.testing.assert_allclose(made[-10:], expected[-10:], rtol=0.01)
    assert made.sum() == pytest.approx(expected.sum(), rel=1e-5)


def test_memory_does_not_grow_with_the_images():
    held, most = [], []

    class Watched(Split):
        def batch(self, index):
            images, labels = super().batch(index)
            held.append(weakref.ref(images))
            most.append((len(images), sum(reference() is not None for reference in held)))
            return images, labels

    data = split(3000)
    fit_gaussians(Watched(data.images, data.labels), 1)
    assert len(most) > 10
    assert max(count for count, _ in most) <= 256
    assert max(alive for _, alive in most) <= 2


def test_images_are_first_brought_to_the_size_of_the_classifier():
    data = split(5, size=8)
    gaussians = fit_gaussians(data, 1, size=4)
    assert gaussians.shape == (3, 4, 4)
    expected = torch.nn.functional.interpolate(
        data.images.float() / 255, (4, 4), mode="bilinear", antialias=True, align_corners=False
    )
    assert torch.allclose(gaussians.means[0], expected.flatten(1).mean(0), atol=1e-5)


def test_each_class_is_fitted_to_its_own_images_though_they_differ_in_number():
    data = split(7, classes=2)  # 4 images and 3
    gaussians = fit_gaussians(data, 2)
    for label in (0, 1):
        expected = covariance(rows_of(data, label)) + RIDGE * np.eye(12)
        np.testing.assert_allclose(gaussians.covariance(label), expected, atol=1e-6)
        np.testing.assert_allclose(gaussians.means[label], rows_of(data, label).mean(0), atol=1e-6)


def test_images_that_are_all_the_same_have_only_the_ridge():
    data = Split(torch.full((20, 3, 2, 2), 51, dtype=torch.uint8), torch.zeros(20, dtype=torch.int64))
    gaussians = fit_gaussians(data, 1)
    assert torch.allclose(gaussians.means, torch.tensor(0.2))
    assert torch.allclose(gaussians.covariance(0), RIDGE * torch.eye(12), atol=1e-7)


# Drawing


def test_draws_have_the_mean_and_the_covariance():
    data = split(30)
    fitted = fit_gaussians(Split(data.images // 4 + 96, data.labels), 1, rank=5)  # far from 0 and 1
    draws = fitted.sample(torch.zeros(3000, dtype=torch.int64), generators(0, 3000)).flatten(1)
    expected = fitted.covariance(0)
    deviation = expected.diagonal().sqrt()
    assert ((draws.mean(0) - fitted.means[0]).abs() < 5 * deviation / math.sqrt(3000)).all()
    bound = 5 * math.sqrt(2 / 3000) * deviation[:, None] * deviation[None]
    assert ((torch.cov(draws.T, correction=0) - expected).abs() < bound).all()


def test_each_image_has_its_own_generator():
    gaussians = fit_gaussians(pictures(8), 3)
    together = gaussians.sample(torch.tensor([2, 0, 1]), generators(3, 3))
    alone = gaussians.sample(torch.tensor([1]), generators(3, 1, first=2))
    assert torch.equal(together[2:], alone)
    assert not torch.equal(together[:1], gaussians.sample(torch.tensor([2]), generators(4, 1)))


def test_draws_are_images():
    gaussians = by_hand([[0.5, 0.5, 0.5]], [[[3.0, 3.0, 3.0]]])
    draws = gaussians.sample(torch.zeros(50, dtype=torch.int64), generators(0, 50))
    assert draws.shape == (50, 3, 1, 1)
    assert draws.min() == 0
    assert draws.max() == 1


def test_a_draw_is_enlarged_by_the_grain():
    fine, coarse = fit_gaussians(split(4, size=4), 1), fit_gaussians(split(4, size=4), 1, grain=2)
    image = coarse.sample(torch.tensor([0]), generators(0, 1), "nearest")
    assert image.shape == (1, 3, 4, 4)
    smooth = torch.nn.functional.interpolate(image[:, :, ::2, ::2], (4, 4), mode="bicubic", align_corners=False)
    assert torch.equal(coarse.sample(torch.tensor([0]), generators(0, 1)), smooth.clamp(0, 1))
    small = image[:, :, ::2, ::2]
    assert torch.equal(image, small.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert (fine.shape, coarse.shape) == ((3, 4, 4), (3, 2, 2))


def test_a_mixture_draws_each_class_as_often_as_its_weight_says():
    gaussians = by_hand([[0.1] * 3, [0.5] * 3, [0.9] * 3], [[[0.0] * 3]] * 3)
    draws = gaussians.mixture({0: 1.0, 2: 3.0}, 800, generators(0, 800))[:, 0, 0, 0]
    assert set(draws.tolist()) == {gaussians.means[0, 0].item(), gaussians.means[2, 0].item()}
    assert (draws > 0.5).float().mean() == pytest.approx(0.75, abs=5 * math.sqrt(0.75 * 0.25 / 800))


def test_a_mixture_of_one_class_and_a_weight_of_zero_is_that_class():
    gaussians = by_hand([[0.1] * 3, [0.5] * 3], [[[0.0] * 3]] * 2)
    assert (gaussians.mixture({0: 0.0, 1: 2.0}, 20, generators(0, 20)) == 0.5).all()


# Errors


@pytest.mark.parametrize("weights", [{}, {0: 0.0}, {0: -1.0, 1: 2.0}, {0: math.inf}, {0: math.nan}])
def test_weights_that_make_no_mixture_are_refused(weights):
    with pytest.raises(InputError, match="mixture weights"):
        by_hand([[0.1] * 3] * 2, [[[0.0] * 3]] * 2).mixture(weights, 1, generators(0, 1))


@pytest.mark.parametrize("label", [-1, 1])
def test_a_class_without_a_gaussian_is_refused(label):
    with pytest.raises(InputError, match=f"class {label} has no Gaussian; there are 1"):
        by_hand([[0.1] * 3], [[[0.0] * 3]]).sample(torch.tensor([label]), generators(0, 1))


def test_a_class_without_images_is_refused():
    with pytest.raises(InputError, match="no training images to fit a Gaussian to in class 1;"):
        fit_gaussians(split(4), 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grain": 3}, "grain 3 does not divide 4 x 4"),
        ({"grain": 0}, "grain must be a whole number of at least 1"),
        ({"grain": -1}, "grain must be a whole number of at least 1"),
        ({"rank": 0}, "rank must be a whole number of at least 1"),
    ],
    ids=str,
)
def test_a_grain_that_does_not_divide_the_sides_and_a_rank_of_none_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        fit_gaussians(split(4, size=4), 1, **options)


# A mixture of several Gaussians a class


def two_kinds():
    """Two classes; 6 images of the first are dark and 2 light, of the second 3 and 5."""
    generator = torch.Generator().manual_seed(1)
    light = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1])
    pixels = torch.randint(0, 40, (16, 3, 8, 8), generator=generator) + 180 * light[:, None, None, None]
    return Split(pixels.byte(), torch.arange(16) // 8), light


def test_each_component_is_the_gaussian_of_its_images_and_weighs_their_share():
    data, light = two_kinds()
    fitted = fit_gaussians(data, 2, grain=4, components=2)
    assert (fitted.classes, fitted.means.shape, fitted.weights.shape) == (2, (4, 12), (2, 2))
    for label in (0, 1):
        places = [2 * label, 2 * label + 1]
        dark, bright = sorted(places, key=lambda place: float(fitted.means[place].mean()))
        for place, kind in ((dark, 0), (bright, 1)):
            chosen = (data.labels == label) & (light == kind)
            rows = rows_of(Split(data.images[chosen], data.labels[chosen]), label, grain=4)
            np.testing.assert_allclose(fitted.means[place], rows.mean(0), atol=1e-6)
            expected = covariance(rows) + RIDGE * np.eye(12)
            np.testing.assert_allclose(fitted.covariance(place), expected, atol=1e-6)
            assert float(fitted.weights[label, place % 2]) == len(rows) / 8


def test_a_draw_comes_from_a_component_as_often_as_it_weighs():
    fitted = fit_gaussians(two_kinds()[0], 2, components=2)
    labels = torch.arange(600) % 2
    means = fitted.sample(labels, generators(0, 600)).mean((1, 2, 3))
    for label, share in ((0, 2 / 8), (1, 5 / 8)):
        light = (means[labels == label] > 0.4).float().mean()
        assert light == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 300))
    alone = fitted.sample(labels[7:8], generators(0, 1, first=7))
    assert torch.equal(alone, fitted.sample(labels[:9], generators(0, 9))[7:8])


def test_one_component_is_the_gaussian_without_a_choice():
    data = two_kinds()[0]
    plain, one = fit_gaussians(data, 2), fit_gaussians(data, 2, components=1)
    assert one.weights is None
    labels = torch.tensor([0, 1])
    assert torch.equal(plain.sample(labels, generators(0, 2)), one.sample(labels, generators(0, 2)))


@pytest.mark.parametrize(("components", "message"), [(0, "components must be a whole"), (9, "class 0 has fewer")])
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_components_that_a_class_cannot_have_are_refused(components, message):
    with pytest.raises(InputError, match=message):
        fit_gaussians(two_kinds()[0], 2, components=components)


def test_labels_that_start_at_1_are_guessed():
    data = split(6, classes=2)
    data = Split(data.images, data.labels + 1)
    with pytest.raises(InputError, match=r"in class 0; each class needs at least one; .* do these labels start at 1"):
        fit_gaussians(data, 3)
    with pytest.raises(InputError, match=r"labels go up to 2, but there are 2 classes; .* these at 1"):
        Dataset("pets", data, data, ["cat", "dog"])


def test_gaussians_that_memory_cannot_hold_are_refused():
    with pytest.raises(InputError, match="20000 Gaussians of 1 x 37632000000 numbers would take"):
        check_fit(split(1), ["cat"] * 1, 1, 48, (112_000, 112_000), 20_000)
