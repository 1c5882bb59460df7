"""Digests of the inputs of a study's points, from cards and files: no image is decoded and no network built."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..base.errors import InputError
from ..data.identity import split_digest
from ..zoo.models import card, weights_sha256
from .targets import open_target

WEIGHTS = ("arch", "sha256", "checksum", "mean", "std", "size", "class_names")
"""The entries of a card that identify a source; its accuracy, for example, may be measured again."""


def source_digest(name: str) -> str:
    """The sha256 of what a source's card says of its weights, and of a bundle's weights as they are."""
    known = card(name)
    known["sha256"] = weights_sha256(name) or known.get("sha256")  # a file may have been replaced under an old card
    return _digest([known.get(key) for key in WEIGHTS])


def target_digest(name: str, root: Path) -> str:
    """The sha256 of a target's classes, labels and pixels; of images that are files, of names, sizes and times of
    change. Empty where it cannot be opened: its transfers will say why."""
    try:
        data = open_target(name, root, None, memory=0)
        return _digest([data.class_names, split_digest(data.train), split_digest(data.test)])
    except InputError:
        return ""


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
