"""What a run depends on besides its recipe; resuming requires it unchanged."""

from __future__ import annotations

from typing import Any

from ..base.errors import shortened
from ..core.classifier import Classifier
from ..data.dataset import Dataset
from ..data.identity import split_digest

CONSEQUENCES = ("content", "mean", "std")  # they follow from the other facts; named only where nothing else changed


def identity(data: Dataset, classifier: Classifier, precision: str) -> dict[str, Any]:
    """Facts about a run, as JSON can hold them. A grouping is in the data's name, its classes and its labels."""
    return {
        "data": data.name,
        "images": len(data.train),
        "size": list(data.train.size),
        "class_names": data.class_names,
        "content": split_digest(data.train),
        "start_sha256": classifier.card.get("start_sha256"),
        "mean": classifier.mean.flatten().tolist(),
        "std": classifier.std.flatten().tolist(),
        "precision": precision,
    }


def changes(now: dict[str, Any], was: dict[str, Any]) -> list[str]:
    """The facts that changed, in words: `["size was 32, 32", ...]`.

    >>> changes({"data": "b", "content": "1f"}, {"data": "a", "content": "2e"}), changes({"content": 1}, {"content": 2})
    (['data was a'], ['the training images or their labels were others'])
    """
    changed = [name for name in now if now[name] != was.get(name)]
    telling = [name for name in changed if name not in CONSEQUENCES] or changed[:1]
    return [_in_words(name, was.get(name)) for name in telling]


def _in_words(name: str, was: Any) -> str:
    if name == "content":
        return "the training images or their labels were others"
    if name == "start_sha256":
        return "the weights of --start were others"
    return f"{name} was {shortened([*map(str, was)]) if isinstance(was, list) else was}"
