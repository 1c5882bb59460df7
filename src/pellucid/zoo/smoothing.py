"""Randomized smoothing: a classifier averaged over Gaussian noise on its images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_seed, number, positive, positive_int
from ..core.batch import generators
from ..core.classifier import Classifier
from ..core.reading import Activations, Reader

STREAM = 104_729  # added to the seed, so that no noise is that of a task's own start


class RandomizedSmoothing(Classifier):
    """The classifier g(x) = E softmax(f(x + σ z)), z ~ N(0, I), estimated from a few samples of z.

    Its logits are log g, so that their softmax is g and `CrossEntropy` is -log g (Salman et al. 2019, arXiv 1906.04584,
    eq. 5); representation and layers are means over the samples. Gradients of g are perceptually aligned (Kaur et al.
    2019, arXiv 1910.08640), and its vote has a certificate (Cohen et al. 2019; see `certify`). Every task takes it.

    Noise comes in pairs z, -z and is shared by all images of a pass, so that no image's result depends on the others
    beside it. Each pass with gradients, that is each step of a descent, has fresh noise, by the seed and the number of
    the pass; images of a descent that do not fit its first batch see that of later passes. Passes without gradients
    always have the noise of the first: predictions and verdicts repeat.

    Args:
        classifier: f; its network is shared, not copied.
        sigma: σ, the standard deviation of the noise, in [0, 1] units.
        samples: how often the network runs in one pass; `Descent.forwards` counts such a pass once.
        seed: of the noise.

    Raises:
        InputError: a sigma that is not positive and finite, fewer samples than 1.

    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
    >>> smoothed = RandomizedSmoothing(Classifier(network), sigma=0.25, samples=4)
    >>> smoothed(torch.rand(2, 3, 2, 2)).logits.exp().sum(1).allclose(torch.ones(2))
    True
    """

    def __init__(self, classifier: Classifier, sigma: float, samples: int = 8, seed: int = 0):
        check_classifier(classifier)
        mean, std = classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()
        super().__init__(classifier.network, mean, std, classifier.class_names, classifier.head, classifier.card)
        self.head_was_named, self.unit_axes = classifier.head_was_named, classifier.unit_axes
        self.gaussians = classifier.gaussians
        self.sigma = positive("sigma", number("sigma", sigma))
        self.samples, self.seed = positive_int("samples", samples), check_seed(seed)

    @property
    def passes(self) -> str:
        """What decides its results besides the weights; part of its fingerprint."""
        return f"{self.sigma!r} {self.samples} {self.seed}"

    def reader(self, layers: Iterable[str] = (), straight_through: bool = False) -> Reader:
        """A function from images to the averages of their `Activations`, for many passes."""
        return SmoothedReader(super().reader(layers, straight_through), self.sigma, self.samples, self.seed)

    def logits(self, images: Tensor) -> Tensor:
        """log g(images), `(N, K)`, of the network as it is: its mode, its gradients."""
        noise = noise_of_pass(images, self.samples, self.seed)
        return log_mean_softmax([super(RandomizedSmoothing, self).logits(images + self.sigma * z) for z in noise])


class SmoothedReader(Reader):
    """A reader that runs several times in a pass, each time with other noise on the images, and averages."""

    def __init__(self, reader: Reader, sigma: float, samples: int, seed: int):
        vars(self).update(vars(reader))  # the same twin, with the same hooks
        self.sigma, self.samples, self.seed = sigma, samples, seed
        self.passes = 0

    def __call__(self, images: Tensor) -> Activations:
        fresh = torch.is_grad_enabled()
        noise = noise_of_pass(images, self.samples, self.seed, self.passes if fresh else 0)
        self.passes += fresh
        read = super().__call__
        found = [read(images + self.sigma * z) for z in noise]
        first = found[0].head_input
        head = first if isinstance(first, str) else mean([one.representation for one in found])
        layers = {name: mean([one.layers[name] for one in found]) for name in self.layers}
        return Activations(log_mean_softmax([one.logits for one in found]), head, layers)


def noise_of_pass(images: Tensor, samples: int, seed: int, number: int = 0) -> Tensor:
    """Standard normal noise for one pass over images `(N, C, H, W)`: `(samples, C, H, W)`, in pairs z, -z."""
    (generator,) = generators(seed + STREAM, 1, first=number)
    half = torch.randn((samples + 1) // 2, *images.shape[1:], generator=generator)
    return torch.cat([half, -half])[:samples].to(images)


def log_mean_softmax(logits: Sequence[Tensor]) -> Tensor:
    """The logarithm of the mean of several softmaxes, each `(N, K)`."""
    return torch.stack([one.log_softmax(1) for one in logits]).logsumexp(0) - math.log(len(logits))


def mean(values: Sequence[Tensor]) -> Tensor:
    """The mean of several tensors."""
    return torch.stack(list(values)).mean(0)
