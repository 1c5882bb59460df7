"""The first test: on a linear classifier the smallest adversarial distance is known in closed form.

For logits W x + b of two classes it is |(w₁ - w₀) · x + b₁ - b₀| / ‖w₁ - w₀‖, in the dual norm: L2 for L2, L1 for Linf.
PGD must fool every input just beyond that radius, and none just within it.
"""

import pytest
import torch
from torch import nn

from pellucid import L2, Classifier, CrossEntropy, Linf, descend

SIDE = 4


def linear_classifier(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2))
        nn.init.normal_(network[1].weight, std=0.5)
    return Classifier(network, mean=(0.5, 0.4, 0.3), std=(0.5, 0.6, 0.7))


def closed_form(classifier, images, dual_norm):
    """The radius of each image, from the plane that the classifier draws in the space of unnormalized images."""
    weights = classifier.network[1].weight.detach().double().reshape(2, 3, SIDE, SIDE) / classifier.std
    plane = weights[1] - weights[0]
    logits = classifier.logits(images).detach().double()
    return ((logits[:, 1] - logits[:, 0]).abs() / torch.linalg.vector_norm(plane, dual_norm)).float()


def images_near_the_boundary(classifier, count, seed):
    """Images of 0.5 ± 0.25, on both sides of the plane, at L2 distances from 0.05 to 0.2."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, SIDE, SIDE, generator=generator) * 0.2 + 0.4
    plane = (classifier.network[1].weight[1] - classifier.network[1].weight[0]).detach().reshape(3, SIDE, SIDE)
    plane = plane / classifier.std[0]
    unit = plane / plane.norm()
    with torch.no_grad():
        logits = classifier.logits(images)
        distances = (logits[:, 1] - logits[:, 0]) / plane.norm()
        wanted = (torch.rand(count, generator=generator) * 0.15 + 0.05) * torch.tensor([1.0, -1.0]).repeat(count)[
            :count
        ]
        return images + (wanted - distances)[:, None, None, None] * unit


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize(("ball", "dual_norm"), [(L2, 2), (Linf, 1)])
def test_pgd_fools_every_input_beyond_the_closed_form_radius_and_none_within(ball, dual_norm, count, seed):
    classifier = linear_classifier(seed)
    images = images_near_the_boundary(classifier, count, seed + 10)
    radius = closed_form(classifier, images, dual_norm)
    labels = classifier.logits(images).argmax(1)

    def fooled(factor):
        eps = radius * factor
        result = descend(classifier, -CrossEntropy(labels), images, ball=ball(eps), steps=20).images
        assert float(result.min()) > 0  # the box does not bind, or the closed form would not hold
        assert float(result.max()) < 1
        return classifier.logits(result).argmax(1) != labels

    assert fooled(1.01).all()
    assert not fooled(0.99).any()
