"""Distances of a picture from its style and its content, under a network that did not make it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.errors import InputError
from ..core.classifier import Classifier
from .backbone import Backbone, default_layers
from .losses import Gram, Statistics, content_distance
from .pyramid import resized, with_shorter_side

RULE = "lowest sum of style distance and content distance under {judge}, which made none of the pictures"


@dataclass(frozen=True)
class Verdict:
    """Distances of a picture from its style and its content.

    Attributes:
        style: Gram distance to the style, mean over layers, each as a share of the content picture's; 1 is no style.
        content: squared distance to the content, as a share of that of the style picture at the content's size; 0 is
            the content itself.
    """

    style: float
    content: float

    @property
    def score(self) -> float:
        """The sum of both; lower is better."""
        return self.style + self.content


class Judge:
    """Distances under one network, by its own style and content layers.

    Args:
        classifier: a network that none of the pictures was made with; see `default_layers` for which kinds are known.
    """

    def __init__(self, classifier: Classifier):
        self.style_layers, self.content_layers = default_layers(classifier)
        self.backbone = Backbone(classifier, [*self.style_layers, *self.content_layers])

    @torch.no_grad()
    def __call__(self, images: Tensor, content: Tensor, style: Tensor) -> Verdict:
        """The verdict on a picture `(1, 3, H, W)` made of `content`, of the same size, and `style`, of any."""
        if images.shape != content.shape:
            raise InputError(
                f"the picture is {tuple(images.shape)} and its content {tuple(content.shape)}; give one size"
            )
        size = (content.shape[2], content.shape[3])
        made, kept = self.backbone(images.to(content)), self.backbone(content)
        wanted = self.backbone(with_shorter_side(style.to(content), min(size)))
        as_content = self.backbone(resized(style.to(content), size))
        shares = []
        for layer in self.style_layers:
            target = Gram(Statistics.of(wanted[layer]))
            shares.append(target(Statistics.of(made[layer])) / target(Statistics.of(kept[layer])).clamp_min(1e-20))
        away = [content_distance(made[layer], kept[layer]) for layer in self.content_layers]
        farthest = [content_distance(as_content[layer], kept[layer]) for layer in self.content_layers]
        return Verdict(
            float(torch.stack(shares).mean()),
            float(torch.stack(away).sum() / torch.stack(farthest).sum().clamp_min(1e-20)),
        )
