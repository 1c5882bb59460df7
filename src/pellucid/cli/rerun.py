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
from typing import Any

import tyro

from ..base.errors import InputError
from ..base.files import write_json
from ..base.image import WRITTEN
from ..core.optimizer import Smoothed
from ..gallery.sidecar import file_sha256, sidecar_path
from ..zoo.models import fingerprint
from .flags import OutputFlags, RunFlags
from .parse import parse, value_of
from .repeat import repeat
from .run import loaded

# The steps of these do not depend on how many follow: a run that was stopped can be repeated up to there.
STEADY = ("generate", "sketch", "brush", "paint", "translate", "superres", "manipulate")
WITH_DATA = ("stylize-data", "transfer")  # their data set may be a folder, and is known by its content
OTHERS = ("inpaint", "invert", "interpolate", "distance", "text-to-image", "visualize", "activating", "stylize")
TASKS = (*STEADY, *OTHERS, *WITH_DATA)
EMBEDDED = "{inputs}"  # stands for the folder of the inputs that a sidecar embeds
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(png|safetensors)")
# Flags of further outputs and of caches, which a rerun leaves out.
BESIDES = ("--save", "--cache", "--save-frames", "--save-every", "--gif", "--sheet", "--index")


@dataclass(frozen=True)
class Rerun(OutputFlags):
    """Repeat a result from its JSON sidecar.

    pellucid rerun cats.json --out again.png
    """

    sidecar: tyro.conf.Positional[Path] = Path()
    """The JSON file beside a result, or in its folder; or the result itself."""
    out: Path | None = None
    """Where the new result goes; beside the old one, with -rerun in its name, if not given."""


def main(argv: Sequence[str]) -> int:
    """Run the command. Of a flag that a command line has twice, the last one counts."""
    flags = parse(Rerun, argv, "rerun")
    facts = read_facts(flags.sidecar)
    if "command" not in facts:
        path = flags.sidecar.parent if flags.sidecar.name == "descent.json" else flags.sidecar
        beside = path.with_name(f"{path.stem}-rerun{'' if path.is_dir() else '.png'}")
        with embedded(facts["inputs"]) as folder:
            say_if_changed(facts, smoothing(()))
            return repeat(facts, folder, flags.out or beside, flags.overwrite, flags.quiet)
    task, *words = facts["command"]
    old = Path(value_of(words, "--out") or "")
    out = flags.out or (old.with_name(f"{old.stem}-rerun{old.suffix}") if old.name else Path("pellucid-out-rerun"))
    if task == "stylize" and not out.suffix:
        out = out / "0000.png"  # its one picture in a folder, with its sidecar beside it
    words += ["--out", str(out), *steps_made(task, facts)]
    words += ["--precision", facts.get("precision") or value_of(words, "--precision") or "float32"]  # the old default
    for flag in BESIDES:
        words += [flag, "None"] if value_of(words, flag) is not None else []
    words += [*["--overwrite"] * flags.overwrite, *["--quiet"] * flags.quiet]
    known = {"data_sha256": facts.get("data_sha256")} if task in WITH_DATA else {}
    with embedded(facts["inputs"]) as folder:
        say_if_changed(facts, smoothing(words))
        command = import_module(f".{task.replace('-', '_')}", __package__).main
        code = command([word.replace(EMBEDDED, folder) for word in words], **known)
        if folder and code == 0:  # the new result can be repeated as well
            written = json.loads(sidecar_path(out).read_text(encoding="utf-8"))
            command = [word.replace(folder, EMBEDDED) for word in written["command"]]
            write_json(sidecar_path(out), {**written, "command": command, "inputs": facts["inputs"]})
    return code


def smoothing(words: Sequence[str]) -> RunFlags:
    """The flags of a command line that say how its classifiers are smoothed."""
    given = {flag: value_of(words, flag) for flag in ("--smooth", "--samples", "--seed")}
    return parse(
        RunFlags, [f"{flag}={value}" for flag, value in {**given, "--device": "cpu"}.items() if value], "rerun"
    )


