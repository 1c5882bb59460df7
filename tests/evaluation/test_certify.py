"""Certificates of smoothed classifiers: a linear one, whose distance is known, other libraries' bounds, the command."""

import json

import numpy as np
import pytest
import torch
from evaluation_helpers import flat_classifier, gray_split, radii
from helpers import PETS, pictures
from scipy.stats import binomtest

from pellucid import Certified, CertifyRecipe, Classifier, InputError, RandomizedSmoothing, certify
from pellucid.cli.main import main
from pellucid.data.dataset import Split
from pellucid.evaluation.certify import certified_radius
from pellucid.evaluation.intervals import clopper_pearson
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.networks import build

SIGMA = 0.05  # as far as the images are from the plane


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (7, 10), (10, 10), (990, 1000)])
def test_the_bounds_are_scipy_s_exact_interval(hits, count):
    low, high = clopper_pearson(hits, count, 0.01)
    exact = binomtest(hits, count).proportion_ci(0.98, "exact")  # 1% on either side
    assert (low, high) == pytest.approx((exact.low, exact.high))
    assert binomtest(hits, count, alternative="greater").proportion_ci(0.99, "exact").low == pytest.approx(low)


def test_certified_radii_of_a_linear_classifier_approach_its_distance_from_below():
    """P(f(x + σ z) = c) = Φ(distance / σ), so σ Φ⁻¹(P) is the distance itself."""
    classifier, split = flat_classifier(), gray_split(20)
    distance = radii(classifier, split, 2)
    short = []
    for samples in (100, 3000):
        made = certify(classifier, split, CertifyRecipe(sigma=SIGMA, samples=(50, samples), alpha=1e-4))
        right, sure = made.predicted == split.labels, made.predicted >= 0
        assert bool((right == (distance > 0))[sure].all())
        assert bool((made.radius <= distance.abs() + 1e-6)[sure].all())
        near = distance.abs() < 1.5 * SIGMA  # beyond, all samples agree and the bound is theirs
        short.append(float((distance.abs() - made.radius)[near].mean()))
    assert 0 < short[1] < short[0] / 3
    assert short[1] < 0.15 * SIGMA


def test_shares_by_radius_are_counted_from_the_images():
    made = Certified(
        torch.arange(4), torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1, 0, -1]),
        torch.tensor([0.1, 0.35, 0.4, 0.0], dtype=torch.float64), 0.2,
    )  # fmt: skip
    assert [made.accuracy(radius) for radius in (0.0, 0.1, 0.2, 0.4)] == [0.5, 0.5, 0.25, 0.0]
    assert made.average_radius == pytest.approx(0.1125)
    assert made.to_json()["certified"] == {"0": 0.5, "0.1": 0.5, "0.2": 0.25, "0.3": 0.25, "0.4": 0.0}
    assert made.to_json()["abstained"] == 0.25


def test_an_image_has_its_own_noise_whatever_the_batches_and_the_images_beside_it():
    classifier, split = flat_classifier(), gray_split(12)
    made = certify(classifier, split, CertifyRecipe(SIGMA, (20, 90)))
    other = certify(classifier, split, CertifyRecipe(SIGMA, (20, 90), batch_size=7))
    assert torch.equal(made.radius, other.radius)
    few = certify(classifier, split, CertifyRecipe(SIGMA, (20, 90), count=5))
    assert torch.equal(few.radius, made.radius[few.index])
    assert not torch.equal(certify(classifier, split, CertifyRecipe(SIGMA, (20, 90)), seed=1).radius, made.radius)
    alike = Split(split.images[made.radius.argmax()].expand(6, -1, -1, -1), split.labels[:1].expand(6))
    assert len(certify(classifier, alike, CertifyRecipe(SIGMA, (20, 90))).radius.unique()) > 1


def test_pgd_stands_beside_and_breaks_no_certificate():
    classifier, split = flat_classifier(), gray_split(20)
    with torch.no_grad():  # steep, so that the mean of softmaxes is the vote
        classifier.network[1].weight.mul_(200)
        classifier.network[1].bias.mul_(200)
    made = certify(classifier, split, CertifyRecipe(SIGMA, (50, 300), eps=(0.01, 0.05), attack_samples=64))
    assert set(made.empirical) == {0.01, 0.05}
    assert all(0 < made.accuracy(eps) <= share for eps, share in made.empirical.items())
    assert made.empirical[0.05] < made.empirical[0.01]


def test_what_abstains_is_certified_for_nothing():
    assert certified_radius(0, CertifyRecipe()) == certified_radius(510, CertifyRecipe()) == 0
    classifier, split = flat_classifier(), gray_split(3)
    with torch.no_grad():
        classifier.network[1].bias.fill_(float("nan"))
    made = certify(classifier, split, CertifyRecipe(SIGMA, (4, 20)))
    assert made.predicted.tolist() == [-1] * 3
    assert made.accuracy() == 0


def test_it_goes_on_where_it_was_stopped(tmp_path):
    classifier, split, recipe = flat_classifier(), gray_split(25), CertifyRecipe(SIGMA, (4, 20))

    def stop(share):
        if share >= 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        certify(classifier, split, recipe, parts=tmp_path, callback=stop)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(kept) == 1
    made = certify(classifier, split, recipe, parts=tmp_path)
    assert torch.equal(made.radius, certify(classifier, split, recipe).radius)
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in kept} == kept
    other = certify(classifier, split, CertifyRecipe(SIGMA, (4, 30)), parts=tmp_path)
    assert not torch.equal(other.radius, made.radius)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": 0.0}, "sigma must be positive"),
        ({"alpha": 1.0}, "alpha is a chance between 0 and 1"),
        ({"samples": (100, 0)}, "samples must be a whole number"),
        ({"eps": (-1.0,)}, "eps must be positive"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        CertifyRecipe(**settings)


def test_a_smoothed_classifier_is_refused():
    with pytest.raises(InputError, match="certify smooths by itself"):
        certify(RandomizedSmoothing(flat_classifier(), 0.25), gray_split(3))


def test_the_command_writes_a_curve_and_its_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build("preact-4-8", len(PETS))
    save_bundle(Classifier(network, class_names=PETS, card={"arch": "preact-4-8", "size": 8}), "net")
    split: Split = pictures(8, 12)
    arrays = {"test_images": split.images.permute(0, 2, 3, 1).numpy(), "test_labels": split.labels.numpy()}
    np.savez("data.npz", **arrays, class_names=np.array(PETS))
    words = ["certify", "--model", "net", "--data", "data.npz", "--device", "cpu", "--sigma", "0.1", "--samples", "4",
             "20", "--count", "6", "--eps", "0.1", "--steps", "2", "--out", "made/curve.png"]  # fmt: skip
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    facts = json.loads((tmp_path / "made" / "curve.json").read_text())
    assert (facts["images"], facts["sigma"], facts["samples"], facts["split"]) == (6, 0.1, [4, 20], "test")
    assert len(facts["radius"]) == len(facts["index"]) == 6
    assert list(facts["empirical"]) == ["0.1"]
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["curve.json", "curve.png"]
    assert "certified %" in out
    assert main(words) == 2
    assert "exists; choose another name or say --overwrite" in capsys.readouterr().err
