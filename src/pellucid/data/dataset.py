"""Data sets held in memory as uint8: from a folder of class folders, an npz file, or torchvision by name."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, unknown
from .image import SUFFIXES, cover, image_files, read_image

MAX_BYTES = 64 * 2**30
TEST_FOLDERS = ("test", "val", "valid", "validation")


@dataclass(frozen=True)
class Split:
    """Labeled images: `images` `(N, C, H, W)` uint8, `labels` `(N,)` int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The images at `index` as float32 in [0, 1], and their labels."""
        return self.images[index].float() / 255, self.labels[index]


@dataclass(frozen=True)
class Dataset:
    """A data set: its splits and its class names. `train` or `test` may be empty."""

    name: str
    train: Split
    test: Split
    class_names: list[str]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        split = self.train if len(self.train) else self.test
        return split.images.shape[2], split.images.shape[3]


def load_data(source: str, size: int | None = None) -> Dataset:
    """Load a data set.

    Args:
        source: a folder with `train/` and `test/` (or `val/`) of class folders, or of class folders alone (all of
            which is then the train split); an `.npz` with `train_images` (uint8 NHWC), `train_labels`, and optionally
            `test_images`, `test_labels`, `class_names`; or `torchvision:NAME`, such as `torchvision:CIFAR10`.
        size: the side to which images are brought; needed where a folder's images differ in size.

    Raises:
        InputError: nothing there, or not in one of these shapes.
    """
    if source.startswith("torchvision:"):
        data = _from_torchvision(source.removeprefix("torchvision:"))
    elif source.endswith(".npz"):
        data = _from_npz(Path(source))
    elif Path(source).is_dir():
        return _from_folder(Path(source), size)
    else:
        raise InputError(f"no data at {source!r}: give a folder of class folders, an .npz file or torchvision:NAME")
    if size is not None and data.size != (size, size):
        data = Dataset(data.name, _resized(data.train, size), _resized(data.test, size), data.class_names)
    return data


def _from_npz(path: Path) -> Dataset:
    arrays = _read_npz(path)
    splits = {}
    for split in ("train", "test"):
        images, labels = arrays.get(f"{split}_images"), arrays.get(f"{split}_labels")
        if images is None or labels is None:
            continue
        if images.dtype != np.uint8 or images.ndim not in (3, 4):
            raise InputError(f"{path}: {split}_images must be uint8 (N, H, W, 3), not {images.dtype} {images.shape}")
        if images.ndim == 3:
            images = images[..., None]
        if images.shape[-1] not in (1, 3):
            raise InputError(f"{path}: {split}_images must have 1 or 3 channels last, not shape {images.shape}")
        if labels.ndim != 1 or len(labels) != len(images) or not np.issubdtype(labels.dtype, np.integer):
            raise InputError(f"{path}: {split}_labels must be {len(images)} whole numbers, one an image")
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        splits[split] = Split(pixels.expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(labels.astype(np.int64)))
    if not splits:
        raise InputError(f"{path} holds no train_images and train_labels, but {', '.join(arrays) or 'nothing'}")
    labels = torch.cat([split.labels for split in splits.values()])
    if not len(labels):
        raise InputError(f"{path} holds no images")
    least, largest = int(labels.min()), int(labels.max())
    names = arrays["class_names"].ravel() if "class_names" in arrays else range(largest + 1)
    names = [str(name) for name in names]
    if least < 0 or largest >= len(names):
        raise InputError(f"{path}: labels go from {least} to {largest}, but there are {len(names)} classes")
    some = next(iter(splits.values()))
    none = Split(some.images[:0], some.labels[:0])
    return Dataset(path.stem, splits.get("train", none), splits.get("test", none), names)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz, none of them larger than what the file itself holds for it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                raise InputError(f"{path} unpacks to over {MAX_BYTES >> 30} GiB")
            for member in archive.infolist():
                with archive.open(member) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read(stream)
                    if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
                        raise ValueError(f"{member.filename} is shorter than its shape")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is not a readable .npz: {error}") from None


def _from_folder(root: Path, size: int | None) -> Dataset:
    train = root / "train" if (root / "train").is_dir() else root
    test = next((root / name for name in TEST_FOLDERS if (root / name).is_dir()), None)
    names = _class_names(train)
    first = _read_split(train, names, size)
    second = Split(first.images[:0], first.labels[:0])
    if test is not None and test != train:
        if _class_names(test) != names:
            differ = ", ".join(sorted(set(_class_names(test)) ^ set(names)))
            raise InputError(f"{train} and {test} have different classes: {differ}")
        second = _read_split(test, names, size or (first.images.shape[2], first.images.shape[3]))
    return Dataset(root.name, first, second, names)


def _class_names(folder: Path) -> list[str]:
    names = sorted(
        p.name
        for p in folder.iterdir()
        if p.is_dir() and not p.name.startswith(".") and any(f.suffix.lower() in SUFFIXES for f in p.iterdir())
    )
    if not names:
        raise InputError(f"{folder} holds no class folders with images")
    return names


def _read_split(folder: Path, names: list[str], size: int | tuple[int, int] | None) -> Split:
    images: list[Tensor] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        for file in image_files(folder / name):
            pixels = (read_image(file, size) * 255).round().byte()
            if images and pixels.shape != images[0].shape:
                raise InputError(f"{file} is of another size than the images before it; give --size")
            images.append(pixels)
            labels.append(label)
    return Split(torch.stack(images), torch.tensor(labels))


def _from_torchvision(name: str, root: str = "data") -> Dataset:
    from torchvision import datasets

    kinds = ("CIFAR10", "CIFAR100", "SVHN", "STL10", "MNIST", "FashionMNIST", "KMNIST")
    if name not in kinds:
        raise unknown("torchvision data set", name, kinds)
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


def _resized(split: Split, size: int) -> Split:
    """The images brought to a square of `size`, a thousand at a time."""
    chunks = [(cover(chunk.float() / 255, size) * 255).round().byte() for chunk in split.images.split(1000)]
    return Split(torch.cat(chunks) if chunks else split.images, split.labels)
