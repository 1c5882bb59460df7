"""What there is: the models, the commands, the program."""

import json
import re
import subprocess
import sys

import pytest

import pellucid
from pellucid import load_bundle
from pellucid.cli.main import COMMANDS, main
from pellucid.zoo import models


def test_models_and_show_print_the_cards(run, tiny_bundle, monkeypatch):
    monkeypatch.setattr(models, "BUNDLES", tiny_bundle.parent)
    code, out, err = run("models", model=False)
    assert (code, err) == (0, "")
    assert re.search(r"^ *tiny-0\.5 +16 px +0\.0M +none$", out, re.MULTILINE)
    assert "timm:NAME" in out
    code, out, err = run("show", "tiny-0.5", "--json", model=False)
    assert (code, err) == (0, "")
    assert json.loads(out) == load_bundle(tiny_bundle).card


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
