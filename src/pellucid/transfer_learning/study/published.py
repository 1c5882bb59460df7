"""The tables of Salman et al. 2020 as numbers, so that one's own can be laid beside them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ...data.jsonfile import read_json
from ...zoo.published import published

FILE = Path(__file__).parent / "published.json"
Curve = dict[float, float]


@lru_cache(maxsize=1)
def tables() -> dict[str, Any]:
    """Everything, as the file has it; accuracies in percent.

    >>> sorted(tables())[:4]
    ['best_eps', 'by_architecture', 'fixed_robustness', 'granularity']
    """
    return read_json(FILE)


def curve(data: str, granularity: int | None = None) -> Curve:
    """What was published of fixed features of a ResNet-50 by l2 eps, in percent; empty where nothing was.

    At full resolution the standard source is known, and the best robust one.

    >>> curve("pets", granularity=32), curve("dtd"), curve("gtsrb")
    ({0.0: 53.98, 1.0: 70.16, 3.0: 69.43}, {0.0: 68.14, 0.01: 70.22}, {})
    """
    known = tables()
    if granularity is not None:
        same = granularity == known["granularity"]["side"]
        return _curve(known["granularity"]["curves"].get(data, {})) if same else {}
    fixed = known["by_architecture"]["fixed"]["resnet50"]
    if data not in fixed["standard"]:
        return {}
    best = known["best_eps"]["fixed"][data]
    return {0.0: fixed["standard"][data], **({best: fixed["robust"][data]} if best else {})}


def fixed_robustness(eps: Literal["0", "3"]) -> tuple[list[float], list[float]]:
    """Six architectures' accuracies on ImageNet, and on CIFAR-10 after fine-tuning (table 2).

    >>> [len(found) for found in fixed_robustness("3")]
    [6, 6]
    """
    found = tables()["fixed_robustness"]["cifar10"][eps]
    clean = {entry.name: entry.clean for entry in published()}
    return [100 * (clean[f"imagenet-{arch}-l2-{eps}"] or 0.0) for arch in found], list(found.values())


def _curve(found: dict[str, float]) -> Curve:
    return {float(eps): value for eps, value in found.items()}
