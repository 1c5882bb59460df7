"""A watch on the loss: training stops where it is no longer a number, and says where that was."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..base.errors import InputError
from ..data.dataset import LabeledImages

EVERY, NAMED = 32, 16  # steps between looks; images that a message names


class LossWatch:
    """Notes losses and looks at them every 32 steps, because looking waits for a GPU."""

    def __init__(self, epoch: int, split: LabeledImages):
        self.epoch, self.split = epoch, split
        self.noted: list[tuple[int, Tensor, Tensor]] = []

    def note(self, step: int, index: Tensor, loss: Tensor) -> None:
        """A step's loss, and which training images it is of. Raises `InputError` as `check` does."""
        self.noted.append((step, index, loss.detach()))
        if len(self.noted) == EVERY:
            self.check()

    def check(self) -> None:
        """Raise `InputError` with the first step whose loss is not finite, and the images of its batch."""
        if not self.noted:
            return
        finite = torch.stack([loss for _, _, loss in self.noted]).isfinite().tolist()
        if not all(finite):
            step, index, loss = self.noted[finite.index(False)]
            where = f"at step {step + 1} (epoch {self.epoch}), on images {self._names(index.tolist())}"
            raise InputError(f"the loss is {float(loss)} {where}; {self._advice()}")
        self.noted.clear()

    def check_weights(self, network: nn.Module) -> None:
        """Raise `InputError` if a weight is not finite: the last update of an epoch is followed by no loss."""
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise InputError(f"{name} is no longer finite after epoch {self.epoch}; {self._advice()}")

    def _names(self, numbers: list[int]) -> str:
        """The first of some images: their files, or their numbers where they have none."""
        more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
        return " ".join(self.split.name(number) for number in numbers[:NAMED]) + more

    def _advice(self) -> str:
        return f"the last good checkpoint is that of epoch {self.epoch - 1}; try a lower --lr"
