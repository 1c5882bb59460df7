"""Scenarios: work that keeps what it has, killed again and again; its files must be those of an undisturbed run."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path

import torch
from killed import Run, carry_out, contents, until_done
from tally import Tally

CLASSIFIER = ["--model", "cifar10-l2-0.5", "--device", "cpu", "--data", "../../photos.npz"]
CHECKPOINTS = ("checkpoint.safetensors", "checkpoint-before.safetensors")


def resumed(folder: Path) -> list[str]:
    """A training is told to go on."""
    return ["--resume"] if any((folder / "made" / name).exists() for name in CHECKPOINTS) else []


@dataclass(frozen=True)
class Work:
    """A command, and what else it is told when it is started again."""

    name: str
    command: list[str]
    again: Callable[[Path], list[str]] = lambda folder: []


WORKS = [
    Work("train", [
        "train", "--data", "../../photos.npz", "--arch", "preact-8-16", "--attack.eps", "0.5", "--attack.steps", "2",
        "--epochs", "6", "--batch-size", "10", "--examples-every", "1", "--device", "cpu", "--out", "made",
    ], resumed),
    Work("evaluate", [
        "evaluate", *CLASSIFIER, "--eps", "0.25", "0.5", "--steps", "3", "--batch-size", "5", "--no-sanity",
        "--out", "made.json",
    ]),
    Work("transfer study", [
        "transfer-study", "--sources", "cifar10-l2-0.5", "cifar10-standard", "--targets", "../../samples/tiles",
        "--granularities", "8", "16", "--seeds", "1", "--device", "cpu", "--out", "made",
    ]),
    Work("report", [
        "report", *CLASSIFIER, "--beside", "cifar10-standard", "--scale", "tiny", "--out", "made",
        "--only", "representations-table-2", "synthesis-settings", "synthesis-figure-17", "synthesis-figure-7",
    ]),
    Work("generate --count", [
        "generate", *CLASSIFIER[:4], "--count", "26", "--steps", "1", "--out", "made.npz",
    ]),
]  # fmt: skip


def killed(folder: Path, seconds: float, seed: int) -> list[Tally]:
    """Every kind of work in turns, each at least once."""
    began = time.monotonic()
    torch.set_num_threads(1)  # a copy of a process has none of its threads
    for work in WORKS:  # once for all copies
        import_module(f"pellucid.cli.{work.command[0].replace('-', '_')}")
    carry_out(["samples"], folder)
    carry_out(["generate", *CLASSIFIER[:4], "--count", "4", "--steps", "2", "--out", "photos.npz"], folder)
    tallies = {work.name: Tally(f"{work.name}, killed and started again") for work in WORKS}
    whole: dict[str, Run] = {}
    for turn in count():
        for work in WORKS:
            spent = time.monotonic() - began
            if turn and spent + 4 * whole[work.name].seconds > seconds:
                return list(tallies.values())
            place = folder / work.name
            if not turn:
                whole[work.name] = carry_out(work.command, place / "whole")
                if whole[work.name].code != 0:
                    raise SystemExit((place / "whole" / ".output.txt").read_text())
            once(work, place, whole[work.name], f"{seed}, {turn}", tallies[work.name])
            print(f"{spent:5.0f} s  {work.name}", flush=True)
    raise AssertionError


def once(work: Work, place: Path, whole: Run, seed: str, tally: Tally) -> None:
    """Kill one work until it is done, and compare its files."""
    folder = place / "killed"
    try:
        tally.faults["kills"] += until_done(work.command, work.again, folder, whole, seed)
    except ValueError as error:
        tally.wrong.append(f"{work.name}: {error}")
    ours, theirs = contents(folder), contents(place / "whole")
    differing = [name for name in theirs if Path(name).name not in CHECKPOINTS and ours.get(name) != theirs[name]]
    tally.check(not differing, "results like an undisturbed one", f"{', '.join(differing)} of seed {seed}")
    shutil.rmtree(folder)
