"""Loading a data set from a folder, webdataset shards, an npz file, or torchvision by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..base.checks import positive_int
from ..base.errors import InputError, shortened
from ..base.task import task
from .dataset import GIB, Dataset, Split, resized
from .encoded import decoded
from .folder import load_folder, split_of
from .grouping import Grouping, load_grouping, regroup
from .npz import load_npz
from .shards import has_shards, load_shards
from .torchvision import load_torchvision
from .wordnet import named


@task()
def load_data(
    source: str | Path,
    size: int | None = None,
    *,
    grouping: str | Path | Grouping | None = None,
    class_names: Sequence[str] | None = None,
    skip_unreadable: bool = False,
    measuring: bool = False,
    memory: int = 4 * GIB,
    callback: Callable[[float], None] | None = None,
) -> Dataset:
    """Load a data set.

    Args:
        source: a folder with `train/` and `test/` (or `val/`), or one of them, of class folders; of class folders alone
            (all of which is then the train split); with `trainA/`, `trainB/`, `testA/`, `testB/`; or with webdataset
            shards `train-*.tar` and `test-*.tar` (or `val-*.tar`). An `.npz` with `train_images` (uint8 NHWC),
            `train_labels`, and optionally `test_images`, `test_labels`, `class_names`. Or `torchvision:NAME`, such as
            `torchvision:CIFAR10`.
        size: the side in pixels to which images are brought; needed where they differ in size.
        grouping: superclasses: `restricted-imagenet`, a JSON file, or a `Grouping`; see `load_grouping`.
        class_names: names of the classes in their order, in place of the data's own. WordNet ids of ImageNet classes
            become their names by themselves, after the grouping.
        skip_unreadable: leave out image files that cannot be decoded, with one warning, instead of refusing the data.
            Every file is decoded once for this, also where the images do not fit into `memory`.
        measuring: where there is a test split, leave the train split empty: its images are not decoded. A folder that
            is called `val` or `test` itself is one.
        memory: the most bytes of uint8 pixels that image files are decoded into at once. What would take more is a
            `FileSplit`, decoded when it is read.
        callback: called with the share of the image files that is decoded.

    Raises:
        InputError: nothing there, not in one of these shapes, an image that cannot be read, a grouping that does not
            fit.

    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/gray.npz", train_images=np.zeros((6, 4, 4), np.uint8), train_labels=np.arange(6) % 3)
    ...     data = load_data(f"{folder}/gray.npz", size=8, class_names=["cat", "dog", "ship"])
    >>> len(data.train), data.size, data.class_names
    (6, (8, 8), ['cat', 'dog', 'ship'])
    """
    if size is not None:
        positive_int("size", size)
    data = _open(str(source), size)
    if measuring:
        data = data.without_train()
        if not len(data.test) and split_of(Path(source).resolve().name) in ("test", "val"):  # ImageNet's val by itself
            data = replace(data, train=data.test, test=data.train)
    if isinstance(data.test, Split):  # image files are brought to the size when they are decoded
        data = resized(data, size)
    if grouping is not None:
        data = regroup(data, load_grouping(grouping))
    data = replace(data, class_names=named(data.class_names)) if class_names is None else _renamed(data, class_names)
    return decoded(data, memory, skip_unreadable, callback)


def _open(source: str, size: int | None) -> Dataset:
    """The data set; image files are found and labeled, and not decoded yet."""
    if not source:
        raise InputError("name the data: --data FOLDER, FILE.npz or torchvision:NAME")
    if source.startswith("torchvision:"):
        return load_torchvision(source.removeprefix("torchvision:"))
    path = Path(source)
    if path.suffix.lower() == ".npz":
        return load_npz(path)
    if has_shards(path):
        return load_shards(path, size)
    if path.is_dir():
        return load_folder(path, size)
    what = f"{source} is no data set (archives must be unpacked)" if path.exists() else f"no data at {source!r}"
    raise InputError(f"{what}: give a folder of class folders, an .npz file or torchvision:NAME")


def _renamed(data: Dataset, names: Sequence[str]) -> Dataset:
    if len(names) != len(data.class_names) or len(set(names)) != len(names):
        raise InputError(
            f"{data.name} has {len(data.class_names)} classes ({shortened(data.class_names)}); give as many different "
            f"class names, not {len(names)}"
        )
    return replace(data, class_names=[str(name) for name in names])
