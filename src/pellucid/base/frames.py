"""What images looked like on their way."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

AT_MOST = 60  # of each image


class Frames:
    """Collects what each image looks like during a task, in 8 bits.

    It begins with every step. Whenever there are more than 60 frames of an image, or more than `most` bytes in all,
    every second frame goes, and so does every second step from then on.
    """

    def __init__(self, most: float = math.inf):
        self.most, self.every, self.bytes = most, 1, 0
        self.seen: dict[int, list[Tensor]] = defaultdict(list)

    def add(self, progress: Any) -> None:
        """Note the images after a step, if it is its turn."""
        if counted(progress)[0] % self.every:
            return
        images = (progress.images.detach() * 255).round_().clamp_(0, 255).byte().cpu()
        index = progress.index.tolist() if hasattr(progress, "index") else range(len(images))
        for number, image in zip(index, images, strict=True):
            self.seen[number].append(image)
        self.bytes += images.numel()
        longest = max((len(self.seen[number]) for number in index), default=0)
        while longest > AT_MOST or (self.bytes > self.most and longest > 1):
            self.seen = defaultdict(list, {number: frames[1::2] for number, frames in self.seen.items()})
            self.bytes = sum(frame.numel() for frames in self.seen.values() for frame in frames)
            self.every, longest = 2 * self.every, longest // 2

    def of(self, images: Tensor) -> Tensor:
        """The frames of these images, all at once and at their size: `(F, N, C, H, W)` uint8.

        Of an image that has fewer frames, because it was finished before, the last one stays.
        """
        count = max((len(frames) for frames in self.seen.values()), default=0)
        if set(self.seen) != set(range(len(images))) or not all(self.seen.values()):
            return torch.empty(0, dtype=torch.uint8)
        rows = [[_resized(frame, images) for frame in self.seen[number]] for number in range(len(images))]
        each = [row[min(turn, len(row) - 1)] for turn in range(count) for row in rows]
        return torch.stack(each).unflatten(0, (count, len(images)))


def counted(progress: Any) -> tuple[float, float]:
    """How much is done of how much: steps, evaluations, or a share of 1."""
    for done, total in (("step", "steps"), ("evaluation", "evaluations")):
        if hasattr(progress, done):
            return getattr(progress, done), getattr(progress, total)
    return float(progress), 1.0


def _resized(frame: Tensor, images: Tensor) -> Tensor:
    size = (images.shape[2], images.shape[3])
    if frame.shape[1:] == size:
        return frame
    return F.interpolate(frame[None].float(), size, mode="bilinear", antialias=True).round().byte()[0]
