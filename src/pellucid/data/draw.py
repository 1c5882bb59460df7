"""A part of a data set in which every class has its share."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(labels: Tensor, count: int | None, seed: int) -> Tensor:
    """The numbers of `count` images, rising; all of them if `count` is None or there are no more.

    The images stand in a row, class by class, mixed within each, and those at equal distances are taken. So a class of
    n among N images gets n · count / N of them, rounded up or down, and every image is as likely as any other: what is
    measured on the part estimates the whole without bias, however the files are sorted.

    >>> labels = torch.tensor([0] * 6 + [1] * 3)
    >>> labels[drawn(labels, 3, seed=0)].tolist()
    [0, 0, 1]
    """
    total = len(labels)
    if count is None or count >= total:
        return torch.arange(total)
    labels = labels.cpu()
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randperm(total, generator=generator)
    turn = torch.randperm(int(labels.max()) + 1, generator=generator)
    row = mixed[turn[labels[mixed]].argsort(stable=True)]
    offset = torch.randint(total, (), generator=generator)
    return row[(torch.arange(count) * total + offset) // count].sort().values
