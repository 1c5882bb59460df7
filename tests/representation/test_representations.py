"""What the representations paper claims, on the bundled pair and images that the package itself can make."""

import pytest
import torch

from pellucid import DistanceRecipe, InvertRecipe, distance, invert, load
from pellucid.core.batch import generators


@pytest.fixture(scope="module")
def pair():
    return {name: load(f"cifar10-{kind}", "cpu") for name, kind in (("robust", "l2-0.5"), ("standard", "standard"))}


@pytest.fixture(scope="module")
def blurs(pair):
    """One draw from the class Gaussians of each of six classes."""
    return pair["robust"].gaussians.sample(torch.arange(6), generators(0, 6))


def test_inversions_of_the_robust_one_are_nearer_in_pixels_and_equally_near_in_representation(pair, blurs):
    told = {name: invert(c, blurs, InvertRecipe(steps=80)).info["result"] for name, c in pair.items()}
    for measure in ("psnr", "ssim"):
        robust, standard = (sum(told[name][measure]) / 6 for name in ("robust", "standard"))
        assert robust > standard
    near, also_near = (sum(told[name]["distance"]) / 6 for name in ("robust", "standard"))
    assert near < 0.5
    assert also_near < 0.5


def test_the_robust_distance_stays_above_the_standard_one_far_beyond_the_training_radius(pair, blurs):
    recipe = DistanceRecipe(radii=(0.5, 1.0, 2.0, 4.0), steps=20)
    robust, standard = (distance(pair[name], blurs[:3], blurs[3:], recipe).mean for name in ("robust", "standard"))
    assert (robust > standard).all()
