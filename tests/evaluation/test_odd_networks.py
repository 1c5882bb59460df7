"""Networks whose logits are no plain numbers: a table of them, each with its accuracies."""

import math
import warnings

import pytest
import torch
from torch import nn

from pellucid import Classifier, EvaluateRecipe, Split, evaluate, sanity


class Odd(nn.Module):
    """Sees class 0 where an image's mean is below 1/2 and class 1 elsewhere, of three; `change` then has its way."""

    def __init__(self, change):
        super().__init__()
        self.head, self.change = nn.Linear(1, 3), change
        self.head.weight.data = torch.tensor([[-1.0], [1.0], [0.0]])
        self.head.bias.data = torch.tensor([0.5, -0.5, -9.0])

    def forward(self, x):
        return self.change(self.head(x.flatten(1).mean(1, keepdim=True)))


class NanGradient(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * math.nan


def filled(value, column):
    def change(logits):
        return torch.cat([logits[:, :column], torch.full_like(logits[:, :1], value), logits[:, column + 1 :]], 1)

    return change


# change, clean accuracy, robust accuracy within the margin of half of the images, words of the signs
ODD = {
    "plain": (lambda logits: logits, 1.0, 0.5, []),
    "NaN": (lambda logits: logits / 0 * 0, 0.0, 0.0, []),
    "one NaN of three": (filled(math.nan, 0), 0.0, 0.0, []),
    "NaN near the border": (lambda logits: torch.where(logits[:, :1].abs() < 0.1, math.nan, logits), 1.0, 0.5, []),
    "an impossible class": (filled(-math.inf, 2), 1.0, 0.5, []),
    "no possible class": (lambda logits: logits - math.inf, 0.0, 0.0, []),
    "a NaN gradient": (NanGradient.apply, 1.0, 1.0, ["gradient vanishes"]),
}
VALUES = torch.tensor([0.1, 0.35, 0.65, 0.9] * 3)  # means of the images: 0.4 and 0.15 from the border


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("autoattack", [(), ("apgd-ce",)])
def test_accuracies_and_signs(name, autoattack):
    change, clean, robust, signs = ODD[name]
    split = Split(VALUES[:, None, None, None].expand(-1, 3, 4, 4).contiguous(), (VALUES > 0.5).long())
    classifier = Classifier(Odd(change))
    recipe = EvaluateRecipe("linf", (0.2,), (10,), autoattack=autoattack)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = evaluate(classifier, split, recipe)
    assert result.clean == clean
    assert set(result.robust[0.2].values()) == {robust}
    assert bool([w for w in said if "0, 1, 2" in str(w.message)]) == (clean == 0)
    if name != "NaN near the border":  # the attack stops there, and says so
        found = sanity(classifier, split, recipe)
        assert len(found) == len(signs)
        assert all(word in text for word, text in zip(signs, found, strict=True))
