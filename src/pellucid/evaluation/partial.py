"""What is known so far of an evaluation, on disk, so that one that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base.errors import InputError
from ..base.files import write_text
from ..data.dataset import LabeledImages
from .outcomes import Outcomes

MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Partial:
    """A JSON file with the outcomes of the first images of an evaluation.

    Attributes:
        path: the file.
        facts: what the outcomes depend on, as plain JSON. A file with other facts is refused.
    """

    path: Path
    facts: dict[str, Any]

    def write(self, outcomes: Outcomes, reached: int) -> None:
        """Keep what is known of the first `reached` images, in one piece."""

        def text(bools: Tensor) -> str:
            return _text(bools, outcomes.index, reached)

        robust = {repr(eps): {name: text(held) for name, held in by.items()} for eps, by in outcomes.robust.items()}
        write_text(self.path, json.dumps({"facts": self.facts, "clean": text(outcomes.clean), "robust": robust}) + "\n")

    def read(self, attacks: dict[float, list[str]]) -> tuple[Outcomes, int] | None:
        """What is known and of how many images, the unreadable ones included; None if there is no file.

        Args:
            attacks: for each eps the names of the attacks whose outcomes there must be.

        Raises:
            InputError: the file belongs to an evaluation with other facts, or is none of pellucid's.
        """
        if not self.path.exists():
            return None
        try:
            if self.path.stat().st_size > MAX_BYTES:
                raise ValueError(f"it has over {MAX_BYTES >> 20} MiB")
            content = json.loads(self.path.read_text(encoding="utf-8"))
            self._check_facts(content["facts"])
            text = content["clean"]
            index, clean = _bools(text)
            robust = {
                eps: {name: _of_the_same(index, text, content["robust"][repr(eps)][name]) for name in names}
                for eps, names in attacks.items()
            }
        except InputError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"{self.path} is not part of an evaluation ({reason}); delete it to begin anew") from None
        return Outcomes(index, clean, robust), len(text)

    def _check_facts(self, found: dict[str, Any]) -> None:
        own = json.loads(json.dumps(self.facts))
        differ = sorted(key for key in own.keys() | found.keys() if own.get(key) != found.get(key))
        if differ:
            shown = ", ".join(f"{key} ({_short(found.get(key))}, now {_short(own.get(key))})" for key in differ)
            raise InputError(
                f"{self.path} holds part of an evaluation with other settings: {shown}; "
                "repeat the command that began it, or delete the file to begin anew"
            )


def split_sha256(split: LabeledImages, count: int) -> str:
    """What tells the first `count` images from any others: the sha256 of their labels and of their identity."""
    digest = hashlib.sha256(split.labels[:count].numpy().tobytes())
    for piece in split.identity(count):
        digest.update(piece)
    return digest.hexdigest()


def _text(bools: Tensor, index: Tensor, count: int) -> str:
    """A character for each of `count` images: 0 or 1, or - for one that cannot be read."""
    values = dict(zip(index.tolist(), bools.tolist(), strict=True))
    return "".join("01"[values[number]] if number in values else "-" for number in range(count))


def _bools(text: str) -> tuple[Tensor, Tensor]:
    """The numbers of the images that can be read, and the bool of each."""
    if not isinstance(text, str) or not set(text) <= set("01-"):
        raise ValueError("its outcomes are not one 0 or 1 for each image")
    found = [(number, value == "1") for number, value in enumerate(text) if value != "-"]
    numbers = torch.tensor([number for number, _ in found], dtype=torch.int64)
    return numbers, torch.tensor([value for _, value in found], dtype=torch.bool)


def _of_the_same(index: Tensor, clean: str, text: str) -> Tensor:
    """The bools of a text, which must be of the same images as `clean`, whose numbers are `index`."""
    numbers, bools = _bools(text)
    if len(text) != len(clean) or not torch.equal(numbers, index):
        raise ValueError("its outcomes are not one 0 or 1 for each image")
    return bools


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
