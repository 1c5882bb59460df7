"""ImageNet's 1,000 classes by their WordNet ids, with the names that torchvision gives them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files


def named(class_names: Sequence[str]) -> list[str]:
    """The names of ImageNet classes if all of these are WordNet ids of some, otherwise these names as they are.

    >>> named(["n01440764", "n01443537"]), named(["n01440764", "cat"])
    (['tench', 'goldfish'], ['n01440764', 'cat'])
    """
    if not all(re.fullmatch(r"n\d{8}", name) for name in class_names):
        return list(class_names)
    lines = (files("pellucid.data") / "wordnet.txt").read_text(encoding="utf-8").splitlines()
    names = dict(line.split(" ", 1) for line in lines)
    return [names[name] for name in class_names] if names.keys() >= set(class_names) else list(class_names)
