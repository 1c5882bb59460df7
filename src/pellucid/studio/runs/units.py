"""The units of a representation: their classes, their thumbnails, and the images that activate them most.

Thumbnails and images cost passes of the network. The worker makes them when no job waits, and stops when one does.
Small pictures of the bundled classifiers' units come with the page, as one sheet a classifier.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ...base.errors import InputError, first_line
from ...base.files import replacing
from ...core.classifier import Classifier
from ...core.descend import Callback
from ...data.dataset import LabeledImages
from ...data.image import to_tensor
from ...data.load import load_data
from ...representation.activating import Activating, activating
from ...representation.visualize import VisualizeRecipe, visualize
from ..kept.loaded import FALLBACK_SIDE, Loaded
from ..kept.pictures import message, png
from .job import Stopped

SHEETS = Path(__file__).parents[1] / "page" / "units"
TILE, COLUMNS = 32, 32  # of a sheet: the side of a picture in pixels, and how many stand in a row
AT_ONCE = 4  # thumbnails
CLASSES = 3
IMAGES = 8
RECIPE = VisualizeRecipe(steps=40)
Busy = Callable[[], bool]


@dataclass
class _Album:
    """The thumbnails of one classifier's units; those that could not be written are held in memory."""

    loaded: Loaded
    folder: Path
    asked: dict[int, None]
    rest: list[int]
    unwritten: dict[int, bytes] = field(default_factory=dict)

    def path(self, unit: int) -> Path:
        return self.folder / f"unit-{unit}.png"

    def has(self, unit: int) -> bool:
        return unit in self.unwritten or os.path.isfile(self.path(unit))  # unlike Path's, it never raises

    def keep(self, unit: int, thumbnail: bytes) -> None:
        """Write a thumbnail; where that fails, as on a full disk, draw no more than those that are asked for."""
        try:
            with replacing(self.path(unit)) as temporary:
                temporary.write_bytes(thumbnail)
        except InputError:
            self.unwritten[unit] = thumbnail
            self.rest = []

    @property
    def sheet(self) -> Path:
        """The small pictures that come with the page, if they do: another network has another name."""
        return SHEETS / f"{self.loaded.sha256[:16]}.webp"

    def missing(self) -> list[int]:
        """The next thumbnails to make: first those that a page has asked for."""
        for unit in [unit for unit in self.asked if self.has(unit)]:
            self.asked.pop(unit, None)
        if not self.asked:
            self.rest = [unit for unit in self.rest if not self.has(unit)]
        return (list(self.asked) or self.rest)[:AT_ONCE]


