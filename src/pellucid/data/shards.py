"""webdataset shards: tar files whose members `KEY.jpg` and `KEY.cls` are an image and its class number.

A tar file is not compressed, so once its headers are read every image can be reached directly. A split of shards is
therefore read as one of single files is, by number, and no shuffle buffer is kept: an epoch goes through the shards in
random order, each image up to `SHUFFLE` places from where its shard has it, which is what a buffer of that length does.
Nothing of a shard is decoded but images and class numbers.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from ..base.errors import InputError
from . import image
from .dataset import MAX_CLASSES, Dataset, numbered_classes
from .encoded import FileSplit, file_split, processors
from .folder import TEST_FOLDERS
from .jsonfile import read_json
from .source import stamp

SUFFIXES = tuple(suffix[1:] for suffix in image.SUFFIXES)
SHUFFLE = 10_000
MAX_IMAGE = 64 * 2**20
MAX_HEADER = 2**20  # no honest member's name or attributes are longer
CLASS_NUMBER = re.compile(rb"\s*(\d{1,6})\s*")


@dataclass(frozen=True)
class ShardFiles:
    """Images within tar files: where each lies, as `(N,)` int64 tensors."""

    paths: list[Path]
    names: list[str]
    shard: Tensor
    offset: Tensor
    length: Tensor

    def __len__(self) -> int:
        return len(self.names)

    def name(self, number: int) -> str:
        """The shard's path, and the image's name in it."""
        return f"{self.paths[int(self.shard[number])]}: {self.names[number]}"

    def open(self, number: int) -> BinaryIO:
        """The image's bytes."""
        with self.paths[int(self.shard[number])].open("rb") as file:
            file.seek(int(self.offset[number]))
            return io.BytesIO(file.read(int(self.length[number])))

    def subset(self, index: Tensor) -> ShardFiles:
        """The images at `index`."""
        names = [self.names[number] for number in index.tolist()]
        return ShardFiles(self.paths, names, self.shard[index], self.offset[index], self.length[index])

    def order(self, generator: torch.Generator) -> Tensor:
        """The shards in random order, each image at most `SHUFFLE` places from where its shard has it."""
        places = torch.randperm(len(self.paths), generator=generator)
        sequence = places[self.shard].argsort(stable=True)
        drift = SHUFFLE * torch.rand(len(self), generator=generator, dtype=torch.float64)
        return sequence[(torch.arange(len(self)) + drift).argsort(stable=True)]

    def stamp(self, number: int) -> str:
        """The image's name and place, and its shard's name, size and time of change."""
        path = self.paths[int(self.shard[number])]
        return f"{self.names[number]} {int(self.offset[number])} {int(self.length[number])} {path.name} {stamp(path)}"


def has_shards(folder: Path) -> bool:
    """Whether a folder holds `train-*.tar`, or those of another split."""
    return any(_paths(folder, split) for split in ("train", *TEST_FOLDERS))


def _paths(folder: Path, split: str) -> list[Path]:
    """The shards of a split; compressed ones too, which are refused when they are opened."""
    return sorted(path for end in ("tar", "tar.gz", "tgz") for path in folder.glob(f"{split}-*.{end}"))


def load_shards(root: Path, size: int | None) -> Dataset:
    """The data set in a folder of shards `train-*.tar` and `test-*.tar` or `val-*.tar`, with `classes.json` or without.

    Reads every header and class number once, and no image, save the first if no `size` is given.

    Raises:
        InputError: a damaged or truncated shard, an image without a class number, a class number out of range.
    """
    kinds = [name for name in ("train", *TEST_FOLDERS) if _paths(root, name)][:2]
    files, labels = _index(root, kinds[0])
    first = file_split(files, labels, size)
    other = first.subset(torch.arange(0), labels[:0])
    if kinds[0] == "train" and len(kinds) == 2:
        other = FileSplit(*_index(root, kinds[1]), first.size, True)
    names = _class_names(root, torch.cat([labels, other.labels]))
    return Dataset(root.name, *((first, other) if kinds[0] == "train" else (other, first)), names)


def _class_names(root: Path, labels: Tensor) -> list[str]:
    path = root / "classes.json"
    if not path.exists():
        return numbered_classes(labels, root)
    names = read_json(path)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path} must be a list of class names")
    if not 0 < len(set(names)) == len(names) <= MAX_CLASSES:
        raise InputError(f"{path} must list 1 to {MAX_CLASSES} different names, not {len(names)}")
    if int(labels.max()) >= len(names):
        raise InputError(f"{root}: labels go up to {int(labels.max())}, but classes.json has {len(names)} classes")
    return names


