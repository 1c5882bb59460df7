"""What images looked like on their way."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

AT_MOST = 60  # frames, about


class Frames:
    """Collects what the images look like during a descent, in 8 bits; of more than `most` bytes every second one."""

    def __init__(self, most: float = math.inf):
        self.most, self.every = most, 1
        self.current = torch.empty(0)
        self.seen: list[Tensor] = []

    def add(self, progress: Any) -> None:
        """Note the images after a step, of about 60 steps in all."""
        done, total = counted(progress)
        if done % (self.every * math.ceil(total / AT_MOST)) and done != total:
            return
        images = (progress.images.detach() * 255).round_().clamp_(0, 255).byte().cpu()
        index: Any = getattr(progress, "index", range(len(images)))  # rising
        if len(images) and len(self.current) <= len(images) == int(index[-1]) + 1:  # all there are until now
            self.current = images
        elif len(images):
            if images.shape[1:] != self.current.shape[1:]:  # the first ones, or larger ones than before
                self.current = torch.empty(0, *images.shape[1:], dtype=torch.uint8)
            missing = int(index[-1]) + 1 - len(self.current)
            gray = torch.full((max(missing, 0), *images.shape[1:]), 128, dtype=torch.uint8)
            self.current = torch.cat([self.current, gray])
            self.current[torch.as_tensor(index).cpu()] = images
        self.seen.append(self.current)
        if len(self.seen) * self.current.numel() > self.most:
            self.seen, self.every = self.seen[1::2], 2 * self.every

    def of(self, images: Tensor) -> Tensor:
        """The frames of all of these images, at their size: `(F, N, C, H, W)` uint8."""
        whole = [frame for frame in self.seen if len(frame) == len(images)]
        return torch.stack([_resized(frame, images) for frame in whole]) if whole else torch.empty(0, dtype=torch.uint8)


def counted(progress: Any) -> tuple[float, float]:
    """How much is done of how much: steps, evaluations, or a share of 1."""
    for done, total in (("step", "steps"), ("evaluation", "evaluations")):
        if hasattr(progress, done):
            return getattr(progress, done), getattr(progress, total)
    return float(progress), 1.0


def _resized(frame: Tensor, images: Tensor) -> Tensor:
    size = (images.shape[2], images.shape[3])
    if frame.shape[2:] == size:
        return frame
    return F.interpolate(frame.float(), size, mode="bilinear", antialias=True).round().byte()
