"""The losses of style transfer: distances between feature statistics, between features, and between neighbors.

Statistics are sums over positions, so they add up over the tiles of a large image, and a soft mask weights positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


class _SecondMoment(torch.autograd.Function):
    """Fᵀ diag(m) F of `(P, C)`. Its gradient m F (S + Sᵀ) is one product, where a product of two factors has two."""

    @staticmethod
    def forward(ctx, rows: Tensor, share: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, share)
        return (rows if share is None else rows * share).T @ rows

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        (slope,) = gradients
        rows, share = ctx.saved_tensors
        gradient = rows @ (slope + slope.T)
        return (gradient if share is None else gradient * share), None


@dataclass(frozen=True)
class Statistics:
    """Sums over the positions p of a layer, each with a weight m_p (1 without a mask).

    Attributes:
        weight: `()`, Σ m_p.
        first: `(C,)`, Σ m_p f_p.
        second: `(C, C)`, Σ m_p f_p f_pᵀ.

    >>> features = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
    >>> Statistics.of(features).covariance
    tensor([[1.]])
    """

    weight: Tensor
    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, features: Tensor, mask: Tensor | None = None) -> Statistics:
        """Of features `(1, C, H, W)`, under a mask `(1, 1, H, W)` in [0, 1]."""
        rows = features[0].permute(1, 2, 0).flatten(0, 1).float()  # (H·W, C), a view of channels-last memory
        share = None if mask is None else mask.reshape(-1, 1).to(rows)
        weight = rows.new_tensor(len(rows)) if share is None else share.sum()
        first = rows.sum(0) if share is None else (rows * share).sum(0)
        return cls(weight, first, _SecondMoment.apply(rows, share))

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(self.weight + other.weight, self.first + other.first, self.second + other.second)

    @property
    def mean(self) -> Tensor:
        """E f, `(C,)`."""
        return self.first / self.weight.clamp_min(1e-6)

    @property
    def moment(self) -> Tensor:
        """E f fᵀ, `(C, C)`."""
        return self.second / self.weight.clamp_min(1e-6)

    @property
    def covariance(self) -> Tensor:
        """E (f - E f)(f - E f)ᵀ, `(C, C)`."""
        return self.moment - torch.outer(self.mean, self.mean)

    def mixed(self, other: Statistics, share: float) -> Statistics:
        """Those of a mixture that draws a position from `other` with probability `share`, and from this otherwise."""
        first, second = torch.lerp(self.mean, other.mean, share), torch.lerp(self.moment, other.moment, share)
        return Statistics(torch.ones_like(self.weight), first, second)


@dataclass(frozen=True)
class Gram:
    """mean over C x C of (G - G_target)²,   G = Σ_p f_p f_pᵀ / (C · H · W)   (Gatys, Ecker and Bethge 2016).

    The division by all elements of a layer, and not by its positions alone, is that of the published experiments on
    robust networks.
    """

    target: Statistics

    def __call__(self, ours: Statistics) -> Tensor:
        """The loss of the statistics of an image, a scalar."""
        return ((ours.moment - self.target.moment) / len(ours.first)).square().mean()


@dataclass(frozen=True)
class Covariance:
    """As `Gram`, of centered features: what is matched does not depend on their mean."""

    target: Statistics

    def __call__(self, ours: Statistics) -> Tensor:
        """The loss of the statistics of an image, a scalar."""
        return ((ours.covariance - self.target.covariance) / len(ours.first)).square().mean()


class Wasserstein:
    """The squared Wasserstein-2 distance of Gaussians with the features' means and covariances.

        ‖μ - ν‖² + tr(Σ + T - 2 (T^½ Σ T^½)^½)

    A ridge of 1e-4 of the target's mean variance on both covariances keeps the gradient bounded where T^½ Σ T^½ is
    singular, as it is for units that are off. The trace of the root is the sum of the roots of the eigenvalues, whose
    gradient needs no differences of eigenvalues, so equal ones do no harm. In float64.
    """

    def __init__(self, target: Statistics):
        self.mean, covariance = _exact(target.mean), _exact(target.covariance)
        variance = covariance.diagonal().mean()
        self.ridge = (1e-4 * variance).clamp_min(1e-12) * torch.eye(len(covariance)).to(covariance)
        self.covariance = covariance + self.ridge
        values, vectors = torch.linalg.eigh(self.covariance)
        self.root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T

    def __call__(self, ours: Statistics) -> Tensor:
        """The loss of the statistics of an image, a scalar."""
        covariance = _exact(ours.covariance) + self.ridge
        product = self.root @ covariance @ self.root
        values = torch.linalg.eigvalsh((product + product.T) / 2).clamp_min(1e-30)
        distance = (covariance + self.covariance).diagonal().sum() - 2 * values.sqrt().sum()
        return ((_exact(ours.mean) - self.mean).square().sum() + distance).float().to(ours.first.device)


STYLE_LOSSES: dict[str, Callable[[Statistics], Callable[[Statistics], Tensor]]] = {
    "gram": Gram,
    "covariance": Covariance,
    "wasserstein": Wasserstein,
}


def content_distance(features: Tensor, target: Tensor) -> Tensor:
    """Σ (f - t)² over all elements; divided by their number it is the content loss of Gatys, Ecker and Bethge."""
    return (features - target).square().sum()


def total_variation(images: Tensor) -> Tensor:
    """mean (x_{i+1,j} - x_{i,j})² + mean (x_{i,j+1} - x_{i,j})² of `(N, C, H, W)`, a scalar.

    >>> total_variation(torch.tensor([[[[0.0, 0.5], [0.0, 0.5]]]]))
    tensor(0.2500)
    """
    rows, columns = images.diff(dim=2), images.diff(dim=3)
    return sum((d.square().mean() for d in (rows, columns) if d.numel()), images.new_zeros(()))


def _exact(tensor: Tensor) -> Tensor:
    return tensor.cpu().double() if tensor.device.type == "mps" else tensor.double()  # MPS has no float64
