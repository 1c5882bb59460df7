"""The pairs of classifiers that come with pellucid: their sizes, their cards, and what they do."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import forward_batches
from PIL import Image

from pellucid import EvaluateRecipe, GenerateRecipe, evaluate, generate, load
from pellucid.data.dataset import Split
from pellucid.zoo.checksum import digest
from pellucid.zoo.models import BUNDLES, card

ROBUST, STANDARD = "cifar10-l2-0.5", "cifar10-standard"
PAIR = (ROBUST, STANDARD)
ANIMALS = ("animals59-l2-1.0", "animals59-standard")
NATURAL = ("natural20-l2-2.0", "natural20-standard")
SIDES = {PAIR: 32, ANIMALS: 64, NATURAL: 128}
IMAGES = {PAIR: 10_000, ANIMALS: 2_950, NATURAL: 1_200}
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
CIFAR = Path(__file__).parents[3] / "shared" / "data" / "cifar10"

each = pytest.mark.parametrize("name", PAIR + ANIMALS + NATURAL)
of_both = pytest.mark.parametrize("name", PAIR)


@pytest.fixture(scope="module")
def pair():
    return {name: load(name, "cpu") for name in PAIR + ANIMALS + NATURAL}


@pytest.fixture(scope="module")
def photos():
    """The first 20 test images of each class; a file holds 1000 images in 40 rows of 25."""
    if not CIFAR.is_dir():
        pytest.skip("no CIFAR-10 images beside the repository")
    images, labels = [], []
    for label in range(10):
        (path,) = CIFAR.glob(f"test_{label}_*.webp")
        sheet = np.asarray(Image.open(path).convert("RGB"))
        tiles = sheet.reshape(40, 32, 25, 32, 3).transpose(0, 2, 4, 1, 3).reshape(1000, 3, 32, 32)
        images.append(torch.from_numpy(tiles[:20].copy()))
        labels += [label] * 20
    return Split(torch.cat(images), torch.tensor(labels))


@each
def test_it_is_small(name, pair):
    assert (BUNDLES / f"{name}.safetensors").stat().st_size <= 8_000_000
    parameters = sum(p.numel() for p in pair[name].network.parameters())
    assert parameters <= 3_500_000
    assert card(name)["parameters"] == parameters


@each
def test_a_pass_takes_few_multiplications(name, pair):
    counted = []

    def count(module, args, output):
        inputs = module.weight[0].numel()  # that one output value reads
        counted.append(inputs * output[0].numel())

    layers = [m for m in pair[name].network.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with forward_batches(pair[name].network) as passes, torch.no_grad():
        pair[name].logits(torch.rand(1, 3, pair[name].size, pair[name].size))
    for handle in handles:
        handle.remove()
    assert passes == [1]
    assert 10_000_000 < sum(counted) <= {32: 120_000_000, 64: 250_000_000, 128: 220_000_000}[pair[name].size]


@each
def test_its_card_describes_the_file(name, pair):
    facts = card(name)
    assert facts["sha256"] == digest(BUNDLES / f"{name}.safetensors")
    assert facts["size"] == pair[name].size == next(side for names, side in SIDES.items() if name in names)
    assert len(facts["class_names"]) == {32: 10, 64: 59, 128: 20}[facts["size"]]
    assert name not in PAIR or facts["class_names"] == CLASSES
    for key in ("arch", "data", "threat", "recipe", "command"):
        assert facts[key], key


@each
def test_its_card_has_the_accuracies_on_all_test_images(name):
    accuracy = card(name)["accuracy"]
    assert accuracy["images"] == next(count for names, count in IMAGES.items() if name in names)
    assert {float(eps) for eps in accuracy["robust"]} >= ({0.25, 0.5, 1.0} if name in PAIR else {0.5, 1.0, 2.0})
    before = accuracy["clean"]
    for _, by_steps in sorted(accuracy["robust"].items(), key=lambda item: float(item[0])):
        assert before >= by_steps["pgd-20"] >= by_steps.get("pgd-100", 0)
        before = by_steps["pgd-20"]


def test_the_robust_one_trades_clean_accuracy_for_robustness():
    robust, standard = (card(name)["accuracy"] for name in PAIR)
    assert standard["clean"] > robust["clean"] > 0.855
    assert robust["robust"]["0.5"]["pgd-20"] > 0.65 > 0.2 > standard["robust"]["0.5"]["pgd-20"]
    robust, standard = (card(name)["accuracy"] for name in ANIMALS)
    assert standard["clean"] > robust["clean"] > 0.51
    assert robust["robust"]["1"]["pgd-20"] > 0.34 > 0.05 > standard["robust"]["1"]["pgd-20"]
    robust, standard = (card(name)["accuracy"] for name in NATURAL)
    assert min(standard["clean"], robust["clean"]) > 0.75
    assert robust["robust"]["2"]["pgd-20"] > 0.5 > 0.05 > standard["robust"]["2"]["pgd-20"]


@each
def test_it_has_class_gaussians_of_its_size(name, pair):
    seeds = pair[name].gaussians.sample(torch.arange(10), [torch.Generator().manual_seed(i) for i in range(10)])
    assert seeds.shape == (10, 3, pair[name].size, pair[name].size)


def test_what_the_robust_one_generates_is_of_the_intended_class(pair):
    labels = [name for name in pair[ROBUST].class_names for _ in range(2)]
    made = generate(pair[ROBUST], labels, GenerateRecipe(steps=20, step_size=1.0), seed=0)
    with torch.no_grad():
        shares = pair[ROBUST].logits(made.images).softmax(1).gather(1, made.label[:, None])
        before = pair[ROBUST].logits(made.start).softmax(1).gather(1, made.label[:, None])
    assert shares.min() > 0.9
    assert before.mean() < 0.8


def test_the_animals_are_of_the_intended_class_too(pair):
    names = ["king penguin", "ladybug", "monarch", "lesser panda"]
    made = generate(pair[ANIMALS[0]], names, seed=0)
    with torch.no_grad():
        shares = pair[ANIMALS[0]].logits(made.images).softmax(1).gather(1, made.label[:, None])
    assert shares.min() > 0.9


def test_the_standard_one_convinces_itself_more_than_the_robust_one(pair):
    labels = [name for name in pair[ROBUST].class_names for _ in range(2)]
    made = generate(pair[STANDARD], labels, GenerateRecipe(steps=20, step_size=1.0), seed=0)
    shares = {}
    with torch.no_grad():
        for name in PAIR:
            shares[name] = pair[name].logits(made.images).softmax(1).gather(1, made.label[:, None])
    assert shares[STANDARD].min() > 0.9 > shares[ROBUST].mean()
    assert shares[ROBUST].min() < 0.6


@of_both
def test_its_accuracy_on_some_test_images_is_what_its_card_says(name, pair, photos):
    with torch.no_grad():
        right = pair[name].logits(photos.batch(slice(None))[0]).argmax(1) == photos.labels
    assert float(right.float().mean()) == pytest.approx(card(name)["accuracy"]["clean"], abs=0.06)


def test_the_robust_one_withstands_what_breaks_the_standard_one(pair, photos):
    some = Split(photos.images[::5], photos.labels[::5])
    recipe = EvaluateRecipe(eps=(0.5,), steps=(10,))
    robust, standard = (evaluate(pair[name], some, recipe).robust[0.5]["pgd-10"] for name in PAIR)
    assert robust > 0.4
    assert standard < 0.2


@pytest.mark.parametrize("name", [ROBUST, ANIMALS[0]])
def test_a_loaded_classifier_makes_the_same_image_the_first_time_and_every_time(name):
    classifier = load(name, "cpu")
    made = [generate(classifier, [0, 1], GenerateRecipe(steps=6)) for _ in range(2)]
    assert torch.equal(made[0].images, made[1].images)
    assert torch.equal(made[0].history, made[1].history)
