"""Checks before a run: that there are images, their size, and that the network takes them."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from ..base.devices import check_memory
from ..base.errors import InputError, first_line
from ..data.augment import AUGMENTATIONS, Draws
from ..data.dataset import Dataset, check_dataset
from ..zoo.fit import outline
from .recipe import TrainRecipe


def check_data(data: Dataset) -> None:
    """Raise `InputError` unless there are training images, of two classes or more whose names differ."""
    check_dataset(data)
    if not len(data.train):
        raise InputError(f"{data.name} has no training images")
    present = data.train.labels.unique().tolist()
    if len(present) < 2:
        raise InputError(
            f"all training images of {data.name} are of the class {data.class_names[present[0]]!r}; "
            "a classifier needs images of two or more"
        )
    if twice := [name for name, count in Counter(data.class_names).items() if count > 1]:
        raise InputError(f"{data.name} has several classes called {twice[0]!r}; give --class-names that differ")


def trained_size(recipe: TrainRecipe, data: Dataset) -> tuple[int, int]:
    """Height and width of the images as the recipe's augmentation hands them to the network.

    Raises:
        InputError: a batch of such images does not fit into memory; images that are not square.
    """
    height, width = data.train.size
    count = min(recipe.batch_size, len(data.train))
    check_memory(4 * 3 * height * width * count, f"a batch of {count} images of {width} x {height}")
    example = torch.zeros(1, 3, height, width, dtype=torch.uint8)
    example = AUGMENTATIONS[recipe.augment](example, Draws(torch.Generator(), 1))
    if example.shape[2] != example.shape[3]:  # a bundle has one side, to which `evaluate` cuts images
        raise InputError(f"networks are trained on squares, and these images are {width} x {height}; give --size")
    return example.shape[2], example.shape[3]


def check_trainable(arch: str, classes: int, size: tuple[int, int]) -> None:
    """Raise `InputError` unless a network of this architecture takes images of this height and width in training, and
    yields only logits. The check runs on an outline of the network, which computes nothing.

    >>> check_trainable("preact-4-8", 10, (8, 8))
    """
    network = outline(arch, classes).to("meta").train()
    height, width = size
    try:
        logits = network(torch.empty(2, 3, height, width, device="meta"))
    except NotImplementedError:  # not every operation works on an outline; the first step will show
        return
    except Exception as error:  # whatever a library's network raises
        raise InputError(f"{arch} cannot be trained on images of {width} x {height}: {first_line(error)}") from None
    if not isinstance(logits, Tensor) or logits.shape != (2, classes):
        raise InputError(f"{arch} cannot be trained here: in training it yields more than one row of logits an image")
