import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import PETS, close, conv_classifier, hooks_on, images
from torch import nn

from pellucid import (
    L2,
    Activation,
    Adam,
    Classifier,
    Fourier,
    InputError,
    Maco,
    Unbounded,
    VisualizeRecipe,
    descend,
    load,
    magnitude_spectrum,
    read_image,
    visualize,
)
from pellucid.cli.main import main
from pellucid.cli.visualize import spectrum
from pellucid.core.batch import norms
from pellucid.data.image import write_image
from pellucid.data.transforms import standard
from pellucid.representation.visualize import PRESETS, spectrum_of_draws

RECIPE = VisualizeRecipe(eps=2.0, steps=8, step_size=0.3)
WORDS = ["5", "0:3", "logits:ship", "2 * 17 - logits:cat"]


# The task


def test_it_is_ascent_on_the_unit_from_noise_features_first(classifier):
    made = visualize(classifier, ["5", "11"], RECIPE, seeds=3, seed=2)
    assert torch.equal(made.start[:3], made.start[3:])
    assert float((made.start - 0.5).std()) == pytest.approx(0.05, rel=0.1)
    objective = -Activation(unit=torch.tensor([5] * 3 + [11] * 3), straight_through=True)
    expected = descend(classifier, objective, made.start, ball=L2(2.0), steps=8, step_size=0.3)
    close(made.images, expected.images)
    assert (norms(made.images - made.start) <= 2 + 1e-5).all()
    assert (made.loss < made.history[0]).all()
    assert made.forwards == made.backwards == 8


def test_a_size_of_its_own_means_the_same_lengths_from_the_command_line_and_from_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = visualize(load("cifar10-l2-0.5", "cpu"), 3, size=48, steps=1)
    words = ["--model", "cifar10-l2-0.5", "--units", "3", "--size", "48", "--steps", "1", "--device", "cpu"]
    main(["visualize", *words, "--out", "one.png"])
    written = json.loads((tmp_path / "one.json").read_text())["recipe"]
    assert (made.made.recipe.eps, made.made.recipe.step_size) == (15.0, 0.75)
    assert (written["eps"], written["step_size"], written["sigmas"]) == (15.0, 0.75, [1.5, pytest.approx(0.3)])


def test_other_parametrizations_take_adam_and_know_no_ball(classifier):
    recipe = VisualizeRecipe(0.1, 6, 0.001, 0.2, parametrization="fourier", transforms="standard", noise=0.01)
    made = visualize(classifier, ["5"], recipe, seeds=2)
    expected = descend(
        classifier, -Activation(unit=5, straight_through=True), made.start, ball=Unbounded(), steps=6, step_size=0.2,
        optimizer=Adam(), parametrization=Fourier(), transforms=standard(8),
    )  # fmt: skip
    close(made.images, expected.images)
    magnitude = magnitude_spectrum(images(5))
    recipe = VisualizeRecipe(0.1, 6, 0.001, 0.2, parametrization="maco")
    made = visualize(classifier, ["5"], recipe, seeds=2, magnitude=magnitude)
    expected = descend(
        classifier, -Activation(unit=5, straight_through=True), made.start, ball=Unbounded(), steps=6, step_size=0.2,
        parametrization=Maco(magnitude),
    )  # fmt: skip
    close(made.images, expected.images)


def test_a_ball_that_holds_every_image_is_none(classifier):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        large = visualize(classifier, "5", VisualizeRecipe(1000, 4, 0.3))
    start = large.start
    expected = descend(
        classifier, -Activation(unit=5, straight_through=True), start, ball=Unbounded(), steps=4, step_size=0.3
    )
    close(large.images, expected.images)


def test_gray_and_images_as_starts(classifier):
    gray = visualize(classifier, WORDS, VisualizeRecipe(0.8, 3, 0.3, start="gray"), seeds=2)
    assert (gray.start == 0.5).all()
    photos = images(2, size=16)
    made = visualize(classifier, ["5", "6", "7"], RECIPE, start=photos)
    small = torch.nn.functional.interpolate(photos, (8, 8), mode="bilinear", antialias=True)
    close(made.start, small.repeat(3, 1, 1, 1))
    assert [fact["start"] for fact in made.info["features"]] == [0, 1] * 3


