"""How a result was made in Python: what its sidecar says of the call, and `pellucid rerun` repeats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .image import as_tensor
from .recipes import plain
from .sidecar import embedded, file_sha256

# Arguments that are images; a text there is a path.
IMAGES = ("images", "start", "targets", "first", "last", "mask", "masks", "content", "styles", "reference")
MOST = 24 * 2**20  # bytes of inputs that a sidecar embeds


@dataclass(frozen=True)
class Weights:
    """A classifier that took part: the name that `pellucid.load` knows it by, or nothing, and its sha256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Made:
    """A call from Python.

    Attributes:
        task: the function's name.
        arguments: what it was given, by name; without classifier, recipe and callback.
        recipe: its settings, at the classifier's size; None where there are none.
        weights: of the classifier; None where the call cannot be repeated anyway.
        names: of the classes.
        rows: which of the images that the call makes; None for all.
        turn: which of the results, of a call that makes several.
    """

    task: str
    arguments: dict[str, Any] = field(repr=False)
    recipe: Any
    weights: Weights | None
    names: Sequence[str] | None = field(repr=False)
    rows: tuple[int, ...] | None = None
    turn: int | None = None

    def at(self, index: Tensor) -> Made:
        """The same of the images at `index` alone."""
        rows = self.rows
        return replace(self, rows=tuple(i if rows is None else rows[i] for i in index.tolist()))

    def facts(self) -> dict[str, Any]:
        """What a sidecar says of it. Inputs that are no files are in it; where it cannot be repeated it says why."""
        inputs: list[dict[str, str]] = []
        facts: dict[str, Any] = {"task": self.task}
        try:
            if "objective" in self.arguments:
                raise Unsayable(f"its objective, {named(self.arguments['objective'])}, was made in Python")
            if self.weights is None or not self.weights.name:
                raise Unsayable("its classifier was made in Python, and has no name to load it by")
            facts["call"] = {name: said(name, value, inputs) for name, value in self.arguments.items()}
            if sum(len(part.get("content", "")) for part in inputs) > MOST:
                raise Unsayable("its inputs are too large to be kept in JSON; give paths of images")
        except Unsayable as why:
            facts["not_repeatable"], inputs = str(why), []
        if self.recipe is not None:
            facts["recipe"] = plain(self.recipe)
        if self.weights is not None:
            facts |= {"model": self.weights.name, "model_sha256": self.weights.sha256}
        rest = {"seed": self.arguments.get("seed"), "classes": self.names, "rows": self.rows, "turn": self.turn}
        return facts | {name: value for name, value in rest.items() if value is not None} | {"inputs": inputs}


class Unsayable(Exception):  # noqa: N818 - it is no error: the result is as good
    """Why a call cannot be repeated from JSON."""


def said(name: str, value: Any, inputs: list[dict[str, str]]) -> Any:
    """An argument as JSON; what are images goes to the inputs. Raises `Unsayable` for other objects."""
    value = getattr(value, "images", value) if name in IMAGES else value  # of a result
    if name in IMAGES and isinstance(value, (str, Path)):
        inputs.append({"path": str(value), "sha256": file_sha256(Path(value))})
        return {"input": str(value)}
    if isinstance(value, (Tensor, np.ndarray, Image.Image)):
        from safetensors.torch import save

        file = f"{name}-{len(inputs)}.safetensors"
        inputs.append(embedded(file, save({"values": as_tensor(value).detach().cpu().contiguous()})))
        return {"input": file}
    if isinstance(value, Weights) and value.name:
        return {"model": value.name, "sha256": value.sha256}
    if isinstance(value, (list, tuple)):
        return [said(name, part, inputs) for part in value]
    if isinstance(value, dict):
        return {part: said(part, inside, inputs) for part, inside in value.items()}
    if name == "strokes":
        return said(name, vars(value), inputs)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise Unsayable(f"its {name}, a {type(value).__name__}, was made in Python")


def named(objective: Any) -> str:
    """An objective in words: the names of its terms, with their weights.

    >>> from pellucid import Activation, CrossEntropy
    >>> named(-Activation(unit=7) + 0.1 * CrossEntropy("cat"))
    '-Activation + 0.1 * CrossEntropy'
    """
    text = " + ".join(f"{weight:g} * {name}" for weight, name in _terms(objective, 1.0))
    return text.removeprefix("1 * ").replace("+ 1 * ", "+ ").replace("-1 * ", "-").replace("+ -", "- ")


def _terms(objective: Any, weight: float) -> Iterator[tuple[float, str]]:
    if not hasattr(objective, "terms"):
        yield weight, type(objective).__name__
        return
    for part, term in zip(objective.weights, objective.terms, strict=True):
        yield from _terms(term, weight * part)


def fingerprint(classifier: Any) -> str:
    """The sha256 of the weights of a classifier as they are now, and what else makes its passes.

    The sha256 on a card is that of a file, and does not describe weights that have changed since they were read.
    """
    digest = hashlib.sha256()
    state = {name.removeprefix("network."): tensor for name, tensor in classifier.state_dict().items()}
    for name, tensor in sorted(state.items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy())
    digest.update(getattr(classifier, "passes", "").encode())  # of a smoothed classifier
    return digest.hexdigest()
