"""Data sets as folders of image files: class folders, or the `trainA`, `trainB` of unpaired translation."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from ..base.errors import InputError, shortened, warn
from .dataset import Dataset
from .encoded import FileSplit, file_split
from .image import SUFFIXES
from .source import stamp

TEST_FOLDERS = ("test", "val", "valid", "validation")
SPLIT = re.compile(r"(train|training|test|testing|val|valid|validation)([ _-]?(set|data|images))?")
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

    Classes are the folders that hold images, at any depth up to `MAX_DEPTH`, in the order of their names; folders 0 to
    K - 1 in the order of their numbers. In a folder with `trainA` and `trainB` they are A and B. Folders of splits are
    known in any case, and as `training` or `test_set` too. One warning names the files that were passed over.

    Raises:
        InputError: no images, classes that differ between train and test, or that have the names of splits.
    """
    passed = Passed()
    try:
        train, test = _layout(root, passed)
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from None
    passed.warn(root)
    names = list(train if train is not None else test or {})
    if train is not None and test is not None and list(test) != names:
        raise InputError(f"the train and the test split of {root} have {_difference(names, list(test))}")
    first = _split(root, train or test or {}, size)
    other = _split(root, test, first.size) if train and test else first.subset(torch.arange(0), first.labels[:0])
    return Dataset(root.name, *((first, other) if train else (other, first)), names)


