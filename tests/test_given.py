"""What people give to the public functions: arrays, labels, recipes, data sets and classifiers of the wrong kind."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import TensorDataset

import pellucid as pl
from pellucid import CrossEntropy, InputError, Misclassified, Split

PIXELS, LABELS = torch.zeros(8, 3, 4, 4, dtype=torch.uint8), torch.arange(8) % 2
NETWORK = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
CLASSIFIER = pl.Classifier(NETWORK, class_names=["cat", "dog"])
SPLIT = Split(PIXELS, LABELS)
WIDE = Split(torch.rand(2, 3, 24, 40), [0, 1])
PETS = pl.Dataset("pets", SPLIT, SPLIT, ["cat", "dog"])
IMAGES, MASK, NEVER = torch.rand(2, 3, 4, 4), torch.ones(1, 1, 4, 4), Path("never")
RECIPE = pl.EvaluateRecipe(eps=(0.1,), steps=(1,))

# Every public function that takes a recipe, a split or a data set, and a classifier: `f(classifier, data, recipe)`.
TASKS = {
    "evaluate": (pl.evaluate, SPLIT),
    "sanity": (pl.sanity, SPLIT),
    "certify": (pl.certify, SPLIT),
    "transferability": (lambda c, s, r: pl.transferability({"one": c, "two": c}, s, r), SPLIT),
    "layer_robustness": (lambda c, s, r: pl.layer_robustness(c, IMAGES, r), None),
    "similarity_study": (lambda c, s, r: pl.similarity_study({"one": c}, IMAGES, r), None),
    "distance": (lambda c, s, r: pl.distance(c, IMAGES, IMAGES, r), None),
    "interpolate": (lambda c, s, r: pl.interpolate(c, IMAGES, IMAGES, r), None),
    "invert": (lambda c, s, r: pl.invert(c, IMAGES, r), None),
    "manipulate": (lambda c, s, r: pl.manipulate(c, IMAGES, 1, r), None),
    "visualize": (lambda c, s, r: pl.visualize(c, [1], r), None),
    "stylize": (lambda c, s, r: pl.stylize(c, IMAGES[:1], [IMAGES[1:]], r), None),
    "brush": (lambda c, s, r: pl.brush(c, IMAGES, MASK, "cat", r), None),
    "generate": (lambda c, s, r: pl.generate(c, "cat", r), None),
    "inpaint": (lambda c, s, r: pl.inpaint(c, IMAGES, MASK, "cat", r), None),
    "paint": (lambda c, s, r: pl.paint(c, IMAGES, [], r), None),
    "sketch": (lambda c, s, r: pl.sketch(c, IMAGES, "cat", r), None),
    "superres": (lambda c, s, r: pl.superres(c, IMAGES, "cat", r), None),
    "translate": (lambda c, s, r: pl.translate(c, IMAGES, "cat", r), None),
    "stylize_data": (lambda c, d, r: pl.stylize_data(c, d, [IMAGES[:1]], r), PETS),
    "transfer": (pl.transfer, PETS),
    "nonrobust_data": (pl.nonrobust_data, PETS),
    "transferability_study": (lambda c, d, r: pl.transferability_study(c, d, r, folder=NEVER), PETS),
}
OTHERS = {
    "descend": (lambda c, s: pl.descend(c, CrossEntropy(0), IMAGES, ball=pl.L2(1.0), steps=1), None),
    "perceptual_distance": (lambda c, s: pl.perceptual_distance(c, IMAGES, IMAGES), None),
    "features": (pl.features, SPLIT),
    "activating": (pl.activating, SPLIT),
    "fit_gaussians": (lambda c, s: pl.fit_gaussians(s, 2), SPLIT),
    "train": (lambda c, d: pl.train(d, pl.TrainRecipe(), NEVER), PETS),
    "a data set": (lambda c, s: pl.Dataset("pets", s, SPLIT, ["cat", "dog"]), SPLIT),
}
CALLS = OTHERS | {name: (lambda c, d, task=task: task(c, d, None), data) for name, (task, data) in TASKS.items()}


RECIPES = TASKS | {
    "train": (lambda c, d, r: pl.train(d, r, NEVER), PETS),
    "convert": (lambda c, s, r: pl.convert(NEVER, r), None),
}


@pytest.mark.parametrize("task", RECIPES)
@pytest.mark.parametrize("recipe", [0.5, {"eps": 1}, "paper", pl.Attack(), pl.GenerateRecipe], ids=str)
def test_what_is_no_recipe_is_refused(task, recipe):
    function, data = RECIPES[task]
    with pytest.raises(InputError, match="recipe must be a "):
        function(CLASSIFIER, data, recipe)


@pytest.mark.parametrize("task", [name for name in CALLS if name not in ("fit_gaussians", "train", "a data set")])
@pytest.mark.parametrize("given", [NETWORK, "cifar10-l2-0.5", None], ids=lambda given: type(given).__name__)
def test_what_is_no_classifier_is_refused(task, given):
    remedy = r"pellucid\.load\('cifar10-l2-0\.5'\)" if isinstance(given, str) else "pellucid.Classifier"
    with pytest.raises(InputError, match=remedy):
        CALLS[task][0](given, CALLS[task][1])


@pytest.mark.parametrize("task", [name for name, (_, data) in CALLS.items() if data is not None])
@pytest.mark.parametrize(
    "given",
    [TensorDataset(PIXELS, LABELS), (PIXELS, LABELS), [PIXELS, LABELS], PIXELS, None],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_data_is_refused(task, given):
    function, right = CALLS[task]
    with pytest.raises(InputError, match=f"pellucid.{type(right).__name__}.*{type(given).__name__}"):
        function(CLASSIFIER, given)
    with pytest.raises(InputError, match="test or its train" if right is SPLIT else "pellucid.Dataset.*Split"):
        function(CLASSIFIER, PETS if right is SPLIT else SPLIT)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda: pl.evaluate(CLASSIFIER, Split(PIXELS, LABELS + 1), RECIPE), "up to 2, the classifier has 2"),
        (lambda: pl.transferability([CLASSIFIER, CLASSIFIER], SPLIT), "by name"),
        *[
            (lambda read=read: read(255 * torch.ones(1, 3, 4, 4)), "divide 8-bit")
            for read in (CLASSIFIER, CLASSIFIER.logits, CLASSIFIER.predict)
        ],
        (lambda: CLASSIFIER.predict(Image.fromarray(np.full((4, 4), 200, dtype=np.int32))), "32 bits"),
        (lambda: CLASSIFIER.predict(Image.fromarray(np.full((4, 4), 200, dtype=np.float32))), "floats from 200"),
        (lambda: CLASSIFIER.predict(torch.ones(1, 3, 4, 4) - 2), "normalizes them"),
        (lambda: CLASSIFIER("photo.png"), "as a tensor .*, not as str; predict"),
        (lambda: pl.evaluate(CLASSIFIER, "photos"), r"load_data\('photos'\)\.test"),
        (lambda: pl.train("photos"), r"load_data\('photos'\)$"),
        (lambda: CLASSIFIER(torch.ones(1, 1, 4, 4)), "expand"),
        (lambda: pl.Classifier(NETWORK, class_names=["cat", "cat"]).label("cat"), "several classes"),
        (lambda: pl.Dataset("pets", SPLIT, SPLIT, {"dog": 1, "cat": 0}), "not a dict"),
        (lambda: pl.Dataset("pets", SPLIT, SPLIT, None), "there are 0 classes"),
        (lambda: Split(PIXELS, torch.eye(8)), "labels.argmax"),
        (lambda: Split(PIXELS, torch.ones(8, 8)), "several classes"),
        (lambda: pl.evaluate(CLASSIFIER, SPLIT, RECIPE, eps=(128.0,)), "l2 eps of 128 .*128/255"),
        (
            lambda: pl.train(pl.Dataset("wide", WIDE, WIDE, ["cat", "dog"]), pl.TrainRecipe(), NEVER),
            "40 x 24; give --size",
        ),
        (lambda: pl.evaluate(CLASSIFIER, Split(torch.zeros(2, 3, 8, 8), [0, 1]), RECIPE), "8 x 8"),
        (
            lambda: pl.evaluate(
                pl.Classifier(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))),
                WIDE,
                pl.EvaluateRecipe(eps=(0.1,), steps=(1,), autoattack=("apgd-ce", "square")),
            ),
            "40 x 24",
        ),
    ],
)
def test_refused(given, words):
    with pytest.raises(InputError, match=words):
        given()


@pytest.mark.parametrize(
    "labels",
    [LABELS[:, None], LABELS.int().numpy(), LABELS.byte(), tuple(LABELS.tolist())],
    ids=lambda given: type(given),
)
def test_labels_of_any_kind_are_measured_alike(labels):
    assert pl.evaluate(CLASSIFIER, Split(PIXELS, labels), RECIPE) == pl.evaluate(CLASSIFIER, SPLIT, RECIPE)


# A class by its name or number, for all images or one for each, and the numbers that it stands for; or what the line
# that refuses it names.
CLASSES = [
    ("dog", [1, 1]),
    (1, [1, 1]),
    ("1", [1, 1]),
    (np.int64(1), [1, 1]),
    (torch.tensor(1), [1, 1]),
    (["dog"], [1, 1]),
    (["dog", "cat"], [1, 0]),
    (("dog", 0), [1, 0]),
    (np.array(["dog", "cat"]), [1, 0]),
    (np.array([1, 0]), [1, 0]),
    (torch.tensor([1, 0]), [1, 0]),
    ("lion", "'lion'"),
    (["dog", "dgo"], "'dog'"),
    ("", "''"),
    (2, "2"),
    (["dog", 2], "class 2; there are 2"),
    (-1, "-1"),
    (0.5, "float"),
    ([0.5, 1.0], "class 0.5"),
    (None, "None"),
    (["dog", None], "class None"),
    (["dog"] * 3, "3 rows for 2 images"),
    (torch.eye(2), r"\(2, 2\)"),
]


@pytest.mark.parametrize(("label", "expected"), CLASSES, ids=str)
@pytest.mark.parametrize("objective", [CrossEntropy, lambda label: 2 * -CrossEntropy(label) + CrossEntropy(0)])
def test_a_class_is_a_name_or_a_number(label, expected, objective):
    def moved(label, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pl.descend(CLASSIFIER, objective(label), IMAGES, ball=pl.L2(1.0), steps=3, **options)

    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            moved(label)
        with pytest.raises(InputError, match=expected):
            moved(0, stop=Misclassified(label))
        return
    numbers = torch.tensor(expected)
    assert torch.equal(moved(label).images, moved(numbers).images)
    one, other = (moved(0, stop=Misclassified(given)) for given in (label, numbers))
    assert torch.equal(one.stopped_at, other.stopped_at)


def test_names_need_a_classifier():
    activations = CLASSIFIER(IMAGES)
    with pytest.raises(InputError, match="'dog'"):
        CrossEntropy("dog")(IMAGES, activations)
    named = CrossEntropy(CLASSIFIER.labels("dog"))(IMAGES, activations)
    assert torch.equal(named, CrossEntropy(1)(IMAGES, activations))
