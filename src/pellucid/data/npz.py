"""Data sets in one `.npz` file, read without pickle."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..base.errors import InputError
from ..base.files import replacing
from .dataset import GIB, Dataset, LabeledImages, Split, class_numbers, numbered_classes

MAX_BYTES = 64 * GIB
AT_ONCE = 1000  # images of a split that are read before they are written
KNOWN = ("train_images", "train_labels", "test_images", "test_labels", "class_names")


def load_npz(path: Path) -> Dataset:
    """The data set in an `.npz`: `train_images` (uint8 NHWC or NHW), `train_labels`, as much for `test`, `class_names`.

    Raises:
        InputError: missing or damaged, half a split, a misspelt name, labels without a class.
    """
    arrays = _read(path)
    _check_names(list(arrays), path)
    splits = {name: _split(arrays, name, path) for name in ("train", "test") if f"{name}_images" in arrays}
    labels = torch.cat([split.labels for split in splits.values()])
    if not len(labels):
        raise InputError(f"{path} holds no images")
    given = arrays.get("class_names")
    if given is None:
        names = numbered_classes(labels, path)
    else:
        names = [str(name, "utf-8") if isinstance(name, bytes) else str(name) for name in given.ravel()]
    some = next(iter(splits.values()))
    none = Split(some.images[:0], some.labels[:0])
    return Dataset(path.stem, splits.get("train", none), splits.get("test", none), names)


@dataclass(frozen=True)
class Pieces:
    """A split that is to be written.

    Attributes:
        labels: `(N,)`.
        size: H and W of its images.
        images: pieces, `(n, 3, H, W)` uint8, which together are as many as the labels.
    """

    labels: Tensor
    size: tuple[int, int]
    images: Iterable[Tensor]

    @classmethod
    def of(cls, split: LabeledImages) -> Pieces:
        """The images of a split, wherever they are."""
        return cls(split.labels, split.size, (split.raw(some) for some in torch.arange(len(split)).split(AT_ONCE)))


def save_npz(path: Path, class_names: Sequence[str], **splits: Pieces) -> None:
    """Write an `.npz` that `load_npz` reads, in the memory of one piece of its images.

    Args:
        path: of the file, which is written in one piece.
        class_names: of all classes.
        **splits: `train`, `test` or both; an empty one is left out.
    """
    splits = {name: split for name, split in splits.items() if len(split.labels)}
    labels = {f"{name}_labels": split.labels.numpy() for name, split in splits.items()}
    with replacing(path) as temporary:
        np.savez(temporary, allow_pickle=False, class_names=np.array(class_names), **labels)
        for name, split in splits.items():
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(split.labels), *split.size, 3)}
            with (
                zipfile.ZipFile(temporary, "a") as archive,
                archive.open(f"{name}_images.npy", "w", force_zip64=True) as file,
            ):
                np.lib.format.write_array_header_1_0(file, header)
                for piece in split.images:
                    file.write(piece.permute(0, 2, 3, 1).numpy().tobytes())


def _check_names(names: list[str], path: Path) -> None:
    """Raise `InputError` unless there is a whole split, no half of one, and no array that seems to be misspelt.

    Arrays of other names are none of this data set's business and may be there.
    """
    missing = [name for name in KNOWN if name not in names]
    for name in names:
        if name not in KNOWN and (close := get_close_matches(name.lower(), missing, n=1, cutoff=0.85)):
            raise InputError(f"{path} holds an array {name!r}; did you mean {close[0]!r}?")
    for split in ("train", "test"):
        halves = [f"{split}_images", f"{split}_labels"]
        lacking = [half for half in halves if half in missing]
        if len(lacking) == 1:
            (there,) = set(halves) - set(lacking)
            raise InputError(f"{path} holds {there} without {lacking[0]}; a split is both")
    if "train_images" in missing and "test_images" in missing:
        raise InputError(f"{path} holds no train_images and train_labels, but {', '.join(names) or 'nothing'}")


def _split(arrays: dict[str, np.ndarray], split: str, path: Path) -> Split:
    images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise InputError(f"{path}: {split}_images must be uint8 (N, H, W, 3), not {images.dtype} {images.shape}")
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[-1] not in (1, 3):
        raise InputError(f"{path}: {split}_images must have 1 or 3 channels last, not shape {images.shape}")
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).expand(-1, 3, -1, -1).contiguous()
    return Split(pixels, class_numbers(labels, len(images), f"{path}: {split}_labels"))


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz, none of them larger than what the file itself holds for it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                raise InputError(f"{path} unpacks to over {MAX_BYTES // GIB} GiB")
            for member in archive.infolist():
                _check_header(archive, member)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is not a readable .npz: {error}") from None


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Raise `ValueError` if an array claims more bytes than there are."""
    with archive.open(member) as stream:
        old = np.lib.format.read_magic(stream) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError(f"{member.filename} holds Python objects; save it as numbers, or as text: array.astype(...)")
    if int(np.prod(shape, dtype=object)) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename} is shorter than its shape")
