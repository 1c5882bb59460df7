"""The study of perceptual distances: its distortions, its two numbers, its command."""

import json
from dataclasses import replace

import pytest
import torch
from helpers import close, conv_classifier, images
from torch import nn

from pellucid import L2, Classifier, InputError, SimilarityRecipe, perceptual_distance, similarity_study
from pellucid.cli.main import main
from pellucid.core.batch import generators
from pellucid.data.distortions import DISTORTIONS
from pellucid.data.image import write_image
from pellucid.evaluation.similarity import deception


def waves(count, side=32):
    """Smooth pictures: some waves in each channel."""
    generator = torch.Generator().manual_seed(0)
    grid = torch.arange(side) / side * 2 * torch.pi
    ways = torch.randint(-3, 4, (count, 3, 2), generator=generator)
    phase = ways[..., 0, None, None] * grid[:, None] + ways[..., 1, None, None] * grid
    return 0.5 + 0.3 * torch.sin(phase + 6 * torch.rand(count, 3, 1, 1, generator=generator))


@pytest.mark.parametrize("name", DISTORTIONS)
def test_a_distortion_grows_with_its_strength_and_follows_its_generators(name):
    distort, strength = DISTORTIONS[name]
    clean = waves(20)
    weak, strong = (distort(clean, times * strength, generators(0, 20)) for times in (1, 2))
    for made in (weak, strong):
        assert made.shape == clean.shape
        assert made.dtype == torch.float32
        assert 0 <= float(made.min()) <= float(made.max()) <= 1 + 1e-6
    apart = [(made - clean).square().mean() for made in (weak, strong)]
    assert 0 < apart[0] < apart[1]
    close(distort(clean[3:5], strength, generators(0, 2, first=3)), weak[3:5])


def test_distortions_are_what_they_say():
    clean, rng = waves(4), generators(0, 4)
    close(DISTORTIONS["brightness"][0](clean, 0.2, rng), 0.8 * clean)
    covered = DISTORTIONS["occlusion"][0](clean, 1 / 4, rng)
    assert ((covered == 0.5).all(1).sum((1, 2)) >= 64).all()
    assert ((covered != clean).any(1).sum((1, 2)) <= 64).all()
    shifted = DISTORTIONS["shift"][0](clean, 2 / 32, rng)[:, :, 2:-2, 2:-2]
    ways = [clean.roll(way, axis)[:, :, 2:-2, 2:-2] for axis in (2, 3) for way in (-2, 2)]
    assert all(any(torch.equal(one, way[number]) for way in ways) for number, one in enumerate(shifted))
    assert float((DISTORTIONS["noise"][0](clean, 0.05, rng) - clean).std()) == pytest.approx(0.05, rel=0.05)


def test_the_order_is_that_of_distances_which_are_measured_one_by_one():
    classifier, clean = conv_classifier(), images(8)
    recipe = SimilarityRecipe(layers=("1",), eps=0.1, steps=2, batch_size=3)
    found = similarity_study({"one": classifier}, clean, recipe, seed=3)
    number, (distort, strength) = list(DISTORTIONS).index("noise"), DISTORTIONS["noise"]
    right = 0
    for place in range(8):
        rngs = [generators(3 * 7919 + 16 * number + times, 1, first=place) for times in (1, 2)]
        one = clean[place : place + 1]
        weak, strong = (distort(one, (1 + t) * strength, rng) for t, rng in enumerate(rngs))
        right += float(perceptual_distance(classifier, one, weak, ["1"])) < float(
            perceptual_distance(classifier, one, strong, ["1"])
        )
    assert found["one"].order["noise"] == right / 8
    assert found["pixels"].order["noise"] == 1
    assert found["one"].low < found["one"].fooled < found["one"].high
    assert found["one"].to_json()["images"] == 8


def test_black_images_have_no_order_of_blurs():
    order = similarity_study({}, torch.zeros(3, 3, 16, 16))["pixels"].order
    assert {name: order[name] for name in ("blur", "contrast", "brightness", "occlusion", "noise")} == {
        "blur": 0, "contrast": 0, "brightness": 0, "occlusion": 1, "noise": 1
    }  # fmt: skip


def test_of_a_linear_representation_the_worst_perturbation_is_known():
    """‖δ‖ = eps turns x by arcsin(eps / ‖x‖) at most, so the distance is 2 - 2 √(1 - eps² / ‖x‖²)."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 48, bias=False), nn.Linear(48, 2))
    network[1].weight.data = torch.eye(48)
    classifier, clean = Classifier(network).eval(), images(3, 4) * 0.2 + 0.4
    recipe = SimilarityRecipe(eps=0.1, steps=100)
    found, plain = deception(classifier, clean, ("representation",), recipe, seed=5)
    noise = L2(0.1).random(clean, generators(5 * 7919 + 1, 3))
    x, moved = clean.flatten(1).double(), noise.flatten(1).double()
    worst = 2 - 2 * (1 - 0.01 / x.square().sum(1)).sqrt()
    by_noise = 2 - 2 * torch.cosine_similarity(x, moved)
    assert found.tolist() == pytest.approx(worst.tolist(), rel=0.01)
    assert plain.tolist() == pytest.approx(by_noise.tolist(), rel=0.01)
    study = similarity_study({"one": classifier}, clean, replace(recipe, layers=("representation",)), seed=5)["one"]
    assert study.fooled == pytest.approx(float((worst / by_noise).log().mean().exp()), rel=0.01)
    others = 2 - 2 * torch.cosine_similarity(x, x.roll(1, 0))
    assert study.unlike == pytest.approx(float((worst / others).log().mean().exp()), rel=0.01)
    assert study.unlike_low < study.unlike < study.unlike_high


def test_one_image_has_no_interval():
    with pytest.raises(InputError, match="two images or more"):
        similarity_study({}, images(1))


def test_the_command_prints_both_numbers(tiny_bundle, other_bundle, tmp_path, monkeypatch, capsys, mistaken):
    monkeypatch.chdir(tmp_path)
    for number, image in enumerate(images(3, 16)):
        write_image(f"photos/{number}.png", image)
    words = ["similarity-study", "--images", "photos", "--models", str(tiny_bundle), str(other_bundle)]
    assert main([*words, "--steps", "2", "--out", "found.json"]) == 0
    out = capsys.readouterr().out
    assert "3 images, nearer to the weaker distortion" in out
    assert all(name in out for name in DISTORTIONS)
    facts = json.loads((tmp_path / "found.json").read_text())
    assert list(facts["distances"]) == ["tiny-0.5", "tiny-standard", "pixels"]
    assert facts["distances"]["pixels"]["fooled"] == 1
    assert facts["recipe"]["steps"] == 2
    assert "name each model once" in mistaken(*words, "--models", "a", "a")
    assert "steps must be a whole number" in mistaken(*words, "--steps", "0")