def read_facts(path: Path) -> dict[str, Any]:
    """A sidecar, checked: its command can be repeated, and it names its classifiers and inputs with their sha256."""
    path = path / "descent.json" if path.is_dir() and (path / "descent.json").is_file() else path
    path = path.with_suffix(".json") if path.suffix.lower() in WRITTEN else path  # the result itself will do
    if not path.is_file():
        raise InputError(f"{path} is not a file; give the JSON beside a result")
    if path.stat().st_size > 64 * 2**20:
        raise InputError(f"{path} is too large for a sidecar")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        facts = {}
    if isinstance(facts, dict) and "not_repeatable" in facts:
        raise InputError(f"{path} says that the result cannot be repeated: {facts['not_repeatable']!s:.200}")
    try:
        called = isinstance(facts, dict) and "command" not in facts and "call" in facts
        task, words = (TASKS[0], []) if called else (facts["command"][0], facts["command"])
    except (KeyError, TypeError, IndexError):
        task, words, facts = None, [], {}
    if isinstance(task, str) and isinstance(words, list) and task not in TASKS:
        raise InputError(f"{path}: only {', '.join(TASKS)} can be repeated, not {task!r}")
    try:
        named = [*classifiers(facts), *((entry["path"], entry["sha256"]) for entry in facts["inputs"])]
    except (KeyError, TypeError, AttributeError):
        named = [(None, None)]
    said = (*words, *sum(named, ()), facts.get("precision", "")) if isinstance(words, list) else (None,)
    if not all(isinstance(text, str) for text in said):
        raise InputError(f"{path} is not a sidecar of pellucid's: it does not say which command made the result")
    return facts


def say_if_changed(facts: dict[str, Any], flags: RunFlags) -> None:
    """Say which classifiers are not those that made the result."""
    for name, sha in sorted(classifiers(facts)):
        if fingerprint(loaded(name, flags)) != sha:
            print(f"warning: {name} is not the classifier that made this; expect other images", file=sys.stderr)


def classifiers(facts: dict[str, Any]) -> set[tuple[str, str]]:
    """The classifiers that took part, each with its sha256: alone, beside it, or for the content."""
    named = {(part["model"], part["model_sha256"]) for part in (facts, *facts.get("beside", []))}
    if "content_model" in facts:
        named.add((facts["content_model"], facts["content_model_sha256"]))
    return named


def steps_made(task: str, facts: dict[str, Any]) -> list[str]:
    """`--steps` for a run that was stopped in the studio; nothing for a whole run.

    Raises:
        InputError: fewer steps would make another picture than the one that was reached.
    """
    whole = "for all of it, run its command again"
    if facts.get("interrupted") is True:
        raise InputError(f"this {task} was interrupted, which cannot be repeated; {whole}")
    if "stopped" not in facts:
        return []
    step = facts["stopped"]
    if type(step) is not int or step < 1:
        raise InputError("this run was stopped before its first step: there is no result to repeat")
    strokes = sum(entry["path"].startswith("stroke-") for entry in facts["inputs"])
    if task not in STEADY or strokes > 1 or (task == "generate" and value_of(facts["command"], "--size")):
        why = f"it is a painting of {strokes} strokes" if strokes > 1 else "its steps depend on how many there are"
        raise InputError(f"this {task} was stopped at step {step}, and {why}; {whole}")
    if value_of(facts["command"], "--steps") is None:
        raise InputError(f"the run was stopped at step {step}, but its command has no --steps")
    return ["--steps", str(step), *_sigmas_made(facts.get("recipe"), step)]


def _sigmas_made(recipe: Any, step: int) -> list[str]:
    """`--sigmas` that fall over these steps as far as those of the whole run fell until then."""
    match recipe:
        case {"sigmas": [float() as first, float() as last], "steps": int() as steps} if min(first, last, steps) > 0:
            return ["--sigmas", str(first), str(Smoothed((first, last)).sigma(step / steps))]
    return []


@contextmanager
def embedded(inputs: list[dict[str, str]]) -> Iterator[str]:
    """Within, all inputs of a sidecar are there: those that it embeds in a temporary folder, which is yielded.

    Raises:
        InputError: an input is missing or is not what it was; what is embedded is damaged, or has no plain file name.
    """
    with TemporaryDirectory(prefix="pellucid-") as folder:
        for entry in inputs:
            path = Path(entry["path"])
            if "content" in entry:
                if not PLAIN.fullmatch(entry["path"]):
                    said = f"the name {entry['path'][:60]!r}, which is not a plain file name"
                    raise InputError(f"the sidecar embeds an input under {said}")
                path = Path(folder) / path
                path.write_bytes(_content(entry))
            elif not path.is_file():
                raise InputError(f"the input {path} is not there any more")
            elif file_sha256(path) != entry["sha256"]:
                raise InputError(f"the input {path} has changed since; its sha256 is not the sidecar's")
        yield folder if any("content" in entry for entry in inputs) else ""


def _content(entry: dict[str, str]) -> bytes:
    """The bytes of an input that a sidecar embeds."""
    try:
        content = b64decode(entry["content"], validate=True)
    except (ValueError, TypeError):
        raise InputError(f"the input {entry['path']} is damaged in the sidecar: it is not base64") from None
    if sha256(content).hexdigest() != entry["sha256"]:
        raise InputError(f"the input {entry['path']} is damaged in the sidecar: its sha256 is another")
    return content
