"""Data sets as folders of image files: class folders, or the `trainA`, `trainB` of unpaired translation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from ..base.errors import InputError
from .dataset import Dataset
from .encoded import FileSplit, file_split
from .image import SUFFIXES
from .source import stamp

TEST_FOLDERS = ("test", "val", "valid", "validation")
MAX_DEPTH = 8  # folders within a class folder
Classes = dict[str, list[str]]  # the image files of each class, relative to the root


@dataclass(frozen=True)
class FolderFiles:
    """Image files below a folder."""

    root: Path
    paths: list[str]
    """Relative to the root."""

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, number: int) -> str:
        """The whole path."""
        return str(self.root / self.paths[number])

    def open(self, number: int) -> BinaryIO:
        """The file, open for reading."""
        return (self.root / self.paths[number]).open("rb")

    def subset(self, index: Tensor) -> FolderFiles:
        """The files at `index`."""
        return FolderFiles(self.root, [self.paths[number] for number in index.tolist()])

    def order(self, generator: torch.Generator) -> Tensor:
        """A random permutation."""
        return torch.randperm(len(self), generator=generator)

    def stamp(self, number: int) -> str:
        """The file's path below the root, its size and time of change."""
        return f"{self.paths[number]} {stamp(self.root / self.paths[number])}"


def load_folder(root: Path, size: int | None) -> Dataset:
    """The data set in a folder; its images are found and not decoded yet, save the first if no `size` is given.

    Classes are the sorted names of the folders that hold images, at any depth up to `MAX_DEPTH`. In a folder with
    `trainA` and `trainB` they are A and B.

    Raises:
        InputError: no images, or classes that differ between train and test.
    """
    try:
        train, test = _layout(root)
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from None
    names = list(train)
    first = _split(root, train, size)
    if test is None:
        return Dataset(root.name, first, first.subset(torch.arange(0), first.labels[:0]), names)
    if list(test) != names:
        raise InputError(f"the train and the test split of {root} have {_difference(list(train), list(test))}")
    return Dataset(root.name, first, _split(root, test, size or first.size), names)


def _layout(root: Path) -> tuple[Classes, Classes | None]:
    """The image files of each class in the train and the test split."""
    folders = _folders(root)
    if "train" in folders:
        train = _classes(root, folders["train"])
    elif "trainA" in folders or "trainB" in folders:
        test = next((name for name in TEST_FOLDERS if f"{name}A" in folders or f"{name}B" in folders), None)
        return _pair(root, "train"), _pair(root, test) if test else None
    else:
        train = _classes(root, root, besides=TEST_FOLDERS)
    test = next((folders[name] for name in TEST_FOLDERS if name in folders), None)
    return train, _classes(root, test) if test else None


def _classes(root: Path, folder: Path, besides: tuple[str, ...] = ()) -> Classes:
    """The image files of each class folder that has any, relative to the root."""
    files = {name: _images(root, path) for name, path in _folders(folder).items() if name not in besides}
    if not any(files.values()):
        raise InputError(f"{folder} holds no class folders with images")
    return {name: paths for name, paths in files.items() if paths}


def _pair(root: Path, split: str) -> Classes:
    """The image files of two domains, relative to the root."""
    folders = {side: root / f"{split}{side}" for side in "AB"}
    files = {side: _images(root, folder) if folder.is_dir() else [] for side, folder in folders.items()}
    for side, folder in folders.items():
        if not files[side]:
            raise InputError(f"{folder} holds no images; {split}A and {split}B are the two classes of {root}")
    return files


def _folders(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")}


def _images(root: Path, folder: Path, depth: int = 0) -> list[str]:
    """The image files in a folder and the folders in it, sorted. Links to folders are not followed: they may circle."""
    if depth > MAX_DEPTH:
        raise InputError(f"{folder} lies more than {MAX_DEPTH} folders deep in a class folder")
    where, found = folder.relative_to(root).as_posix(), []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                found += _images(root, folder / entry.name, depth + 1)
            elif entry.name.lower().endswith(SUFFIXES):
                found.append(f"{where}/{entry.name}")
    return found


def _split(root: Path, classes: Classes, size: int | tuple[int, int] | None) -> FileSplit:
    counts = torch.tensor([len(paths) for paths in classes.values()])
    files = FolderFiles(root, [path for paths in classes.values() for path in paths])
    return file_split(files, torch.arange(len(classes)).repeat_interleave(counts), size)


def _difference(train: list[str], test: list[str]) -> str:
    """Which classes are in one split alone."""
    alone = {"train": sorted(set(train) - set(test)), "test": sorted(set(test) - set(train))}
    sides = [f"only {split} has {_first(names)}" for split, names in alone.items() if names]
    return f"different classes: {_first(sorted(alone['train'] + alone['test']))} ({'; '.join(sides)})"


def _first(names: list[str], count: int = 8) -> str:
    return ", ".join(names[:count]) + (f", ... {len(names)} in all" if len(names) > count else "")
