"""The stop rule of an untargeted attack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.checks import check_index
from ..core.objective import StopRule
from ..core.reading import Activations


@dataclass(frozen=True)
class Misclassified(StopRule):
    """Finished are the images that the classifier does not see as `label`, which is as in `CrossEntropy`."""

    label: Tensor | int | str | Sequence[str | int]

    def check(self, activations: Activations) -> None:
        check_index("the classifier has classes", self.label, activations.logits.shape[1])

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        seen = activations.logits.argmax(1)
        return seen != torch.as_tensor(self.label, device=seen.device)
