"""What there is: the models, the commands, the program."""

import re
import subprocess
import sys

import pytest

import pellucid
from pellucid.cli.main import COMMANDS, main


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_overview_names_every_command(words, capsys):
    assert main(words) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {command} ", out, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_the_package_runs_as_a_program(words):
    done = subprocess.run([sys.executable, "-m", "pellucid", *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("usage: pellucid" if words == ["--help"] else f"pellucid {pellucid.__version__}")