@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_an_image_does_not_depend_on_the_rest_of_the_batch(classifier, diversity):
    recipe = VisualizeRecipe(2.0, 8, 0.3, diversity=diversity)
    together = visualize(classifier, WORDS, recipe, seeds=3, seed=4)
    for number, word in enumerate(WORDS):
        alone = visualize(classifier, [word], recipe, seeds=3, seed=4)
        close(alone.images, together.images[3 * number : 3 * number + 3])
    close(visualize(classifier, WORDS, recipe, seeds=3, seed=4, batch_size=2).images, together.images)


def test_the_number_of_seeds_does_not_change_the_first(classifier):
    many = visualize(classifier, ["5"], RECIPE, seeds=3)
    close(visualize(classifier, ["5"], RECIPE).images, many.images[:1])


@pytest.mark.parametrize("at_once", [3, 100])
def test_what_was_reached_and_what_the_classifier_sees(classifier, monkeypatch, at_once):
    monkeypatch.setattr("pellucid.representation.visualize.at_once", lambda images: at_once)
    made = visualize(classifier, WORDS, RECIPE, seeds=2)
    facts = made.info["features"]
    assert [fact["feature"] for fact in facts] == [word for word in WORDS for _ in range(2)]
    with torch.no_grad():
        activations = classifier(made.images, ["0"])
    units, logits = activations.representation, activations.logits
    channel = activations["0"].mean((2, 3))[:, 3]
    expected = [*units[:2, 5], *channel[2:4], *logits[4:6, 2], *(2 * units[6:, 17] - logits[6:, 0])]
    assert [fact["value"] for fact in facts] == pytest.approx([float(value) for value in expected], abs=1e-3)
    probability, label = logits.softmax(1).max(1)
    assert [fact["class"] for fact in facts] == [PETS[i] for i in label]
    assert [fact["probability"] for fact in facts] == pytest.approx(probability.tolist(), abs=1e-3)
    assert hooks_on(classifier) == 0


def test_diversity_makes_the_images_of_a_feature_differ(classifier):
    def spread(weight):
        recipe = VisualizeRecipe(3.0, 30, 0.3, start="noise", diversity=weight, diversity_layer="0")
        made = visualize(classifier, ["5"], recipe, seeds=3).images.flatten(1)
        return float(torch.pdist(made).mean())

    assert spread(30.0) > 1.1 * spread(0.0)


def test_networks_without_a_relu_module_need_no_straight_through():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    made = visualize(Classifier(network, card={"size": 8}), ["2", "0:1"], RECIPE)
    assert (made.loss < made.history[0]).all()


def test_the_layers_of_a_torchvision_model_can_be_visualized():
    models = pytest.importorskip("torchvision.models")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classifier = Classifier(models.squeezenet1_1(num_classes=3), card={"size": 32}).eval()
    start = images(1, size=32)
    with torch.no_grad():
        found = classifier(start, ["relu1", "fire2"])
    words = [f"{layer}:{int(found[layer].mean((2, 3)).argmax())}" for layer in ("relu1", "fire2")]
    made = visualize(classifier, words, VisualizeRecipe(0.5, 2, 0.3), start=start)
    assert [fact["feature"] for fact in made.info["features"]] == words
    assert (made.loss < made.history[0]).all()


# Maco's magnitude


def test_without_a_magnitude_that_of_class_gaussians_is_taken(classifier):
    recipe = VisualizeRecipe(steps=3, learning_rate=0.1, parametrization="maco")
    made = visualize(classifier, ["5"], recipe)
    magnitude = spectrum_of_draws(classifier, 8)
    assert magnitude.shape == (3, 8, 5)
    close(made.images, visualize(classifier, ["5"], recipe, magnitude=magnitude).images)


def test_maco_says_what_it_lacks(classifier, monkeypatch):
    recipe = VisualizeRecipe(parametrization="maco")
    with pytest.raises(InputError, match="gray has no phase"):
        visualize(classifier, ["5"], VisualizeRecipe(parametrization="maco", start="gray"))
    with pytest.raises(InputError, match="not that of 3 x 8 x 8"):
        visualize(classifier, ["5"], recipe, magnitude=torch.ones(3, 4, 3))
    monkeypatch.setattr(classifier, "gaussians", None)
    with pytest.raises(InputError, match="no class Gaussians: give some photos"):
        visualize(classifier, ["5"], recipe)


# Dead features


