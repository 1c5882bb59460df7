"""Linear classifiers, whose accuracy at every radius is known, and images for them."""

import torch
from torch import nn

from pellucid import Classifier
from pellucid.data.dataset import Split

SIDE = 4


def flat_classifier(seed=0):
    """Linear, of two classes, with its plane through gray."""
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.randn(2, 3 * SIDE**2, generator=generator))
        network[1].bias.copy_(-0.5 * network[1].weight.sum(1))
    return Classifier(network)


def gray_split(count=40, seed=1, size=SIDE, classes=2):
    """Images near gray, far from black and white, with random labels."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(100, 156, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    return Split(images, torch.randint(classes, (count,), generator=generator))


def radii(classifier, split, dual_norm):
    """How far each image is from being seen wrongly, in closed form; below 0 if it is already."""
    layer = classifier.network[1]
    plane = (layer.weight[1] - layer.weight[0]).detach().double()
    bias = float(layer.bias.detach().diff())
    margins = (split.images.flatten(1).double() / 255) @ plane + bias
    return margins * (2 * split.labels - 1) / torch.linalg.vector_norm(plane, dual_norm)


def between(values):
    """Radii with a share of `values` on either side, each in the middle of the widest gap nearby."""
    values = values[values > 0].sort().values
    found = []
    for share in (0.3, 0.6, 0.9):
        at = int(share * len(values))
        ratios = values[at - 1 : at + 2] / values[at - 2 : at + 1]
        gap = at - 2 + int(ratios.argmax())
        found.append(float((values[gap] * values[gap + 1]).sqrt()))
    return tuple(found)
