import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from helpers import conv_classifier, images, pictures
from torch import nn
from torchvision import models

from pellucid import L2, Classifier, InputError, load
from pellucid.cli.main import main
from pellucid.core.batch import norms
from pellucid.core.descend import descend
from pellucid.data.image import read_image, write_image
from pellucid.evaluation.jacobian import largest_singular_value
from pellucid.evaluation.layers import (
    LayersRecipe,
    Shift,
    converged,
    distances,
    in_order,
    largest_change,
    layer_robustness,
    read,
)
from pellucid.gallery.plots import places
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.networks import build

RECIPE = LayersRecipe(eps=0.1, steps=30, restarts=2, layers=("representation",), bootstrap=200)
LAYERS = ["stem", "stage1", "stage2", "representation", "head"]


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


def test_a_search_that_has_converged_does_not_grow(linear):
    assert converged(linear, gray(3), ["representation"], replace(RECIPE, steps=100))[
        "representation"
    ] == pytest.approx(1, abs=0.02)


def plain_search(classifier, batch, layer, steps, restarts):
    """Projected gradient ascent as the papers run it, with steps of one length."""
    clean = read(classifier, batch, layer)
    found = descend(
        classifier, -Shift(clean, layer), batch, ball=L2(0.5), steps=steps, random_start=True, restarts=restarts,
        keep_best=True,
    )  # fmt: skip
    return float(norms((read(classifier, found.images, layer) - clean).flatten(1)).mean())


def test_the_search_finds_what_a_plain_one_of_more_than_twice_the_passes_finds():
    classifier, batch, layer = load("cifar10-standard", "cpu"), images(1, 32), "stage2"
    found = float(largest_change(classifier, batch, layer, LayersRecipe()).mean())
    assert found >= plain_search(classifier, batch, layer, 60, 3)


PIXELS = torch.tensor([[0.5, 0.5, 0.5], [0.4, 0.6, 0.5], [0.45, 0.35, 0.5]])