@pytest.fixture
def half_dead():
    """A classifier whose channels 1 and 3 of layer 0's ReLU are off on every image; so are units 1 and 3."""
    convolution = nn.Conv2d(3, 4, 3, padding=1)
    convolution.weight.data[[1, 3]] *= 0.01
    convolution.bias.data = torch.tensor([3.0, -9.0, 3.0, -9.0])
    network = nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    return Classifier(network, card={"size": 8})


@pytest.mark.parametrize("kind", ["pixels", "fourier", "maco"])
@pytest.mark.parametrize("steps", [1, 5])
def test_a_dead_feature_is_told(half_dead, kind, steps):
    recipe = VisualizeRecipe(0.2, steps, 0.3, parametrization=kind, straight_through=False)
    options = {"magnitude": magnitude_spectrum(images(5))} if kind == "maco" else {}
    said = "1 is dead: nothing from this start activates it; try straight_through, or another start"
    with pytest.raises(InputError, match=said):
        visualize(half_dead, ["1"], recipe, seeds=2, **options)
    with pytest.raises(InputError, match="1:3, 1 are dead: nothing from this start activates them"):
        visualize(half_dead, ["1:3", "1"], recipe, **options)
    with pytest.warns(UserWarning, match=f"^{said}$"):
        made = visualize(half_dead, ["0", "1", "2"], recipe, **options)
    assert len(made.images) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        visualize(half_dead, ["0", "2"], recipe, **options)


def test_straight_through_reaches_a_unit_that_is_off(half_dead):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = visualize(half_dead, ["1"], VisualizeRecipe(1.5, 5, 0.3))
    assert (made.images != made.start).any()


def test_a_start_that_cannot_be_bettered_is_not_dead():
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    nn.init.ones_(network[2].weight)
    nn.init.zeros_(network[2].bias)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = visualize(Classifier(network), ["logits:1"], VisualizeRecipe(0.5, 3, 0.3), start=torch.ones(1, 3, 8, 8))
    assert torch.equal(made.images, made.start)


def test_what_sinks_below_zero_is_not_dead(classifier):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = visualize(classifier, ["-1 * 0:3 - 17"], VisualizeRecipe(0.3, 3, 0.1))
    assert len(made.images) == 1


# Mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": ["24"]}, "units 0 to 23, not 24"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1"),
        ({"start": torch.full((1, 3, 8, 8), torch.nan)}, "values in"),
        ({"recipe": VisualizeRecipe(eps=0)}, "eps must be positive"),
        ({"recipe": VisualizeRecipe(step_size=-1.0)}, "step_size"),
        ({"recipe": VisualizeRecipe(learning_rate=-1.0, parametrization="fourier")}, "step_size"),
        ({"recipe": VisualizeRecipe(diversity=1.0, diversity_layer="layer9")}, "unknown layer 'layer9'"),
    ],
)
def test_mistakes_are_told(classifier, options, message):
    with pytest.raises(InputError, match=message):
        visualize(classifier, **{"features": ["5"], "recipe": RECIPE, **options})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be a whole number"),
        ({"parametrization": "wavelets"}, "unknown parametrization 'wavelets'"),
        ({"noise": -0.1}, "noise must be at least 0"),
        ({"diversity": float("inf")}, "diversity a number"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        VisualizeRecipe(**settings)


def test_a_classifier_that_does_not_say_its_size_needs_one():
    with pytest.raises(InputError, match="does not say its image size"):
        visualize(conv_classifier(), ["5"], RECIPE)
    assert visualize(conv_classifier(), ["5"], RECIPE, start=images(1)).images.shape == (1, 3, 8, 8)


@pytest.mark.parametrize("name", ["paper", "lucid", "maco"])
def test_presets_raise_what_they_maximize(classifier, name):
    made = visualize(classifier, ["5"], replace(PRESETS[name], steps=40), seeds=2)
    maco = Maco(spectrum_of_draws(classifier, 8))
    start = maco.decode(maco.encode(made.start), made.start.shape) if name == "maco" else made.start
    with torch.no_grad():
        before = classifier(start).representation[:, 5]
    assert (torch.tensor([fact["value"] for fact in made.info["features"]]) > before + 0.1).all()


# The command


@pytest.fixture
def run(command):
    return command("visualize")


QUICK = ["--steps", "3", "--step-size", "0.5", "--eps", "1"]


def test_a_folder_of_images_with_what_they_show(run, tmp_path):
    code, _, err = run("--units", "3", "stage1:1 - logits:cat", "--seeds", "2", *QUICK, "--out", "made")
    assert (code, err) == (0, "")
    facts = json.loads((tmp_path / "made" / "descent.json").read_text())
    assert [fact["feature"] for fact in facts["features"]] == ["3"] * 2 + ["stage1:1 - logits:cat"] * 2
    assert {path.name for path in (tmp_path / "made").iterdir()} == {*(f"000{i}.png" for i in range(4)), "descent.json"}
    assert read_image(tmp_path / "made" / "0000.png").shape == (3, 16, 16)


def test_a_figure_has_a_row_for_each_seed_and_a_block_for_each_classifier(run, tmp_path, tiny_bundle):
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"other{suffix}").write_bytes(tiny_bundle.with_name(tiny_bundle.name + suffix).read_bytes())
    words = ["--units", "3", "5", "6", "--seeds", "2", *QUICK]
    assert run(*words, "--out", "one.png")[0] == 0
    assert run(*words, "--out", "two.png", "--beside", "other")[0] == 0
    one, two = read_image(tmp_path / "one.png"), read_image(tmp_path / "two.png")
    assert one.shape[2] == two.shape[2] >= 4 * 128
    assert two.shape[1] == 2 * one.shape[1] + 4
    assert (two[:, : one.shape[1]] == one).all()


