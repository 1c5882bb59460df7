"""A judge: a classifier that had no part in making images, and says what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.batch import at_once
from ..core.classifier import Classifier


@dataclass(frozen=True)
class Judge:
    """A classifier that is asked at its own size to choose among those of the given classes that it knows.

    Classes are the same if their names are, or the first of several synonyms: `samoyed` is `Samoyed, Samoyede`.

    Args:
        classifier: preferably of another architecture, trained on other data than what made the images.
        class_names: of the classes that images may be meant to show.

    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3))
    >>> Judge(Classifier(network, class_names=["dog", "ship", "cat, kitten"]), ["Cat", "frog", "dog"]).own
    tensor([ 2, -1,  0])
    """

    classifier: Classifier
    class_names: Sequence[str]

    @cached_property
    def own(self) -> Tensor:
        """`(K,)`, for each of the classes the judge's number for it; -1 for one that it does not know."""
        names = [name.split(",")[0].strip().casefold() for name in self.classifier.class_names or []]
        wanted = [name.split(",")[0].strip().casefold() for name in self.class_names]
        return torch.tensor([names.index(name) if name in names else -1 for name in wanted])

    @property
    def known(self) -> Tensor:
        """The numbers of the classes that the judge knows, rising."""
        return (self.own >= 0).nonzero()[:, 0]

    @torch.no_grad()
    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What it sees: `(N,)` numbers of the classes, of those that it knows, and `(N, U)` representations."""
        side = self.classifier.size or images.shape[2]
        images = images.to(self.classifier.device)
        images = F.interpolate(images, side, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        read = self.classifier.reader()
        seen = [read(part) for part in images.split(at_once(images))]
        logits = torch.cat([s.logits for s in seen]).cpu()
        return self.known[logits[:, self.own[self.known]].argmax(1)], torch.cat([s.representation for s in seen]).cpu()
