"""The largest singular value of a layer's Jacobian: how fast a layer can change with the image, to first order."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base.checks import check_images
from ..core.batch import draw, generators, norms, per_image
from ..core.classifier import Classifier


def largest_singular_value(
    classifier: Classifier, images: Tensor, layer: str, *, steps: int = 20, seed: int = 0
) -> Tensor:
    """σ_max of the Jacobian of a layer at each image, `(N,)`, by power iteration on JᵀJ.

    To first order, the largest change in an L2 ball is σ_max · eps: what the search finds at a small radius should
    come near, and at a larger one may exceed it, because a network is not linear.
    """
    images = check_images(images).to(classifier.device)
    direction = draw(torch.randn, images, generators(seed, len(images)))
    sigma = torch.zeros(len(images), device=images.device)
    read = classifier.reader([layer])
    with torch.inference_mode(False), torch.enable_grad():
        for _ in range(steps):
            direction = direction * per_image(1 / norms(direction).clamp_min(1e-30), direction)
            inputs = images.clone().requires_grad_()
            values = read(inputs)[layer]
            # J v through two backward passes: Jᵀ u is linear in u, and J v is the gradient of (Jᵀ u) · v by u.
            seed_of_u = torch.zeros_like(values, requires_grad=True)
            (pulled,) = torch.autograd.grad(values, inputs, seed_of_u, create_graph=True)
            (pushed,) = torch.autograd.grad(pulled, seed_of_u, direction, retain_graph=True)
            (direction,) = torch.autograd.grad(values, inputs, pushed)
            sigma = norms(pushed)
    return sigma.detach().cpu()