class Units:
    """The units of the classifiers that pages show.

    Args:
        folder: a cache.
        data: the name of a data set in which to look for activating images, if any.
    """

    def __init__(self, folder: Path, data: str | None = None):
        self.folder, self.data = folder, data
        self._albums: dict[str, _Album] = {}
        self._found: dict[str, tuple[Activating, LabeledImages]] = {}
        self._searched: list[Loaded] = []
        self._problem: str | None = None
        self._lock = threading.Lock()

    def listed(self, loaded: Loaded, names: dict[int, str]) -> list[dict[str, Any]]:
        """All units of a classifier. From now on their thumbnails are made."""
        album = self._album(loaded)
        classes, sheet = top_classes(loaded), album.sheet.is_file()
        return [
            {
                "unit": unit,
                "name": names.get(unit, ""),
                "classes": classes[unit],
                "thumbnail": sheet or album.has(unit),
            }
            for unit in range(loaded.units)
        ]

    def thumbnail(self, loaded: Loaded, unit: int, small: bool = False) -> bytes | None:
        """A unit's thumbnail, or None if it is not made yet; then it is among the next.

        A `small` one may come from the classifier's sheet.
        """
        album = self._album(loaded)
        if small and album.sheet.is_file():
            return _tile(album.sheet, unit)
        try:
            return album.unwritten.get(unit) or album.path(unit).read_bytes()
        except OSError:
            with self._lock:
                album.asked[unit] = None
            return None

    def images(self, loaded: Loaded, unit: int) -> dict[str, Any]:
        """The images of the data that activate a unit most, or a sentence that says why there are none."""
        if self.data is None:
            return _missing("Start the studio with --data to see which of your images activate this unit.")
        if self._problem is not None:
            return _missing(self._problem)
        found = self._found.get(loaded.sha256)
        if found is None:
            with self._lock:
                if all(other.sha256 != loaded.sha256 for other in self._searched):
                    self._searched.append(loaded)
            return _missing(f"Still looking through {self.data}; this goes on while no run does.")
        index, split = found
        most = split.batch(index.most_index[unit])[0]
        values = index.most[unit].tolist()
        return {
            "images": [{**message(image), "value": round(v, 4)} for image, v in zip(most, values, strict=True)],
            "missing": None,
        }

    def work(self, busy: Busy) -> bool:
        """Make a few thumbnails or search the data; False if there is nothing to do.

        Raises:
            Stopped: a job waits. Unfinished thumbnails and an unfinished search are lost.
        """
        with self._lock:
            albums = [(album, album.missing()) for album in self._albums.values()]
            searched = self._searched[0] if self._searched else None
        # First the thumbnails that a page waits for, last the others.
        albums.sort(key=lambda entry: not entry[0].asked)
        if searched is not None and not any(album.asked for album, _ in albums):
            self._search(searched, busy)
            return True
        for album, units in albums:
            if units:
                _draw(album, units, busy)
                return True
        return False

    def _album(self, loaded: Loaded) -> _Album:
        with self._lock:
            if loaded.sha256 not in self._albums:
                folder = self.folder / loaded.sha256[:16]
                self._albums = {
                    **dict(list(self._albums.items())[-2:]),  # older ones would keep their classifiers in memory
                    loaded.sha256: _Album(loaded, folder, {}, list(range(loaded.units))),
                }
                if self._albums[loaded.sha256].sheet.is_file():
                    self._albums[loaded.sha256].rest = []  # large ones are drawn when they are asked for
            return self._albums[loaded.sha256]

    def _search(self, loaded: Loaded, busy: Busy) -> None:
        """Find the images that activate each unit, or load them from an earlier search."""

        def callback(share: float) -> None:
            if busy():
                raise Stopped

        assert self.data is not None
        path = self.folder / loaded.sha256[:16] / f"{hashlib.sha256(self.data.encode()).hexdigest()[:16]}.safetensors"
        try:
            _, split = load_data(self.data, loaded.classifier.size).measured
            index = _earlier(path, split, loaded)
            if index is None:
                index = activating(loaded.classifier, split, k=IMAGES, callback=callback)
                with suppress(InputError, OSError):  # it is there to be shown, and the next studio looks again
                    index.save(path, overwrite=True)
            self._found = {**dict(list(self._found.items())[-2:]), loaded.sha256: (index, split)}
        except (InputError, OSError) as error:
            self._problem = f"There are no images to show: {first_line(error)}."
        with self._lock:
            self._searched.remove(loaded)


def top_classes(loaded: Loaded) -> list[list[str]]:
    """For each unit, the at most three classes whose logits it raises most, by the weights of the head."""
    names, weight = loaded.class_names, getattr(loaded.classifier.module(loaded.classifier.head), "weight", None)
    if weight is None or weight.shape[:2] != (len(names), loaded.units) or math.prod(weight.shape[2:]) != 1:
        return [[] for _ in range(loaded.units)]  # the head is not one linear layer
    best = weight.detach().flatten(1).cpu().topk(min(CLASSES, len(names)), dim=0)
    return [
        [names[label] for label, value in zip(labels, values, strict=True) if value > 0]
        for labels, values in zip(best.indices.T.tolist(), best.values.T.tolist(), strict=True)
    ]


@lru_cache(64)
def _tile(sheet: Path, unit: int) -> bytes:
    """A unit's picture on a sheet, as a PNG."""
    row, column = divmod(unit, COLUMNS)
    with Image.open(sheet, formats=["WEBP"]) as opened:
        box = (TILE * column, TILE * row, TILE * (column + 1), TILE * (row + 1))
        return png(to_tensor(opened.convert("RGB").crop(box)))


def pictures(classifier: Classifier, units: list[int], callback: Callback | None = None) -> Tensor:
    """What these units look for, `(N, 3, H, W)`; gray if nothing activates one of them."""
    made = []
    for at in range(0, len(units), AT_ONCE):
        some = units[at : at + AT_ONCE]
        try:
            made.append(visualize(classifier, some, RECIPE, callback=callback).images.cpu())
        except InputError:  # nothing activates them
            side = classifier.size or FALLBACK_SIDE
            made.append(torch.full((len(some), 3, side, side), 0.5))
    return torch.cat(made)


def _draw(album: _Album, units: list[int], busy: Busy) -> None:
    """Visualize some units and keep the pictures."""

    def callback(progress) -> None:
        if busy():
            raise Stopped

    images = pictures(album.loaded.classifier, units, callback)
    for unit, image in zip(units, images, strict=True):
        album.keep(unit, png(image))


def _earlier(path: Path, split: LabeledImages, loaded: Loaded) -> Activating | None:
    """The result of an earlier search, if it was of this split and as many units."""
    try:
        index = Activating.load(path)
        index.images(split, [0])
    except InputError:
        return None
    return index if len(index.most) == loaded.units else None


def _missing(sentence: str) -> dict[str, Any]:
    return {"images": [], "missing": sentence}
