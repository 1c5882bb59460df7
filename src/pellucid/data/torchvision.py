"""Data sets that torchvision fetches by name."""

from __future__ import annotations

import numpy as np
import torch

from ..base.errors import InputError, unknown
from .dataset import Dataset, Split

KINDS = ("CIFAR10", "CIFAR100", "SVHN", "STL10", "MNIST", "FashionMNIST", "KMNIST")


def load_torchvision(name: str, root: str = "data") -> Dataset:
    """A data set of `KINDS`, fetched into the folder `root` when it is first used.

    Raises:
        InputError: an unknown name, or it could not be fetched.
    """
    if name not in KINDS:
        raise unknown("torchvision data set", name, KINDS)
    from torchvision import datasets

    kind = getattr(datasets, name)
    by_split = name in ("SVHN", "STL10")
    parts = []
    for split in ("train", "test"):
        try:
            part = kind(root, download=True, **({"split": split} if by_split else {"train": split == "train"}))
        except Exception as error:  # torchvision raises whatever its download ran into
            raise InputError(f"torchvision:{name} could not be fetched into {root}/: {error}") from None
        parts.append(part)
    splits = [_plain(part, channels_last=not by_split) for part in parts]
    names = getattr(parts[0], "classes", None) or [str(i) for i in range(int(splits[0].labels.max()) + 1)]
    return Dataset(name.lower(), splits[0], splits[1], [str(n) for n in names])


def _plain(part, channels_last: bool) -> Split:
    pixels = torch.as_tensor(np.asarray(part.data))
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    elif channels_last:
        pixels = pixels.permute(0, 3, 1, 2)
    labels = torch.as_tensor(np.asarray(part.targets if hasattr(part, "targets") else part.labels))
    return Split(pixels.expand(-1, 3, -1, -1).contiguous(), labels.long())