def test_the_spectrum_of_files_is_that_of_their_images(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, photo in zip(files, images(3, size=10), strict=True):
        write_image(file, photo)
    expected = magnitude_spectrum(torch.stack([read_image(file, 8) for file in files]))
    assert torch.allclose(spectrum(files, 8), expected, atol=1e-5)


def test_random_units_starts_and_a_spectrum_of_photos(run, tmp_path):
    for number, photo in enumerate(images(3, size=20)):
        write_image(tmp_path / "photos" / f"{number}.png", photo)
    code, _, err = run("--random", "2", "--images", "photos", *QUICK, "--out", "made")
    assert (code, err) == (0, "")
    facts = json.loads((tmp_path / "made" / "descent.json").read_text())
    assert len(facts["features"]) == 6
    assert [len(facts["inputs"]), facts["features"][3]["start"]] == [3, 0]
    words = ["--units", "3", "--preset", "maco", "--steps", "3"]
    assert run(*words, "--spectrum", "photos", "--out", "maco")[0] == 0
    assert run(*words, "--out", "draws")[0] == 0
    assert (read_image(tmp_path / "maco" / "0000.png") != read_image(tmp_path / "draws" / "0000.png")).any()


def test_a_result_is_repeated_from_its_sidecar(run, tmp_path, capsys):
    np.save(tmp_path / "d.npy", np.ones(16))
    code, _, err = run(
        "--units", "2 * 3 - logits:dog", "--seeds", "2", "--preset", "lucid", "--steps", "3", "--out", "a.png"
    )
    assert (code, err) == (0, "")
    assert main(["rerun", "a.json", "--out", "b.png"]) == 0
    assert (read_image(tmp_path / "a.png") == read_image(tmp_path / "b.png")).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what is to be visualized: --units"),
        (["--units", "stag1:0"], "unknown layer 'stag1'; did you mean 'stage1'"),
        (["--units", "3", "--images", "none.png"], "none.png"),
        (["--units", "3", "--preset", "papr"], "unknown preset 'papr'; did you mean 'paper'"),
        (["--random", "9999"], "ask for 1 to"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(run, tmp_path, words, message):
    code, out, err = run(*words, "--out", "made.png")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_presets_are_shown_beside_each_other_on_one_sheet(tiny_bundle, other_bundle, tmp_path, monkeypatch, capsys):
    for name in ("lucid", "maco"):
        monkeypatch.setitem(PRESETS, name, replace(PRESETS[name], steps=2))
    out = tmp_path / "methods.png"
    words = ["visualize", "--model", str(tiny_bundle), "--beside", str(other_bundle), "--units", "3", "5"]
    words += ["--steps", "2"]
    assert main([*words, "--also", "lucid", "maco", "--out", str(out)]) == 0
    facts = json.loads(out.with_suffix(".json").read_text())
    assert list(facts["also"]) == list(facts["beside"][0]["also"]) == ["lucid", "maco"]
    assert [image["feature"] for image in facts["also"]["maco"]] == ["3", "5"]
    assert read_image(out).shape[1] > 6 * 128  # two classifiers, three methods
    assert main([*words, "--also", "lucent", "--out", str(tmp_path / "x.png")]) == 2
    assert "did you mean 'lucid'" in capsys.readouterr().err
