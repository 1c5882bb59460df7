"""The paper's twelve data sets and Stylized-ImageNet by name, with the splits that it uses (Salman et al. 2020, A.1).

They are read where they lie, in torchvision's layout, and never fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base.errors import InputError, first_line, unknown
from ..data.dataset import GIB, Dataset, LabeledImages, Split, resized
from ..data.encoded import decoded, file_split
from ..data.folder import FolderFiles, load_folder
from ..data.load import load_data

Read = Callable[[Path, "int | None"], Dataset]


def open_target(name: str, root: Path, size: int | None, *, memory: int = 4 * GIB, **options: Any) -> Dataset:
    """A target by its name on the command line: paper:NAME, or anything that `pellucid.load_data` takes."""
    if not name.startswith("paper:"):
        return load_data(name, size, memory=memory, **options)
    if given := [option for option, value in options.items() if value]:
        raise InputError(f"{name} is read as the paper has it, without {' and '.join(given)}")
    return load_target(name.removeprefix("paper:"), root, size, memory)


def load_target(name: str, root: str | Path, size: int | None = None, memory: int = 4 * GIB) -> Dataset:
    """One of `TARGETS`.

    Args:
        name: `aircraft`, `caltech101`, ...
        root: the folder that torchvision would be given; `birdsnap` and `stylized-imagenet` are folders in it, with
            `train` and `test` (or `val`) of class folders.
        size: the side in pixels to which images are brought; only CIFAR's need none.
        memory: the most bytes of pixels that image files are decoded into at once; what would take more stays files.

    Raises:
        InputError: an unknown name, a data set that is not there or is damaged.

    >>> try:
    ...     load_target("pets", "nowhere", 32)
    ... except InputError as error:
    ...     print(error)
    pets is not in nowhere as torchvision lays it out: Dataset not found
    """
    if name not in TARGETS:
        raise unknown("data set of the paper", name, TARGETS)
    try:
        data = TARGETS[name](Path(root), size)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, IndexError, TypeError) as error:
        reason = first_line(error).partition(". You can")[0]
        raise InputError(f"{name} is not in {root} as torchvision lays it out: {reason}") from None
    return decoded(Dataset(name, data.train, data.test, data.class_names), memory)


def _torchvision(kind: str, train: Sequence[str], files: str, labels: str, root: Path, size: int | None) -> Dataset:
    """A data set whose class in torchvision lists files and labels in these attributes."""
    from torchvision import datasets

    def parts(splits: Sequence[str]) -> list[Any]:
        return [getattr(datasets, kind)(str(root), split=split, download=False) for split in splits]

    def joined(some: list[Any]) -> LabeledImages:
        paths = [path for part in some for path in getattr(part, files)]
        return _files(root, paths, [label for part in some for label in getattr(part, labels)], size)

    learned, test = parts(train), parts(["test"])
    names = getattr(learned[0], "classes", None) or [str(number) for number in range(102)]  # flowers have no names
    return Dataset(kind, joined(learned), joined(test), [str(name) for name in names])


def _cars(root: Path, size: int | None) -> Dataset:
    from torchvision.datasets import StanfordCars

    parts = [StanfordCars(str(root), split=split, download=False) for split in ("train", "test")]
    train, test = (
        _files(root, [path for path, _ in part._samples], [label for _, label in part._samples], size) for part in parts
    )
    return Dataset("cars", train, test, [str(name) for name in parts[0].classes])


def _cifar(kind: str, root: Path, size: int | None) -> Dataset:
    from torchvision import datasets

    parts = [getattr(datasets, kind)(str(root), train=train, download=False) for train in (True, False)]
    splits = [Split(torch.from_numpy(p.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(p.targets)) for p in parts]
    return resized(Dataset(kind, splits[0], splits[1], list(parts[0].classes)), size)


def _caltech(folder: str, count: int, root: Path, size: int | None) -> Dataset:
    """`count` images of each class to train on, always the same ones; the others to test on."""
    data = load_folder(root / folder, size)
    names = [name for name in data.class_names if name != "BACKGROUND_Google"]  # no class, says the data set
    number = torch.tensor([names.index(name) if name in names else -1 for name in data.class_names])
    labels = number[data.train.labels]
    mixed = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    train = torch.cat([mixed[labels[mixed] == label][:count] for label in range(len(names))]).sort().values
    rest = torch.from_numpy(np.setdiff1d(np.flatnonzero(labels >= 0), train))
    return Dataset(folder, data.train.subset(train, labels[train]), data.train.subset(rest, labels[rest]), names)


def _sun397(root: Path, size: int | None) -> Dataset:
    """The first of the ten published divisions."""
    folder = root / "SUN397"
    names = [line.strip() for line in (folder / "ClassName.txt").read_text().splitlines() if line.strip()]
    numbers = {name: number for number, name in enumerate(names)}

    def part(file: str) -> LabeledImages:
        found = next(
            (f for f in (folder / file, folder / "Partitions" / file, root / file) if f.exists()), folder / file
        )
        lines = [line.strip() for line in found.read_text().splitlines() if line.strip()]
        labels = [numbers[line.rpartition("/")[0]] for line in lines]
        return _files(folder, [folder / line.lstrip("/") for line in lines], labels, size)

    classes = [name[3:] for name in names]  # /a/abbey
    return Dataset("sun397", part("Training_01.txt"), part("Testing_01.txt"), classes)


def _files(root: Path, paths: Sequence[str | Path], labels: Sequence[int] | Tensor, size: int | None) -> LabeledImages:
    files = FolderFiles(root, [str(Path(path).relative_to(root)) for path in paths])
    return file_split(files, torch.as_tensor(labels, dtype=torch.int64), size)


def _folder(name: str, root: Path, size: int | None) -> Dataset:
    return load_folder(root / name, size)


_LISTS = ("_image_files", "_labels")
TARGETS: dict[str, Read] = {
    "aircraft": partial(_torchvision, "FGVCAircraft", ["trainval"], *_LISTS),
    "birdsnap": partial(_folder, "birdsnap"),
    "caltech101": partial(_caltech, "caltech101/101_ObjectCategories", 30),
    "caltech256": partial(_caltech, "caltech256/256_ObjectCategories", 60),
    "cars": _cars,
    "cifar10": partial(_cifar, "CIFAR10"),
    "cifar100": partial(_cifar, "CIFAR100"),
    "dtd": partial(_torchvision, "DTD", ["train", "val"], *_LISTS),
    "flowers": partial(_torchvision, "Flowers102", ["train", "val"], *_LISTS),
    "food": partial(_torchvision, "Food101", ["train"], *_LISTS),
    "pets": partial(_torchvision, "OxfordIIITPet", ["trainval"], "_images", "_labels"),
    "stylized-imagenet": partial(_folder, "stylized-imagenet"),
    "sun397": _sun397,
}
