"""What training reads: batches in an order that follows from the seed and the epoch alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..base.checks import positive_int
from ..base.errors import InputError
from .dataset import LabeledImages, Split
from .encoded import FileSplit, processors
from .image import quiet


@dataclass(frozen=True)
class Batch:
    """Images of one step."""

    images: Tensor
    """`(n, 3, H, W)` uint8."""
    labels: Tensor
    """`(n,)` int64."""
    index: Tensor
    """`(n,)` int64 on the CPU: which images of the split these are, for messages."""


def loader(
    split: LabeledImages,
    batch_size: int,
    seed: int,
    part: tuple[int, int] = (0, 1),
    workers: int | None = None,
    device: torch.device | str = "cpu",
) -> Loader:
    """A loader of shuffled batches.

    The order of an epoch depends on `seed` and the epoch's number alone, so going on from an epoch needs no state.
    Batches are full; what is left of an epoch is left out; a split smaller than a batch is one batch. The global random
    state is not touched.

    Args:
        split: where the images come from. Those in memory are indexed where they live; files are decoded by other
            processes while the consumer computes, each at most once an epoch.
        batch_size: images a step, of all processes together.
        seed: of the order.
        part: (rank, count): each batch has the rows rank · b / count to (rank + 1) · b / count of the batch of b images
            that one process alone would have.
        workers: processes that decode files; as many as there are processors, up to 8, if not given. 0 decodes in this
            process, which then waits.
        device: where images and labels are brought to.

    Raises:
        InputError: no images, a batch that cannot be divided among `count` processes; while reading, an unreadable
            image.

    >>> split = Split(torch.zeros(10, 3, 8, 8, dtype=torch.uint8), torch.arange(10) % 2)
    >>> batches = loader(split, batch_size=4, seed=0)
    >>> batches.steps, [len(batch.labels) for batch in batches.epoch(0)]
    (2, [4, 4])
    """
    if workers is not None and workers < 0:
        raise InputError(f"workers must be at least 0, not {workers}")
    plan = Plan(split, batch_size, seed, part)
    if isinstance(split, Split):
        return MemoryLoader(split, plan, torch.device(device))
    if isinstance(split, FileSplit):
        return FileLoader(split, plan, torch.device(device), min(8, processors()) if workers is None else workers)
    raise InputError(f"a loader reads a Split or a FileSplit, not {type(split).__name__}")


class Plan:
    """Which images each batch of an epoch has."""

    def __init__(self, split: LabeledImages, batch_size: int, seed: int, part: tuple[int, int]):
        rank, count = part
        positive_int("batch_size", batch_size)
        if not 0 <= rank < count:
            raise InputError(f"a part is (rank, count) with 0 <= rank < count, not {part}")
        if batch_size % count:
            raise InputError(f"a batch of {batch_size} images cannot be divided among {count} processes evenly")
        if len(split) < count:
            raise InputError(f"{len(split)} images are too few to train on with {count} processes")
        self.split, self.seed = split, seed
        self.size = min(batch_size, len(split))
        self.steps = len(split) // self.size
        self.rows = slice(rank * self.size // count, (rank + 1) * self.size // count)

    def batches(self, epoch: int) -> list[Tensor]:
        """The numbers of the images in this process's part of each batch."""
        mixed = np.random.SeedSequence([self.seed % 2**64, epoch]).generate_state(1, np.uint64)
        order = self.split.order(torch.Generator().manual_seed(int(mixed[0])))
        return [batch[self.rows] for batch in order[: self.steps * self.size].split(self.size)]


class Loader:
    """Batches by epoch.

    Attributes:
        steps: batches an epoch, at least 1.
        waited: seconds that the consumer of the last epoch waited for batches.
    """

    def __init__(self, plan: Plan, device: torch.device):
        self.plan, self.device = plan, device
        self.steps, self.waited = plan.steps, 0.0

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        self.waited = 0.0
        batches = self._batches(number)
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - began
            if batch is None:
                return
            yield batch

    def _batches(self, epoch: int) -> Iterator[Batch]:
        raise NotImplementedError


class MemoryLoader(Loader):
    """Batches from a split in memory, which is moved to the device once."""

    def __init__(self, split: Split, plan: Plan, device: torch.device):
        super().__init__(plan, device)
        self.images, self.labels = split.raw(slice(None)).to(device), split.labels.to(device)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        for index in self.plan.batches(epoch):
            there = index.to(self.device)
            yield Batch(self.images[there], self.labels[there], index)


class FileLoader(Loader):
    """Batches from files, decoded by worker processes ahead of the consumer."""

    def __init__(self, split: FileSplit, plan: Plan, device: torch.device, workers: int):
        super().__init__(plan, device)
        self.split, self.workers = split, workers

    def _batches(self, epoch: int) -> Iterator[Batch]:
        order = self.plan.batches(epoch)
        batches = DataLoader(
            _Decoder(self.split),
            batch_size=None,  # an item of the decoder is a whole batch
            sampler=[index.tolist() for index in order],
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # otherwise a seed for the workers is drawn from the global one
        )
        for index, pixels in zip(order, batches, strict=True):
            if isinstance(pixels, str):
                raise InputError(pixels)
            images = pixels.to(self.device, non_blocking=True)
            yield Batch(images, self.split.labels[index].to(self.device, non_blocking=True), index)


class _Decoder(torch.utils.data.Dataset[Tensor | str]):
    """What a worker process does: decode the images of a batch, one after the other.

    A mistake is handed over in words, because an exception would arrive with the worker's traceback for a message.
    """

    def __init__(self, split: FileSplit):
        self.split = split

    def __getitem__(self, numbers: list[int]) -> Tensor | str:
        try:
            with quiet():
                return self.split.decode(numbers)
        except InputError as error:
            return str(error)
