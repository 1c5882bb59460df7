"""A command that is killed at random moments and started again, until it is done."""

import json
import os
import random
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pellucid.cli.main import main

MOST = 6  # kills; then it may end
OPERATIONS = ("replace", "unlink", "rmdir")
TIMES = ("seconds", "waited_for_data")  # what no two runs have in common


@dataclass(frozen=True)
class Run:
    """How a start of a command ended.

    Attributes:
        code: its exit code; None if it was killed.
        moments: before and after how many of its operations on files it could have been killed.
        seconds: how long it took.
    """

    code: int | None
    moments: int
    seconds: float


def carry_out(command: list[str], folder: Path, fatal: int | None = None, most: float | None = None) -> Run:
    """Run a command in a copy of this process, in a folder.

    Args:
        command: its words.
        folder: where it runs; it has its cache there, and prints into `output.txt`.
        fatal: it dies at this moment, before or after an operation on files.
        most: it is killed after so many seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(command, folder, fatal, writer)
    os.close(writer)
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if most is not None and time.monotonic() - began > most:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)
    moments = len(os.read(reader, 2**16))
    os.close(reader)
    status = ended[1]
    return Run(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None, moments, time.monotonic() - began)


def _become(command: list[str], folder: Path, fatal: int | None, writer: int) -> None:
    """In the copy: run the command, and end."""
    code = 1
    try:
        os.chdir(folder)
        os.environ["PELLUCID_CACHE"] = str(folder / ".cache")
        output = os.open(".output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        moments = count()
        for name in OPERATIONS:
            setattr(os, name, _mortal(getattr(os, name), moments, fatal, writer))
        code = main(command)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _mortal(operation: Callable, moments: count, fatal: int | None, writer: int) -> Callable:
    """The operation, before and after which the process may die."""

    def moment() -> None:
        os.write(writer, b".")
        if next(moments) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def called(*args, **options):
        moment()
        operation(*args, **options)
        moment()

    return called


def until_done(command: list[str], again: Callable[[Path], list[str]], folder: Path, whole: Run, seed: str) -> int:
    """Kill and start a command until it is done; how often it was killed.

    Half of the kills come at any time, the other half just before or after an operation on files.

    Args:
        command: its words.
        again: further words, of a command that is started again.
        folder: where it runs.
        whole: the undisturbed run.
        seed: of the moments.
    """
    rng, kills = random.Random(seed), 0
    while True:
        fatal = most = None
        if kills < MOST and rng.random() < 0.5:
            fatal = int(whole.moments * rng.random() ** 2)
        elif kills < MOST:
            most = whole.seconds * rng.random() ** 2  # rather early: a run that goes on has less to do
        run = carry_out([*command, *again(folder)], folder, fatal, most)
        said = (folder / ".output.txt").read_text() if run.code is not None else ""
        if run.code == 0 or (run.code == 2 and " exists" in said):  # it was killed when everything was written
            return kills
        if run.code is not None:
            raise ValueError(f"started again after {kills} kills, it ended with {run.code}: {said.strip()}")
        kills += 1


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a result by their paths, without how long anything took."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    shown = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return {str(path.relative_to(folder)): _timeless(path) for path in shown}


def _timeless(path: Path) -> bytes:
    if path.suffix == ".json":
        return json.dumps(_without_times(json.loads(path.read_bytes()))).encode()
    if path.suffix == ".jsonl":
        return json.dumps([_without_times(json.loads(line)) for line in path.read_text().splitlines()]).encode()
    return re.sub(rb" \d+ s</p>", b"</p>", path.read_bytes()) if path.suffix == ".html" else path.read_bytes()


def _without_times(value):
    if isinstance(value, dict):
        return {name: _without_times(part) for name, part in value.items() if name not in TIMES}
    return [_without_times(part) for part in value] if isinstance(value, list) else value
