"""The JSON beside a result: the command, recipe, seed, inputs, classifier and versions that made it."""

from __future__ import annotations

import base64
import hashlib
import math
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from .files import write_json
from .image import WRITTEN
from .recipes import plain


def sidecar_path(result: Path) -> Path:
    """Where the sidecar of a result goes: beside a file, or as `descent.json` inside a folder of images.

    >>> str(sidecar_path(Path("cats.png"))), str(sidecar_path(Path("cats")))
    ('cats.json', 'cats/descent.json')
    """
    return result.with_suffix(".json") if result.suffix.lower() in (*WRITTEN, ".npz") else result / "descent.json"


def write_sidecar(result: Path, facts: dict[str, Any]) -> Path:
    """Write the facts beside a result; returns their path."""
    path = sidecar_path(result)
    write_json(path, facts)
    return path


def made_by(
    task: str, argv: Sequence[str], *, recipe: Any = None, seed: int | None = None, inputs: Iterable[Path] | None = None
) -> dict[str, Any]:
    """What every sidecar says of the command that made a result.

    Args:
        task: the command's name.
        argv: the words after it.
        recipe: a recipe; left out where it is None, as are the others.
        seed: of every random choice.
        inputs: the files that decide the result; each stands there with its sha256.
    """
    facts: dict[str, Any] = {"task": task, "command": [task, *argv]}
    if recipe is not None:
        facts["recipe"] = plain(recipe)
    if seed is not None:
        facts["seed"] = seed
    if inputs is not None:
        facts["inputs"] = [{"path": str(path), "sha256": file_sha256(path)} for path in dict.fromkeys(inputs)]
    return {**facts, "versions": versions()}


def of_descent(descent: Any) -> dict[str, Any]:
    """What a sidecar says of a descent: how it was made, and the result for each image."""
    labels = [None] * len(descent.images) if descent.label is None else descent.label.tolist()
    distances = (descent.images - descent.start).flatten(1).norm(dim=1).tolist()
    images = zip(labels, descent.loss.tolist(), descent.stopped_at.tolist(), descent.stopped, distances, strict=True)
    return {
        **descent.info,
        "images": [
            {"label": label, "loss": _rounded(loss), "steps": steps, "stopped": stopped, "distance": _rounded(distance)}
            for label, loss, steps, stopped, distance in images
        ],
        "forwards": descent.forwards,
        "backwards": descent.backwards,
        "versions": versions(),
    }


def of_result(result: Any) -> dict[str, Any]:
    """What a sidecar says of a result, and of the call that made it, unless it says which command did."""
    made = None if "command" in getattr(result, "info", {}) else result.made
    facts = {} if made is None else made.facts()
    return {**facts, **(result.to_json() if hasattr(result, "to_json") else of_descent(result)), "versions": versions()}


def versions() -> dict[str, str]:
    """Of what computed a result."""
    return {"pellucid": __version__, "torch": torch.__version__, "python": platform.python_version()}


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def embedded(name: str, content: bytes) -> dict[str, str]:
    """An input that the sidecar itself holds."""
    return {"path": name, "sha256": hashlib.sha256(content).hexdigest(), "content": base64.b64encode(content).decode()}


def _rounded(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None