def _index(root: Path, split: str) -> tuple[ShardFiles, Tensor]:
    """The images in the shards of a split, in their order, and their labels."""
    paths = _paths(root, split)
    with ThreadPoolExecutor(processors()) as pool:
        found = list(pool.map(_images, paths))
    names = [name for names, _ in found for name in names]
    if not names:
        raise InputError(f"the {split}-*.tar in {root} hold no images ({', '.join(SUFFIXES)})")
    shard = torch.arange(len(paths)).repeat_interleave(torch.tensor([len(names) for names, _ in found]))
    offset, length, labels = torch.cat([places for _, places in found]).unbind(1)
    return ShardFiles(paths, names, shard, offset, length), labels.contiguous()


def _images(path: Path) -> tuple[list[str], Tensor]:
    """The names of the images in a shard; and offset, length and class number of each, `(n, 3)` int64."""
    images: dict[str, tuple[str, int, int]] = {}
    classes: dict[str, int] = {}
    try:
        with _Headers(path) as file:
            if file.read(2) == b"\x1f\x8b":
                raise InputError(f"{path} is compressed with gzip; unpack it first, so that images are read in place")
            for member in _members(file):
                key, suffix = _key_and_suffix(member.name)
                if (suffix in SUFFIXES and key in images) or (suffix == "cls" and key in classes):
                    raise tarfile.ReadError(f"{member.name} is not the only one for {key}")
                if suffix in SUFFIXES:
                    images[key] = member.name, member.offset_data, _bounded(member, MAX_IMAGE)
                elif suffix == "cls":
                    classes[key] = _class_number(file, member)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    # Headers are bytes of anybody's making, and tarfile is not always ready for them.
    except (tarfile.TarError, ValueError, IndexError, RecursionError) as error:
        raise InputError(f"{path} is not a whole tar file of images: {error}") from None
    # "1.depth.png" goes with sample "1"; "photo 3.0.png" with "photo 3.0.cls", which webdataset itself would not see.
    for key in images.keys() ^ classes.keys():
        first = _first_key(key)
        if first != key and first in images and first in classes:
            images.pop(key, None)
            classes.pop(key, None)
    if lonely := sorted(images.keys() ^ classes.keys()):
        lacks = "a class number in a .cls" if lonely[0] in images else f"an image ({', '.join(SUFFIXES)})"
        raise InputError(f"{path}: {len(lonely)} of its samples are not whole, {lonely[0]} lacks {lacks}")
    places = [(offset, length, classes[key]) for key, (_, offset, length) in images.items()]
    return [name for name, _, _ in images.values()], torch.tensor(places, dtype=torch.int64).reshape(-1, 3)


def _key_and_suffix(name: str) -> tuple[str, str]:
    """What precedes the last dot of a member's name, and what follows."""
    key, _, suffix = name.rpartition(".")
    return key, suffix.lower()


def _first_key(key: str) -> str:
    """webdataset's key: the name up to the first dot after the last slash."""
    folder, slash, file = key.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _members(file: _Headers) -> Iterator[tarfile.TarInfo]:
    """The files in a tar; raises `ReadError` if one of them does not lie within it, or its end is not there."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            if not member.name.isprintable():  # it will be printed
                raise tarfile.ReadError(f"a member is called {member.name!r}")
            if member.size < 0 or member.issparse() or member.offset_data + member.size > end:
                raise tarfile.ReadError(f"{member.name} does not lie within it; is it truncated?")
            if member.isfile():
                yield member
        # tarfile also stops, without a word, at a header that makes no sense.
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("its end is missing; is it truncated?")


def _bounded(member: tarfile.TarInfo, most: int) -> int:
    if member.size > most:
        raise tarfile.ReadError(f"{member.name} has {member.size} bytes; at most {most} are read")
    return member.size


def _class_number(file: _Headers, member: tarfile.TarInfo) -> int:
    file.seek(member.offset_data)
    text = file.read(_bounded(member, 32))
    found = CLASS_NUMBER.fullmatch(text)
    if found is None:
        raise tarfile.ReadError(f"{member.name} must hold a class number, not {text!r}")
    return int(found[1])


class _Headers(io.FileIO):
    """A file of which only short pieces are read, as a tar's headers are."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size) or b""
