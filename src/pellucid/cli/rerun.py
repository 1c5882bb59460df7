"""`pellucid rerun`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import tyro

from ..errors import InputError
from ..gallery.save import check_free
from ..zoo.models import fingerprint, load
from .common import file_sha256, parse, value_of

TASKS = (
    "generate", "inpaint", "translate", "superres", "sketch", "paint", "brush",
    "invert", "interpolate", "distance", "visualize", "activating", "manipulate",
    "stylize",
)  # fmt: skip
OUTPUTS = ("--out", "--save-frames", "--gif", "--sheet", "--index")


@dataclass(frozen=True)
class Rerun:
    """Repeat a result from its JSON sidecar.

    pellucid rerun cats.json --out again.png
    """

    sidecar: tyro.conf.Positional[Path] = Path()
    """The JSON file beside a result, or in its folder."""
    out: Path | None = None
    """Where the new result goes; beside the old one, with -rerun in its name, if not given."""
    overwrite: bool = False
    """Replace a result that exists."""
    quiet: bool = False
    """No progress bar."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Rerun, argv, "rerun")
    words, facts = read_command(flags.sidecar)
    task, rest = words[0], _without(words[1:], *OUTPUTS)
    if flags.out is None:
        old = Path(value_of(words, "--out") or "")
        out = old.with_name(f"{old.stem}-rerun{old.suffix}") if old.name else Path("pellucid-out-rerun")
    else:
        out = flags.out
    check_free(out, flags.overwrite)
    for known in facts["inputs"]:
        path = Path(known["path"])
        if not path.is_file():
            raise InputError(f"the input {path} is not there any more")
        if file_sha256(path) != known["sha256"]:
            raise InputError(f"the input {path} has changed since; its sha256 is not the sidecar's")
    if fingerprint(load(facts["model"], "cpu")) != facts["model_sha256"]:
        print(
            f"warning: {facts['model']} is not the classifier that made this; expect other images",
            file=sys.stderr,
        )
    extra = [flag for flag in ("--overwrite",) if flags.overwrite and flag not in rest]
    extra += ["--quiet"] if flags.quiet and "--quiet" not in rest else []
    return import_module(f".{task}", __package__).main([*rest, "--out", str(out), *extra])


def read_command(path: Path) -> tuple[list[str], dict]:
    """The command in a sidecar, and the sidecar, checked."""
    path = path / "descent.json" if path.is_dir() and (path / "descent.json").is_file() else path
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the JSON beside a result")
    if path.stat().st_size > 64 * 2**20:
        raise InputError(f"{path} is too large for a sidecar")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        words = facts["command"]
        good = isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)
        good = good and isinstance(facts["model"], str) and isinstance(facts["model_sha256"], str)
        good = good and all(isinstance(i["path"], str) and isinstance(i["sha256"], str) for i in facts["inputs"])
    except (ValueError, KeyError, TypeError, RecursionError):
        good = False
    if not good:
        raise InputError(f"{path} is not a sidecar of pellucid's: it does not say which command made the result")
    if words[0] not in TASKS:
        raise InputError(f"{path}: only {', '.join(TASKS)} can be repeated, not {words[0]!r}")
    return words, facts


def _without(words: Sequence[str], *flags: str) -> list[str]:
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.partition("=")[0].replace("_", "-") in flags:
            skip = "=" not in word
        else:
            kept.append(word)
    return kept
