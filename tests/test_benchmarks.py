"""The scripts in `benchmarks/` run: those of `make bench` in their tiniest setting, the others as far as their help."""

import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid import bundled

FOLDER = Path(__file__).parent.parent / "benchmarks"
TINY = {
    "descend": "--only cifar10 --images 2 --rounds 1 --compiled aot_eager",
    "overhead": "--images 1 --sides 32 --seconds 0.05 --rounds 1",
    "batch": "--batches 1 2 --images 16 --rounds 1",
    "train": "--batch 2 --rounds 1",
    "growth": "--tasks stylize --points 2 --out growth.png",
    "style_curve": "--model cifar10-l2-0.5 --judge natural20-l2-2.0 --sizes 64 --budgets 1 --out curve.png",
}
SHOWN = {
    "descend": "descend, compiled is",
    "overhead": "over bare passes; the floor is 3%",
    "batch": "4 at a time:",
    "train": "9 forwards",
    "growth": "| stylize | side, 64 to 128 |",
    "style_curve": "| 64 | plain L-BFGS | 2 |",
}


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a script with some words, and what it runs in other processes in this one; what it has printed."""

    def run(script, words):
        with monkeypatch.context() as patch, redirect_stdout(StringIO()) as printed:
            patch.setattr(sys, "argv", [str(script), *words])
            runpy.run_path(str(script), run_name="__main__")
        return printed.getvalue()

    def here(code, **options):
        script = code.index(next(word for word in code if word.endswith(".py")))
        return SimpleNamespace(stdout=run(code[script], code[script + 1 :]))

    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(subprocess, "run", here)
    monkeypatch.chdir(tmp_path)
    return run


@pytest.mark.skipif(not bundled(), reason="needs the bundled classifiers")
@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_prints_its_table(run, name):
    assert SHOWN[name] in run(FOLDER / f"{name}.py", [*TINY[name].split(), "--device", "cpu"])


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py") if "parse_args" in path.read_text()))
def test_a_benchmark_has_help(run, name):
    with pytest.raises(SystemExit) as ended:
        run(FOLDER / f"{name}.py", ["--help"])
    assert ended.value.code == 0
