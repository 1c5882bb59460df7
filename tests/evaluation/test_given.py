"""What users give to an evaluation or a training: a table, with words of the line that refuses each."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from pellucid import (
    L2,
    Classifier,
    CrossEntropy,
    Dataset,
    EvaluateRecipe,
    InputError,
    Split,
    TrainRecipe,
    descend,
    evaluate,
    train,
)

PIXELS, LABELS = torch.zeros(8, 3, 4, 4, dtype=torch.uint8), torch.arange(8) % 2
CLASSIFIER = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)))
RECIPE = EvaluateRecipe(eps=(0.1,), steps=(1,))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda: evaluate(CLASSIFIER, (PIXELS, LABELS), RECIPE), "pellucid.Split"),
        (lambda: evaluate(CLASSIFIER, TensorDataset(PIXELS, LABELS), RECIPE), "pellucid.Split"),
        (lambda: evaluate(CLASSIFIER, Split(PIXELS, LABELS + 1), RECIPE), "up to 2, the classifier has 2"),
        (lambda: evaluate(CLASSIFIER, Split(PIXELS, LABELS - 1), RECIPE), "down to -1"),
        (lambda: evaluate(CLASSIFIER, Split(PIXELS, LABELS[:5]), RECIPE), "8 class numbers"),
        (lambda: Split(torch.zeros(8, 4, 4, 3), LABELS), "permute"),
        (lambda: CLASSIFIER.predict(255 * torch.ones(1, 3, 4, 4)), "255"),
        (lambda: descend(CLASSIFIER, CrossEntropy("cat"), PIXELS / 255, ball=L2(1.0), steps=1), "'cat'"),
        (lambda: descend(CLASSIFIER, CrossEntropy(["cat"] * 8), PIXELS / 255, ball=L2(1.0), steps=1), "'cat'"),
        (lambda: evaluate(CLASSIFIER, Split(PIXELS, torch.eye(2)[LABELS]), RECIPE), "argmax"),
        (lambda: evaluate(CLASSIFIER.network, Split(PIXELS, LABELS), RECIPE), "pellucid.Classifier"),
        (lambda: train((PIXELS, LABELS), TrainRecipe(), Path("never")), "pellucid.Dataset"),
        (lambda: Dataset("pets", TensorDataset(PIXELS, LABELS), Split(PIXELS, LABELS), ["a", "b"]), "pellucid.Split"),
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
    assert evaluate(CLASSIFIER, Split(PIXELS, labels), RECIPE) == evaluate(CLASSIFIER, Split(PIXELS, LABELS), RECIPE)
