"""`pellucid rerun`."""

from __future__ import annotations

import json
import re
import sys
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

from ..base.errors import InputError
from ..base.files import write_text
from ..gallery.save import sidecar_path
from ..zoo.models import fingerprint, load
from .common import file_sha256, parse, value_of
from .stopped import reached

TASKS = (
    "generate", "inpaint", "translate", "superres", "sketch", "paint", "brush",
    "invert", "interpolate", "distance", "visualize", "activating", "manipulate",
    "stylize", "stylize-data", "transfer",
)  # fmt: skip
WITH_DATA = ("stylize-data", "transfer")  # their data set may be a folder, and is known by its content
EMBEDDED = "{inputs}"  # stands for the folder of the inputs that a sidecar embeds
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.png")
OUTPUTS = ("--out", "--save", "--cache", "--save-frames", "--save-every", "--gif", "--sheet", "--index")


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
    words = reached(words, facts)
    task, rest = words[0], _without(words[1:], *OUTPUTS)
    if flags.out is None:
        old = Path(value_of(words, "--out") or "")
        out = old.with_name(f"{old.stem}-rerun{old.suffix}") if old.name else Path("pellucid-out-rerun")
    else:
        out = flags.out
    if task == "stylize" and not out.suffix:
        out = out / "0000.png"  # its one picture in a folder, with its sidecar beside it
    with inputs(facts["inputs"]) as folder:
        for name in sorted(changed(facts)):
            print(f"warning: {name} is not the classifier that made this; expect other images", file=sys.stderr)
        rest = [word.replace(EMBEDDED, str(folder)) for word in rest] if folder else rest
        extra = [flag for flag in ("--overwrite",) if flags.overwrite and flag not in rest]
        extra += ["--quiet"] if flags.quiet and "--quiet" not in rest else []
        known = {"data_sha256": facts.get("data_sha256")} if task in WITH_DATA else {}
        command = import_module(f".{task.replace('-', '_')}", __package__).main
        code = command([*rest, "--out", str(out), *extra], **known)
        if folder and code == 0:
            _embed(sidecar_path(out), folder, facts["inputs"])
    return code


def changed(facts: dict) -> set[str]:
    """The names of the classifiers that are not those any more that took part: alone, for content, or beside."""
    named = {(part["model"], part["model_sha256"]) for part in (facts, facts.get("beside", facts))}
    if "content_model" in facts:
        named.add((facts["content_model"], facts["content_model_sha256"]))
    return {name for name, sha256 in named if fingerprint(load(name, "cpu")) != sha256}


@contextmanager
def inputs(known: list[dict]) -> Iterator[Path | None]:
    """Within, all inputs of a sidecar are there: those that it embeds in a temporary folder, which is yielded.

    Raises:
        InputError: an input is missing or is not what it was; what is embedded is damaged, or has no plain file name.
    """
    embedded = {entry["path"]: _content(entry) for entry in known if "content" in entry}
    for entry in known:
        path = Path(entry["path"])
        if "content" in entry:
            continue
        if not path.is_file():
            raise InputError(f"the input {path} is not there any more")
        if file_sha256(path) != entry["sha256"]:
            raise InputError(f"the input {path} has changed since; its sha256 is not the sidecar's")
    if not embedded:
        yield None
        return
    with TemporaryDirectory(prefix="pellucid-") as folder:
        for name, content in embedded.items():
            (Path(folder) / name).write_bytes(content)
        yield Path(folder)


def _embed(path: Path, folder: Path, known: list[dict]) -> None:
    """Give the new sidecar the inputs of the old one, so that it can be repeated as well."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    command = [word.replace(str(folder), EMBEDDED) for word in facts["command"]]
    write_text(path, json.dumps({**facts, "command": command, "inputs": known}, indent=2) + "\n")


def _content(entry: dict) -> bytes:
    """The bytes of an input that a sidecar embeds."""
    name = entry["path"]
    if not PLAIN.fullmatch(name):
        raise InputError(f"the sidecar embeds an input under the name {name[:60]!r}, which is not a plain file name")
    try:
        content = b64decode(entry["content"], validate=True)
    except (ValueError, TypeError):
        raise InputError(f"the input {name} is damaged in the sidecar: it is not base64") from None
    if sha256(content).hexdigest() != entry["sha256"]:
        raise InputError(f"the input {name} is damaged in the sidecar: its sha256 is another")
    return content


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
    except (ValueError, KeyError, TypeError, RecursionError):
        facts, words, good = {}, [], False
    if good and words[0] not in TASKS:
        raise InputError(f"{path}: only {', '.join(TASKS)} can be repeated, not {words[0]!r}")
    if not (good and _is_complete(facts)):
        raise InputError(f"{path} is not a sidecar of pellucid's: it does not say which command made the result")
    return words, facts


def _is_complete(facts: dict) -> bool:
    """Whether a sidecar names its classifiers and its inputs, each with its sha256."""
    try:
        named = [(part["model"], part["model_sha256"]) for part in (facts, facts.get("beside", facts))]
        named += [(entry["path"], entry["sha256"]) for entry in facts["inputs"]]
        named += [(facts["content_model"], facts["content_model_sha256"])] if "content_model" in facts else []
    except (KeyError, TypeError, AttributeError):
        return False
    return all(isinstance(value, str) for pair in named for value in pair)


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
