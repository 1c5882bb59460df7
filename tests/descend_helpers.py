"""A descent that several tests run."""

import torch
from helpers import conv_classifier

from pellucid import L2, CrossEntropy, descend
from pellucid.core.batch import per_image


def jitter(images, generators):
    """A transform that draws from each image's own generator."""
    scale = torch.stack([torch.rand((), generator=g) for g in generators])
    return images * per_image(0.5 + scale, images)


def attack(x, classifier=None, **options):
    """An attack on class 0, with whatever options."""
    options = {"ball": L2(0.5), "steps": 4, **options}
    return descend(classifier or conv_classifier(), -CrossEntropy(0), x, **options)


def loss(images, classifier=None):
    """What `attack` lowers."""
    return (-CrossEntropy(0)(images, (classifier or conv_classifier()).eval()(images))).detach()
