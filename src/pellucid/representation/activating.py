"""The images of a data set that activate each unit most and least (representations paper, Figure 8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..base.checks import check_classifier, check_index, positive_int
from ..base.devices import Precision
from ..base.errors import InputError
from ..base.files import replacing, write_tensors
from ..base.pictures import Table
from ..base.processes import team
from ..base.save import check_file
from ..base.task import task
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages, check_labeled
from ..data.identity import split_digest
from ..data.readings import readings
from ..zoo.models import fingerprint

MAX_BYTES = 2**28
SHOWN = 4  # images of a unit in a table
TENSORS = {"most": torch.float32, "most_index": torch.int64, "least": torch.float32, "least_index": torch.int64}


@dataclass(frozen=True)
class Extremes:
    """The k largest or smallest values of each unit so far, and their images; of equal values the first counts."""

    values: Tensor
    index: Tensor
    largest: bool

    @staticmethod
    def none(units: int, largest: bool) -> Extremes:
        """Of no images."""
        return Extremes(torch.empty(units, 0), torch.empty(units, 0, dtype=torch.int64), largest)

    def with_more(self, values: Tensor, index: Tensor, k: int) -> Extremes:
        """With further values, `(U, n)`, of images that come later: `index`, `(n,)` or `(U, n)`."""
        values = torch.cat([self.values, values], 1)
        index = torch.cat([self.index, index.expand(len(values), -1)], 1)
        values, order = values.sort(dim=1, descending=self.largest, stable=True)
        return Extremes(values[:, :k].contiguous(), index.gather(1, order[:, :k]), self.largest)


@dataclass(frozen=True)
class Facts:
    """What an index was made of.

    Attributes:
        layer: whose units these are.
        count: how many images were looked at.
        model_sha256: of the classifier.
        data_sha256: of the split's labels and images.
    """

    layer: str
    count: int
    model_sha256: str
    data_sha256: str


@dataclass(frozen=True, repr=False)
class Activating(Table):
    """For each of U units the k images of a split that activate it most, and the k that do so least.

    Attributes:
        most, most_index: `(U, k)` values from the largest down, float32, and the images' numbers, int64.
        least, least_index: `(U, k)` from the smallest up.
        facts: what it was made of.
    """

    most: Tensor
    most_index: Tensor
    least: Tensor
    least_index: Tensor
    facts: Facts

    def images(self, split: LabeledImages, units: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The images of some units, most and least activating, each `(len(units), k, C, H, W)` in [0, 1].

        Raises:
            InputError: another split than the one that was looked at, a unit that does not exist.
        """
        if len(split) != self.facts.count or split_digest(split) != self.facts.data_sha256:
            raise InputError("this is another split than the one that the activating images were looked for in")
        rows = torch.tensor(list(units))
        check_index(f"layer {self.facts.layer!r} has units", rows, len(self.most))
        most, least = (
            torch.stack([split.batch(index)[0] for index in table[rows]])
            for table in (self.most_index, self.least_index)
        )
        return most, least

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        def said(numbers: Tensor, values: Tensor) -> str:
            each = zip(numbers[:SHOWN].tolist(), values[:SHOWN].tolist(), strict=True)
            return ", ".join(f"{number} ({value:.3g})" for number, value in each)

        columns = zip(self.most_index, self.most, self.least_index, self.least, strict=True)
        rows = [(str(unit), said(*each[:2]), said(*each[2:])) for unit, each in enumerate(columns)]
        return (f"unit of {self.facts.layer}", "images that activate it most (how much)", "least"), rows

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write it as one safetensors file, whose metadata hold the facts; `load` reads it. Returns the path.

        Raises:
            InputError: the path exists, or does not end in .safetensors.
        """
        path = Path(path)
        check_file(path, overwrite, "an index", ".safetensors", "give overwrite=True")
        tensors = {name: getattr(self, name).contiguous() for name in TENSORS}
        with replacing(path) as temporary:
            write_tensors(tensors, temporary, {"pellucid": json.dumps({"activating": 1, **asdict(self.facts)})})
        return path

    @staticmethod
    def load(path: str | Path) -> Activating:
        """Read what `save` wrote.

        Raises:
            InputError: missing, over 256 MiB, damaged, or not such a file.
        """
        path = Path(path)
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"it has over {MAX_BYTES >> 20} MiB")
            with safe_open(path, framework="pt") as file:
                known = json.loads((file.metadata() or {}).get("pellucid", ""))
                if known.pop("activating") != 1 or set(file.keys()) != set(TENSORS):
                    raise ValueError("it is of another kind")
                facts = Facts(**known)
                tensors = {name: file.get_tensor(name) for name in TENSORS}
            _check(tensors, facts.count)
        except FileNotFoundError:
            raise InputError(f"{path} does not exist") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, SafetensorError) as error:
            raise InputError(f"{path} is not an index of activating images: {error}") from None
        return Activating(**tensors, facts=facts)


@task()
def activating(
    classifier: Classifier,
    split: LabeledImages,
    *,
    layer: str = "representation",
    k: int = 8,
    precision: Precision = "float32",
    callback: Callable[[float], None] | None = None,
) -> Activating:
    """The images that activate each unit of a layer most and least, in one pass over a split.

    A channel's activation is its mean over positions. Of images with the same value the first one counts. Processes
    that share the work (`pellucid.base.processes.sharing`) divide the images among them and all get the whole result.

    Args:
        classifier: whose units.
        split: images of the classifier's size.
        layer: `representation`, `logits`, or any other layer.
        k: how many images of each unit are kept at either end; all of them where the split has fewer.
        precision: "bfloat16" runs the network in autocast.
        callback: called with the share of the images that is done.

    Raises:
        InputError: an empty split, images of another size, a layer that does not exist, activations that are not
            finite.

    >>> import pellucid as pl
    >>> images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
    >>> split = pl.Split(images, torch.zeros(6, dtype=torch.int64))
    >>> found = activating(pl.load("cifar10-l2-0.5", "cpu"), split, layer="logits", k=2)
    >>> found.most_index.shape, bool((found.most[:, 0] >= found.most[:, 1]).all())
    (torch.Size([10, 2]), True)
    """
    k = positive_int("k", k)
    check_split(classifier, split)
    everybody = team()
    own = range(len(split))[everybody.share(len(split))]
    ends: list[Extremes] = []
    for index, values in readings(classifier, split, layer, own, precision):
        ends = ends or [Extremes.none(values.shape[1], largest) for largest in (True, False)]
        ends = [end.with_more(values.T, index, k) for end in ends]
        if callback is not None:
            callback((int(index[-1]) + 1 - own.start) / len(own))
    parts = [part for part in everybody.gather(ends) if part]
    if not parts:
        raise InputError("none of the split's images can be read")
    most, least = parts[0]
    for other_most, other_least in parts[1:]:
        most = most.with_more(other_most.values, other_most.index, k)
        least = least.with_more(other_least.values, other_least.index, k)
    facts = Facts(layer, len(split), fingerprint(classifier), split_digest(split))
    return Activating(most.values, most.index, least.values, least.index, facts)


def check_split(classifier: Classifier, split: LabeledImages) -> None:
    """Raise `InputError` unless the split holds images of the classifier's size."""
    check_classifier(classifier)
    check_labeled(split)
    if not len(split):
        raise InputError("there are no images to look at")
    height, width = split.size
    if classifier.size and (height, width) != (classifier.size, classifier.size):
        raise InputError(f"the images are {width} x {height} and the classifier takes {classifier.size} px")


def _check(tensors: dict[str, Tensor], count: int) -> None:
    """Raise `ValueError` unless the tensors are values and numbers of `count` images, as `activating` leaves them."""
    for name, dtype in TENSORS.items():
        tensor = tensors[name]
        if tensor.dtype != dtype or tensor.ndim != 2 or tensor.shape != tensors["most"].shape:
            raise ValueError(f"{name} is {tensor.dtype} {tuple(tensor.shape)}")
        if dtype == torch.int64 and ((tensor < 0) | (tensor >= count)).any():
            raise ValueError(f"it names other images than its {count}")
