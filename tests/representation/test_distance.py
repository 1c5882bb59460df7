import json

import numpy as np
import pytest
import torch
from helpers import images
from torch import nn

from pellucid import Classifier, DistanceCurve, DistanceRecipe, InputError, distance
from pellucid.cli.distance import table
from pellucid.cli.main import main
from pellucid.core.batch import norms
from pellucid.data.image import read_image, write_image
from pellucid.representation.match import represent

RECIPE = DistanceRecipe(radii=(0.2, 0.5, 1.0), steps=20)


@pytest.fixture
def linear():
    """R(x) is x itself, so that the least distance is known: what is left of the way to the target."""
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2))).eval()


def test_of_the_identity_the_distance_falls_by_the_radius(linear):
    sources, targets = images(3), images(3, seed=1)
    curve = distance(linear, sources, targets, RECIPE)
    way, length = norms(targets - sources), norms(targets)
    for radius, values in zip(RECIPE.radii, curve.distances, strict=True):
        expected = (way - radius).clamp_min(0) / length
        assert torch.allclose(values, expected, atol=2e-3)


def test_every_image_stays_within_its_own_radius_and_has_the_distance_that_is_told(classifier):
    sources, targets = images(3), images(3, seed=1)
    curve = distance(classifier, sources, targets, RECIPE)
    assert curve.images.shape == (3, 3, 3, 8, 8)
    wanted = represent(classifier, targets)
    for radius, moved, values in zip(RECIPE.radii, curve.images, curve.distances, strict=True):
        assert (norms(moved - sources) <= radius + 1e-4).all()
        told = norms(represent(classifier, moved) - wanted) / norms(wanted)
        torch.testing.assert_close(values, told, atol=1e-4, rtol=0)


def test_all_radii_and_pairs_are_one_batch(classifier):
    assert distance(classifier, images(3), images(3, seed=1), RECIPE).forwards == RECIPE.steps


def test_a_pair_does_not_depend_on_the_others(classifier):
    sources, targets = images(3), images(3, seed=1)
    together = distance(classifier, sources, targets, RECIPE)
    alone = distance(classifier, sources[1:2], targets[1:2], RECIPE)
    torch.testing.assert_close(together.distances[:, 1:2], alone.distances, atol=1e-4, rtol=0)


def test_the_band_is_the_95_percent_interval_of_the_mean():
    values = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    curve = DistanceCurve(torch.ones(1), values, *[torch.zeros(1)] * 3, 0, 0)
    assert curve.mean.tolist() == [2.5]
    assert curve.margin.tolist() == pytest.approx([1.96 * np.std([1, 2, 3, 4], ddof=1) / 2])


@pytest.mark.parametrize("radii", [(), (1.0, 1.0), (0.0, 1.0), (float("nan"),), (1.0, float("inf"))])
def test_radii_that_do_not_increase_are_refused(radii):
    with pytest.raises(InputError, match="radii must be finite, positive and increasing"):
        DistanceRecipe(radii=radii)


def test_a_single_pair_has_no_band(recwarn):
    curve = DistanceCurve(torch.tensor([1.0, 2.0]), torch.tensor([[0.5], [0.25]]), *[torch.zeros(0)] * 3, 1, 1)
    assert curve.margin.isnan().all()
    assert table({"it": curve})[0] == ("1", "0.500")
    assert not recwarn.list


@pytest.fixture
def data(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {
        f"{part}_images": generator.integers(0, 256, (9, 16, 16, 3), dtype=np.uint8) for part in ("train", "test")
    }
    np.savez(tmp_path / "data.npz", **arrays, train_labels=np.arange(9) % 3, test_labels=np.arange(9) % 3)
    return str(tmp_path / "data.npz")


def test_the_command_draws_curves_of_two_classifiers(tiny_bundle, other_bundle, data, tmp_path, capsys):
    out, moved = tmp_path / "curve.png", tmp_path / "moved.png"
    words = ["distance", "--model", str(tiny_bundle), "--beside", str(other_bundle), "--data", data, "--count", "3"]
    words += ["--radii", "0.5", "2", "--steps", "3"]
    assert main([*words, "--out", str(out), "--sheet", str(moved)]) == 0
    facts = json.loads(out.with_suffix(".json").read_text())
    assert list(facts["curves"]) == ["tiny-0.5", "tiny-standard"]
    for curve in facts["curves"].values():
        assert curve["radii"] == [0.5, 2.0]
        assert np.array(curve["distances"]).shape == (2, 3)
    assert read_image(out).shape[0] == read_image(moved).shape[0] == 3
    assert "±" in capsys.readouterr().out
    assert main(["rerun", str(out.with_suffix(".json")), "--out", str(tmp_path / "again.png")]) == 0
    assert json.loads((tmp_path / "again.json").read_text())["curves"] == facts["curves"]


def test_sources_and_targets_may_be_files(tiny_bundle, tmp_path):
    for number, image in enumerate(images(3, 16)):
        write_image(tmp_path / f"{number}.png", image)
    words = ["--images", str(tmp_path / "0.png"), "--targets", str(tmp_path / "1.png"), str(tmp_path / "2.png")]
    out = tmp_path / "curve.png"
    assert main(["distance", "--model", str(tiny_bundle), *words, "--steps", "2", "--out", str(out)]) == 0
    (curve,) = json.loads(out.with_suffix(".json").read_text())["curves"].values()
    assert len(curve["distances"][0]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the images"),
        (["--images", "a.png"], "pairs need --images and --targets"),
        (["--radii", "2", "1"], "increasing, not 2, 1"),
        (["--count", "5"], "10 images are asked for and "),
        (["--out", "x.jpg"], "a .png, not x.jpg"),
        (["--save-frames", "x.gif"], "distance has no frames"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_command_tells_mistakes(tiny_bundle, data, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    source = ["--data", data] if words and words[0] != "--images" else []
    count = [] if "--count" in words else ["--count", "2"]
    assert main(["distance", "--model", str(tiny_bundle), "--steps", "1", *source, *count, *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [{"steps": "many"}, {"momentum": None}, {"radii": 1.0}])
def test_fields_of_another_kind_are_refused(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))} must be"):
        DistanceRecipe(**wrong)