class Hills(nn.Module):
    """A layer of one pixel that goes up and down: sin(15 r) + r + sin(10 g) + b."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(1, 2)

    def forward(self, values):
        r, g, b = values.flatten(1).T
        return self.last(((15 * r).sin() + r + (10 * g).sin() + b)[:, None])


def highest(classifier, image, eps):
    """The largest change on a fine grid over the ball."""
    line = torch.linspace(-eps, eps, 61)
    grid = torch.cartesian_prod(line, line, line)
    grid = grid[grid.norm(dim=1) <= eps][:, :, None, None]
    return norms(read(classifier, image + grid, "representation") - read(classifier, image, "representation")).max()


def test_among_hills_it_finds_the_highest():
    """Its steps shrink, the best of them counts, and every restart is another try."""
    classifier = Classifier(Hills().eval())
    batch = PIXELS[..., None, None]
    expected = torch.stack([highest(classifier, image[None], 0.3) for image in batch])
    recipe = LayersRecipe(eps=0.3, steps=30, restarts=8)
    found = largest_change(classifier, batch, "representation", recipe)
    assert torch.allclose(found, expected, rtol=0.03)
    alone = largest_change(classifier, batch, "representation", replace(recipe, restarts=1))
    assert (alone < found - 0.05).any()


def test_a_search_that_has_not_converged_is_seen_to_grow():
    """With five times the steps at a fifth of their length, a short search gets no farther and seems to be done."""
    classifier, batch = load("cifar10-standard", "cpu"), images(2, 32)
    short = LayersRecipe(steps=5, restarts=1, step_size=0.4)
    assert converged(classifier, batch, ["stem"], short)["stem"] > 1.05


def test_all_layers_are_measured_unless_some_are_named():
    classifier = conv_classifier()
    found = layer_robustness(classifier, images(3), LayersRecipe(steps=2, restarts=1, bootstrap=100))
    assert [result.layer for result in found] == ["0", "1", "representation", "5"]  # the last makes the logits


def test_heads_of_training_alone_are_not_among_the_layers():
    network = models.googlenet(num_classes=4, aux_logits=True, init_weights=False)
    assert not [name for name in Classifier(network).layers if name.startswith("aux")]


def test_a_list_of_blocks_is_named_block_by_block():
    network = nn.Module()
    network.stem, network.fc = nn.Conv2d(3, 2, 1), nn.Linear(2, 2)
    network.blocks = nn.ModuleList([nn.ReLU(), nn.Linear(2, 2)])
    assert list(Classifier(network).layers) == ["stem", "fc", "blocks.1"]


def test_layers_go_from_input_to_output():
    classifier = conv_classifier()
    assert in_order(classifier, ["logits", "5", "representation", "3", "0", "5"]) == [
        "0", "3", "representation", "5", "logits",
    ]  # fmt: skip
    assert in_order(load("cifar10-standard", "cpu"), ["head", "representation", "stage2", "stage1", "stem"]) == [
        "stem", "stage1", "stage2", "representation", "head",
    ]  # fmt: skip


def test_mistakes_are_told(linear):
    with pytest.raises(InputError, match="give two or more"):
        layer_robustness(linear, gray(1), RECIPE)
    with pytest.raises(InputError, match="unknown layer 'layer9'"):
        layer_robustness(linear, gray(2), LayersRecipe(layers=("layer9",)))
    with pytest.raises(InputError, match="is the same for all images"):
        layer_robustness(linear, gray(1).expand(3, -1, -1, -1), RECIPE)
    with pytest.raises(InputError, match="did you mean 8/255"):
        LayersRecipe(norm="linf", eps=8)
    with pytest.raises(InputError, match=r"cannot take images of 8 x 8 px .*; give it the size"):
        layer_robustness(linear, images(2, 8), RECIPE)


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
    assert all("first_order" in checks["stem"] for checks in facts["checks"].values())
    assert [set(entry) for entry in facts["inputs"]] == [{"path", "sha256"}] * 4
    said = capsys.readouterr().out
    assert "5x steps" in said
    assert "first order" in said


def test_a_cube_has_no_first_order_estimate(tiny_bundle, photos, tmp_path, capsys):
    out = tmp_path / "layers.png"
    words = ["layers", "--models", str(tiny_bundle), "--images", photos, "--steps", "2", "--layers", "stem"]
    assert main([*words, "--norm", "linf", "--eps", "8/255", "--check", "--out", str(out)]) == 0
    assert set(json.loads(out.with_suffix(".json").read_text())["checks"]["tiny-0.5"]["stem"]) == {
        "five_times_the_steps"
    }
    assert "first order" not in capsys.readouterr().out


def test_the_result_says_which_images_of_the_data_were_measured(tiny_bundle, tmp_path):
    split = pictures(16, 24)

    def facts(pixels, seed):
        np.savez(tmp_path / "data.npz", train_images=pixels.permute(0, 2, 3, 1).numpy(), train_labels=split.labels)
        words = ["layers", "--models", str(tiny_bundle), "--data", str(tmp_path / "data.npz"), "--count", "3"]
        more = ["--steps", "1", "--layers", "stem", "--overwrite", "--out", str(tmp_path / "layers.png")]
        assert main([*words, *more, "--seed", str(seed)]) == 0
        return json.loads((tmp_path / "layers.json").read_text())

    first, again, drawn, other = (
        facts(pixels, seed)
        for pixels, seed in ((split.images, 0), (split.images, 0), (split.images, 1), (255 - split.images, 0))
    )
    assert (first["data"], first["split"], first["images"]) == (str(tmp_path / "data.npz"), "train", 3)
    assert first["data_sha256"] == again["data_sha256"]
    assert len({first["data_sha256"], drawn["data_sha256"], other["data_sha256"]}) == 3


@pytest.mark.parametrize(
    "orders",
    [
        [LAYERS, ["conv1", "fire2", "representation"]],
        [["conv1", "fire2", "representation"], LAYERS],
        [LAYERS, ["stem", "stage1", "stage2", "stage3", "representation", "head"]],
    ],
    ids=["unlike", "unlike, the other way round", "one is deeper"],
)
def test_in_the_figure_no_line_runs_backward(orders):
    names = places(orders)
    assert sorted(names) == sorted({layer for order in orders for layer in order})
    for order in orders:
        assert [names.index(layer) for layer in order] == sorted(names.index(layer) for layer in order)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--layers", "stme"], "did you mean 'stem'"),
        (["--out", "layers.gif"], "the figure is a .png"),
        (["--eps", "0"], "eps must be positive"),
        (["--bootstrap", "0"], "bootstrap must be at least 100, not 0"),
        (["--size", "0"], "--size must be a whole number of at least 1"),
        (["--images"], "name the images"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_command_tells_mistakes(tiny_bundle, photos, tmp_path, monkeypatch, capsys, more, message):
    monkeypatch.chdir(tmp_path)
    words = ["layers", "--models", str(tiny_bundle), "--images", photos, "--steps", "1"]
    assert main([*words, *more]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.glob("layers*"))


def test_images_that_are_too_small_for_one_of_the_models_are_refused_first(tiny_bundle, photos, tmp_path, capsys):
    arch, other = "torchvision:squeezenet1_1", tmp_path / "other"
    save_bundle(Classifier(build(arch, 2).eval(), card={"arch": arch, "size": 64}), other)
    words = ["layers", "--models", str(tiny_bundle), str(other), "--images", photos, "--size", "16"]
    assert main([*words, "--out", str(tmp_path / "layers.png")]) == 2
    said = capsys.readouterr().err
    assert "SqueezeNet cannot take images of 16 x 16 px" in said
    assert "give it 64 px" in said
    assert len(said.splitlines()) == 1