@dataclass
class Passed:
    """Files in class folders that are no images by their names, by class and suffix."""

    files: dict[str, Counter[str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    """Class folders that hold nothing else."""

    def warn(self, root: Path) -> None:
        """One warning, if there were any."""
        if not self.files:
            return
        kinds: Counter[str] = sum(self.files.values(), Counter())
        shown = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in kinds.most_common(6))
        where = shortened([f"{label} {found.total()}" for label, found in self.files.items()], 8)
        message = f"{kinds.total()} files in {root} are of kinds that are not read: {shown} (in {where})"
        if self.lost:
            message += f"; nothing is left of {shortened(self.lost, 8)}, so that this is no class"
        warn(message)


def split_of(name: str) -> str | None:
    """The split that a folder's name stands for, `train`, `test` or `val`, or None.

    >>> split_of("Training"), split_of("test_set"), split_of("VAL"), split_of("trains")
    ('train', 'test', 'val', None)
    """
    found = SPLIT.fullmatch(name.lower())
    return None if found is None else {"train": "train", "test": "test"}.get(found[1][:5].rstrip("i"), "val")


def _layout(root: Path, passed: Passed) -> tuple[Classes | None, Classes | None]:
    """The image files of each class in the train and the test split, one of which may be None."""
    folders = _folders(root)
    pairs = {name.lower(): path for name, path in folders.items()}
    if "traina" in pairs or "trainb" in pairs:
        test = next((name for name in TEST_FOLDERS if f"{name}a" in pairs or f"{name}b" in pairs), None)
        return _pair(root, "train", pairs, passed), _pair(root, test, pairs, passed) if test else None
    splits: dict[str, Path] = {}
    for name, path in folders.items():
        if kind := split_of(name):
            if kind in splits:
                raise InputError(f"{root} holds {splits[kind].name} and {name}, both a {kind} split; move one away")
            splits[kind] = path
    labeled = [kind for kind in ("test", "val") if kind in splits and _folders(splits[kind])]
    if "test" in splits and "test" not in labeled:
        warn(f"{splits['test']} has no class folders and is passed over")
    test = _classes(root, splits[labeled[0]], passed) if labeled else None
    if "train" in splits:
        others = [name for name, path in folders.items() if path not in splits.values() and _holds_images(path)]
        if others:
            warn(f"{shortened(others)} in {root} is passed over; splits are called train and test")
        return _classes(root, splits["train"], passed), test
    if test is not None and all(split_of(name) or not _holds_images(path) for name, path in folders.items()):
        return None, test
    return _classes(root, root, passed, besides=[path.name for path in splits.values()]), test


def _loose(folder: Path) -> Iterator[Path]:
    """The images that lie in a folder itself."""
    return (path for path in folder.iterdir() if path.name.lower().endswith(SUFFIXES) and path.is_file())


def _classes(root: Path, folder: Path, passed: Passed, besides: Sequence[str] = ()) -> Classes:
    """The image files of each class folder that has any, relative to the root."""
    folders = {name: path for name, path in _folders(folder).items() if name not in besides}
    within = {name: next(filter(split_of, _folders(path)), None) for name, path in folders.items()}
    if len(within) > 1 and all(within.values()):
        name, inner = next(iter(within.items()))
        raise InputError(f"{folder} has splits within its classes, {name}/{inner}; put them around: {inner}/{name}")
    for name, path in folders.items():
        if split_of(name):
            raise InputError(f"{folder} holds {name}, the name of a split, among its classes; did you mean {path}?")
        if within[name]:
            raise InputError(f"{path} holds a split and is no class of {folder}; did you mean {path}?")
    loose = [path.name for path in _loose(folder)]
    files = {name: _images(root, path, name, passed) for name, path in folders.items()}
    passed.lost += [name for name, paths in files.items() if not paths and name in passed.files]
    if not any(files.values()):
        passed.warn(folder)
        around = folder.resolve().parent
        beside = [path for path in around.iterdir() if path.is_dir()]
        meant = f", or did you mean {around}?" if all(any(_loose(path)) for path in beside) else ""
        hint = f", but images; put those of a class into a folder of its own{meant}" if loose else ""
        if any(path.name.endswith((".tar", ".tar.gz", ".tgz")) for path in folder.iterdir()):
            hint = "; shards are called train-*.tar and test-*.tar"
        raise InputError(f"{folder} holds no class folders with images{hint}")
    if loose:
        warn(f"{shortened(sorted(loose))} in {folder}: in no class folder, and passed over")
    holding = [name for name, paths in files.items() if paths]
    inner = {Path(path).relative_to(folders[holding[0]].relative_to(root)).parts[0] for path in files[holding[0]]}
    if len(holding) == 1 and len(inner) > 1 and all((folders[holding[0]] / name).is_dir() for name in inner):
        raise InputError(
            f"{folder} has one class, {holding[0]}, of several folders; did you mean {folders[holding[0]]}?"
        )
    numbers = [str(number) for number in range(len(files))]
    order = numbers if sorted(numbers) == sorted(files) else list(files)
    return {name: files[name] for name in order if files[name]}


def _pair(root: Path, split: str, folders: dict[str, Path], passed: Passed) -> Classes:
    """The image files of two domains, relative to the root."""
    found = {side: folders.get(f"{split}{side.lower()}", root / f"{split}{side}") for side in "AB"}
    files = {side: _images(root, path, side, passed) if path.is_dir() else [] for side, path in found.items()}
    for side, path in found.items():
        if not files[side]:
            raise InputError(f"{path} holds no images; {split}A and {split}B are the two classes of {root}")
    return files


def _folders(folder: Path) -> dict[str, Path]:
    """The folders in a folder by name, in Unicode's composed form: file systems differ in how they write é."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "__MACOSX")):  # the latter is in every zip of a Mac
            name = unicodedata.normalize("NFC", path.name)
            if name in found:
                raise InputError(f"{folder} holds two folders {name}, written in two forms of Unicode; join them")
            found[name] = path
    return dict(sorted(found.items()))


def _holds_images(folder: Path) -> bool:
    return any(file.lower().endswith(SUFFIXES) for _, _, files in os.walk(folder) for file in files)


def _images(root: Path, folder: Path, label: str, passed: Passed, depth: int = 0) -> list[str]:
    """The image files in a folder and the folders in it, sorted. Links to folders are not followed: they may circle."""
    if depth > MAX_DEPTH:
        raise InputError(f"{folder} lies more than {MAX_DEPTH} folders deep in a class folder")
    where, found = folder.relative_to(root).as_posix(), []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                found += _images(root, folder / entry.name, label, passed, depth + 1)
            elif entry.name.lower().endswith(SUFFIXES):
                found.append(f"{where}/{entry.name}")
            elif entry.is_file():
                passed.files.setdefault(label, Counter())[Path(entry.name).suffix.lower()] += 1
    return found


def _split(root: Path, classes: Classes, size: int | tuple[int, int] | None) -> FileSplit:
    counts = torch.tensor([len(paths) for paths in classes.values()])
    files = FolderFiles(root, [path for paths in classes.values() for path in paths])
    return file_split(files, torch.arange(len(classes)).repeat_interleave(counts), size)


def _difference(train: list[str], test: list[str]) -> str:
    """Which classes are in one split alone."""
    alone = {"train": sorted(set(train) - set(test)), "test": sorted(set(test) - set(train))}
    sides = [f"only {split} has {shortened(names, 8)}" for split, names in alone.items() if names]
    return f"different classes: {shortened(sorted(alone['train'] + alone['test']), 8)} ({'; '.join(sides)})"
