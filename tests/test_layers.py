import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from helpers import conv_classifier, images
from torch import nn

from pellucid import Classifier, InputError
from pellucid.ball import norms
from pellucid.cli.main import main
from pellucid.data.image import read_image, write_image
from pellucid.evaluation.jacobian import largest_singular_value
from pellucid.evaluation.layers import LayersRecipe, converged, distances, largest_change, layer_robustness, read

RECIPE = LayersRecipe(eps=0.1, steps=30, restarts=2, layers=("representation",), bootstrap=200)


@pytest.fixture
def linear():
    """A layer f(x) = W x of 5 units, before another one; W has the singular values 8, 3, 2, 1, 1."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 5, bias=False), nn.Linear(5, 2)).requires_grad_(False)
    left, _, right = torch.linalg.svd(torch.randn(5, 48, generator=generator), full_matrices=False)
    network[1].weight.data = left @ torch.tensor([8.0, 3.0, 2.0, 1.0, 1.0]).diag() @ right
    return Classifier(network).eval()


def gray(count):
    return images(count, 4) * 0.2 + 0.4  # so far inside that no ball meets the border of [0, 1]


def test_of_a_linear_layer_the_largest_change_is_its_largest_singular_value(linear):
    found = largest_change(linear, gray(4), "representation", RECIPE)
    assert (found <= 8 * RECIPE.eps * 1.001).all()
    assert (found >= 8 * RECIPE.eps * 0.98).all()
    assert largest_singular_value(linear, gray(4), "representation", steps=100).tolist() == pytest.approx(
        [8] * 4, rel=1e-3
    )


def test_the_measure_is_the_mean_change_over_the_mean_distance(linear):
    batch = gray(7)
    [found] = layer_robustness(linear, batch, RECIPE, batch_size=3)
    values = batch.flatten(1) @ linear.network[1].weight.T
    apart = [float((values[i] - values[j]).norm()) for i in range(7) for j in range(7) if i != j]
    assert found.spread == pytest.approx(sum(apart) / len(apart), rel=1e-4)
    assert found.value == pytest.approx(float(found.change.mean()) / found.spread, rel=1e-5)
    assert found.low < found.value < found.high


def test_the_interval_narrows_with_more_images(linear):
    [few], [many] = (layer_robustness(linear, gray(n), RECIPE) for n in (5, 40))
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_distances_are_those_of_every_two_images(batch_size):
    classifier, batch = conv_classifier(), images(7)
    values = read(classifier, batch, "0").flatten(1)
    expected = torch.stack([norms(values - row) for row in values])
    torch.testing.assert_close(distances(classifier, batch, "0", batch_size), expected, atol=1e-4, rtol=1e-4)


def layer_of(classifier, layer, image):
    return classifier(image[None], {layer} - {"representation"})[layer].flatten()


def test_the_singular_value_is_that_of_the_whole_jacobian():
    classifier, batch = conv_classifier().eval(), images(2)
    for layer in ("0", "representation"):
        for image, sigma in zip(batch, largest_singular_value(classifier, batch, layer, steps=200), strict=True):
            function = partial(layer_of, classifier, layer)
            jacobian = torch.autograd.functional.jacobian(function, image).flatten(1)
            assert float(sigma) == pytest.approx(float(torch.linalg.svdvals(jacobian)[0]), rel=1e-2)


def test_every_change_stays_in_the_ball_and_grows_with_it():
    classifier, batch = conv_classifier(), images(4)
    changes = [
        largest_change(classifier, batch, "0", LayersRecipe(eps=eps, norm=norm))
        for norm, eps in (("l2", 0.1), ("l2", 0.4), ("linf", 0.4))
    ]
    assert (changes[0] < changes[1]).all()
    assert (changes[1] < changes[2]).all()


def test_a_search_that_has_converged_does_not_grow(linear):
    assert converged(linear, gray(3), ["representation"], replace(RECIPE, steps=100))[
        "representation"
    ] == pytest.approx(1, abs=0.02)


def test_all_layers_are_measured_unless_some_are_named():
    classifier = conv_classifier()
    found = layer_robustness(classifier, images(3), LayersRecipe(steps=2, restarts=1, bootstrap=10))
    assert [result.layer for result in found] == [*classifier.layers, "representation"]


def test_mistakes_are_told(linear):
    with pytest.raises(InputError, match="give two or more"):
        layer_robustness(linear, gray(1), RECIPE)
    with pytest.raises(InputError, match="unknown layer 'layer9'"):
        layer_robustness(linear, gray(2), LayersRecipe(layers=("layer9",)))
    with pytest.raises(InputError, match="is the same for all images"):
        layer_robustness(linear, gray(1).expand(3, -1, -1, -1), RECIPE)
    with pytest.raises(InputError, match="did you mean 8/255"):
        layer_robustness(linear, gray(2), LayersRecipe(norm="linf", eps=8))


@pytest.fixture
def photos(tmp_path):
    for number, image in enumerate(images(4, 16)):
        write_image(tmp_path / "photos" / f"{number}.png", image)
    return str(tmp_path / "photos")


def test_the_command_compares_models_and_a_random_control(tiny_bundle, other_bundle, photos, tmp_path, capsys):
    out = tmp_path / "layers.png"
    words = ["layers", "--models", str(tiny_bundle), str(other_bundle), "--images", photos, "--steps", "2"]
    assert main([*words, "--restarts", "1", "--random", "--check", "--layers", "stem", "--out", str(out)]) == 0
    facts = json.loads(out.with_suffix(".json").read_text())
    assert list(facts["layers"]) == list(facts["checks"]) == ["tiny-0.5", "tiny-standard", "random weights"]
    for results in facts["layers"].values():
        [result] = results
        assert result["layer"] == "stem"
        assert 0 < result["low"] <= result["value"] <= result["high"]
    assert read_image(out).shape[0] == 3
    assert "with 5x the steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layers", "stme"], "did you mean 'stem'"),
        (["--out", "layers.gif"], "the figure is a .png"),
        (["--eps", "0"], "eps must be positive"),
        (["--images"], "name the images"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_command_tells_mistakes(tiny_bundle, photos, tmp_path, monkeypatch, capsys, more, message):
    monkeypatch.chdir(tmp_path)
    words = ["layers", "--models", str(tiny_bundle), "--images", photos, "--steps", "1"]
    assert main([*words, *more]) == 2
    assert message in capsys.readouterr().err


def test_a_model_named_twice_is_refused(tiny_bundle, photos, capsys):
    assert main(["layers", "--models", str(tiny_bundle), str(tiny_bundle), "--images", photos]) == 2
    assert "name each model once" in capsys.readouterr().err
