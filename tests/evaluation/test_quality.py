"""Inception Score, FID, KID, precision and recall against closed forms, and against numpy."""

import math

import numpy as np
import pytest
import torch
from helpers import conv_classifier
from torch import nn

from pellucid import Classifier, Inception, InputError, QualityRecipe, Split, quality
from pellucid.data.image import cover
from pellucid.evaluation.quality import share_within

WIDTH = 12  # pixels of a 2 x 2 image, which are its features
FEW = QualityRecipe(splits=1, subsets=3)


def pixels_classifier():
    """Features are the pixels; logits are linear."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(WIDTH, 3))
    with torch.no_grad():
        network[1].weight.copy_(torch.randn(3, WIDTH, generator=torch.Generator().manual_seed(3)) * 4)
        network[1].bias.zero_()
    return Classifier(network)


def drawn(count, mean=0.5, deviation=0.05, seed=0):
    """Images whose pixels have exactly this mean and, uncorrelated, this deviation."""
    rows = torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rows -= rows.mean(0)
    rows = rows @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(rows.T))).T
    return (mean + deviation * rows).reshape(-1, 3, 2, 2).float()


def features(images):
    return images.flatten(1).double().numpy()


# FID


def test_fid_of_two_gaussians_is_their_distance_in_closed_form():
    found = quality(drawn(60, 0.5, 0.04), drawn(50, 0.55, 0.07, seed=1), pixels_classifier(), FEW)
    assert found.fid == pytest.approx(WIDTH * (0.05**2 + 0.03**2), rel=1e-4)
    assert (found.count, found.real_count) == (60, 50)


def test_fid_of_correlated_features_is_that_of_the_matrix_root():
    linalg = pytest.importorskip("scipy.linalg")
    mix = torch.eye(WIDTH) + 0.4 * torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(4)) / 3
    a = ((drawn(60, 0.0).flatten(1) @ mix) + 0.5).reshape(-1, 3, 2, 2)
    b = drawn(70, 0.5, 0.06, seed=2)
    (m, s), (n, t) = ((features(x).mean(0), np.cov(features(x).T)) for x in (a, b))
    expected = ((m - n) ** 2).sum() + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    assert quality(a, b, pixels_classifier(), FEW).fid == pytest.approx(expected, rel=1e-6)


def test_a_set_is_at_no_distance_from_itself_and_far_from_noise():
    images = drawn(60)
    classifier = pixels_classifier()
    own = quality(images, images, classifier, FEW)
    noise = quality(torch.rand(images.shape, generator=torch.Generator().manual_seed(1)), images, classifier, FEW)
    assert abs(own.fid) < 1e-9
    assert (own.precision, own.recall) == (1, 1)
    assert noise.fid > 0.5
    assert noise.kid > 5 * abs(own.kid)


@pytest.mark.parametrize("count", [WIDTH, WIDTH + 1])
def test_too_few_images_have_no_fid_and_a_warning_says_so(count):
    recipe = QualityRecipe(splits=2, subsets=2)
    few = torch.rand(count, 3, 2, 2)
    if count > WIDTH:
        assert quality(few, drawn(60), pixels_classifier(), recipe).fid is not None
        return
    with pytest.warns(UserWarning, match=r"FID is left out: .* \(12\), and the smaller set has 12; KID"):
        found = quality(drawn(60), few, pixels_classifier(), recipe)
    assert found.fid is None
    assert math.isfinite(found.kid)


# Inception Score


def test_the_inception_score_is_that_of_the_formula():
    images, classifier = drawn(50, deviation=0.15), pixels_classifier()
    with torch.no_grad():
        p = classifier(images).logits.double().softmax(1).numpy()
    expected = np.exp(np.mean((p * np.log(p / p.mean(0))).sum(1)))
    assert quality(images, images, classifier, FEW).inception_score == pytest.approx(expected, rel=1e-6)


def test_the_inception_score_is_the_number_of_classes_for_sure_and_balanced_images_and_1_for_equal_ones():
    classifier = pixels_classifier()
    with torch.no_grad():
        classifier.network[1].weight.copy_(200 * torch.eye(3, WIDTH))
    sure = torch.zeros(60, WIDTH)
    sure[torch.arange(60), torch.arange(60) % 3] = 1
    sure = sure.reshape(-1, 3, 2, 2)
    found = quality(sure, drawn(60), classifier, FEW)
    assert found.inception_score == pytest.approx(3)
    assert math.isnan(found.inception_score_std)
    assert quality(sure[:1].expand(60, -1, -1, -1), drawn(60), classifier).inception_score == pytest.approx(1)


# KID


def test_kid_over_subsets_has_the_mean_of_the_unbiased_estimate_over_all_pairs():
    a, b = drawn(60, 0.5, 0.1), drawn(80, 0.53, 0.12, seed=1)
    found = quality(a, b, pixels_classifier(), QualityRecipe(subsets=400))
    x, y = features(a), features(b)

    def kernel(u, v):
        return (u @ v.T / WIDTH + 1) ** 3

    def apart(k):
        return (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))

    expected = apart(kernel(x, x)) + apart(kernel(y, y)) - 2 * kernel(x, y).mean()
    assert abs(found.kid - expected) < 5 * found.kid_std / math.sqrt(400)


# Precision and recall


def test_precision_and_recall_are_those_of_loops():
    a, b = drawn(40, 0.5, 0.06), drawn(50, 0.52, 0.05, seed=1)
    found = quality(a, b, pixels_classifier(), FEW)

    def share(points, of):
        radii = [sorted(np.linalg.norm(of - row, axis=1))[3] for row in of]
        return np.mean([any(np.linalg.norm(of - p, axis=1) <= radii) for p in points])

    assert 0 < found.precision < found.recall < 1
    assert found.precision == pytest.approx(share(features(a), features(b)))
    assert found.recall == pytest.approx(share(features(b), features(a)))


def test_of_disjoint_sets_there_is_neither_and_of_one_repeated_image_precision_alone():
    real = drawn(40)
    apart = quality(drawn(40, 0.1, 0.01, seed=1), real, pixels_classifier(), FEW)
    assert (apart.precision, apart.recall) == (0, 0)
    collapsed = (real[:1] + 1e-3 * drawn(40, 0.0, 1.0, seed=2)).clamp(0, 1)
    found = quality(collapsed, real, pixels_classifier(), FEW)
    assert found.precision == 1
    assert found.recall < 0.1


def test_chunks_of_the_distances_change_nothing(monkeypatch):
    a, b = drawn(40, 0.5, 0.08).flatten(1), drawn(50, 0.53, 0.05, seed=1).flatten(1)
    whole = share_within(a, b, 3)
    monkeypatch.setattr("pellucid.evaluation.quality.ROWS", 7)
    assert share_within(a, b, 3) == whole


# Which images, whose features


def test_images_are_read_some_at_a_time_and_at_the_size_of_the_classifier(monkeypatch):
    classifier = conv_classifier()
    classifier.card["size"] = 8
    made, real = torch.rand(40, 3, 12, 12), torch.rand(40, 3, 8, 8)
    recipe = QualityRecipe(subsets=2)
    expected = quality(cover(made, 8), real, classifier, recipe)
    monkeypatch.setattr("pellucid.evaluation.features.READ", 7)
    found = quality(made, Split(real, torch.arange(40) % 4), classifier, recipe)
    assert found.fid == pytest.approx(expected.fid, rel=1e-4)
    assert found.inception_score == pytest.approx(expected.inception_score, rel=1e-6)


def test_what_holds_features_takes_a_part_of_the_images_and_sums_take_all():
    a, b, classifier = drawn(60), drawn(60, 0.52, 0.06, seed=1), pixels_classifier()
    whole, part = quality(a, b, classifier), quality(a, b, classifier, QualityRecipe(kept=24))
    assert (part.fid, part.inception_score) == (whole.fid, whole.inception_score)
    assert part.kid != whole.kid
    assert quality(a, b, classifier, QualityRecipe(kept=24)) == part  # by the seed
    assert quality(a, b, classifier, QualityRecipe(kept=24), seed=1).kid != part.kid


def test_the_global_random_state_is_left_alone():
    classifier = pixels_classifier()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    quality(drawn(40), drawn(40), classifier, FEW)
    assert torch.equal(torch.rand(3), expected)


def test_the_features_are_named_and_what_compares_is_said():
    images = drawn(40)
    named = quality(images, images, pixels_classifier(), FEW, name="mine").to_json()
    assert (named["features"], named["comparable_with_published"]) == ("mine", False)
    assert quality(images, images, pixels_classifier(), FEW).features.startswith("classifier ")


def test_mistakes_are_one_line():
    images, classifier = drawn(40), pixels_classifier()
    with pytest.raises(InputError, match="19 real images are too few; give at least 20"):
        quality(images, images[:19], classifier)
    with pytest.raises(InputError, match="kept must be at least 4, not 3"):
        QualityRecipe(kept=3)
    with pytest.raises(InputError, match="give the network as"):
        quality(images, images, classifier.network)
    with torch.no_grad():
        classifier.network[1].bias.fill_(torch.nan)
    with pytest.raises(InputError, match="features of images 0 to 39 are not finite"):
        quality(images, images, classifier)


def test_inception_says_what_to_install_or_where_its_weights_go(monkeypatch, tmp_path):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))

    def offline(*args, **options):
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(InputError, match=r"pellucid\[quality\]|download https.*and put it at .*downloads/weights-"):
        Inception("cpu")
