"""What is known so far of an evaluation, on disk, so that one that was stopped goes on."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base.errors import InputError
from ..base.files import write_text
from .outcomes import Outcomes

MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Partial:
    """A JSON file with the outcomes of the first images of an evaluation.

    Attributes:
        path: the file.
        facts: what the outcomes depend on, as plain JSON. A file with other facts is refused.
        index: the numbers of the images that are measured, in their order.
    """

    path: Path
    facts: dict[str, Any]
    index: Tensor

    def write(self, outcomes: Outcomes) -> None:
        """Write the outcomes of the first images, in their order."""
        robust = {repr(eps): {name: _text(held) for name, held in by.items()} for eps, by in outcomes.robust.items()}
        content = {"facts": self.facts, "clean": _text(outcomes.clean), "robust": robust}
        write_text(self.path, json.dumps(content) + "\n")

    def read(self, attacks: dict[float, list[str]]) -> Outcomes | None:
        """The outcomes of the first images; None if there is no file.

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
            clean = _bools(text, len(text))
            if len(text) > len(self.index):
                raise ValueError(f"it has outcomes of {len(text)} images, and there are {len(self.index)}")
            robust = {
                eps: {name: _bools(content["robust"][repr(eps)][name], len(text)) for name in names}
                for eps, names in attacks.items()
            }
        except InputError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise InputError(f"{self.path} is not part of an evaluation ({reason}); delete it to start again") from None
        return Outcomes(self.index[: len(text)], clean, robust)

    def _check_facts(self, found: dict[str, Any]) -> None:
        own = json.loads(json.dumps(self.facts))
        differ = sorted(key for key in own.keys() | found.keys() if own.get(key) != found.get(key))
        if differ:
            shown = ", ".join(f"{key} ({_short(found.get(key))}, now {_short(own.get(key))})" for key in differ)
            raise InputError(
                f"{self.path} holds part of an evaluation with other settings: {shown}; "
                "repeat the command that began it, or delete the file to start again"
            )


def forget_finished(partial: Path, result: Path) -> None:
    """Delete a partial file that is older than the result: whoever wrote that was killed before deleting it."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if partial.stat().st_mtime_ns <= result.stat().st_mtime_ns:
            partial.unlink()


def _text(bools: Tensor) -> str:
    return "".join("01"[value] for value in bools.tolist())


def _bools(text: str, count: int) -> Tensor:
    if not isinstance(text, str) or not set(text) <= set("01") or len(text) != count:
        raise ValueError("its outcomes are not one 0 or 1 for each image")
    return torch.tensor([value == "1" for value in text], dtype=torch.bool)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
