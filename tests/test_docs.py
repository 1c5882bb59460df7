"""Every command line in the documents is one that the command understands."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from pellucid import bundled
from pellucid.cli.main import COMMANDS, main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINES = [
    (page.name, line.split("  #")[0].strip())
    for page in PAGES
    for line in re.findall(r"^(?:accelerate launch -m )?pellucid .*", page.read_text(), re.MULTILINE)
    if "COMMAND" not in line and not line.endswith("\\")
]


class Understood(Exception):  # noqa: N818 - it is what the test hopes for
    """The flags were parsed; the work is not begun."""


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda value: str(value)[:60])
def test_a_command_line_is_understood(page, line, monkeypatch):
    words = shlex.split(line.removeprefix("accelerate launch -m "))[1:]
    words = words[: words.index("#")] if "#" in words else words
    command = words[0]
    assert command in COMMANDS, f"{page}: {line}"
    module = import_module(f"pellucid.cli.{command.replace('-', '_')}")
    parse = module.parse

    def then_stop(*args, **options):
        parse(*args, **options)
        raise Understood

    monkeypatch.setattr(module, "parse", then_stop)
    with pytest.raises(Understood):
        main(words)


def test_there_are_command_lines():
    assert len(LINES) > 40


@pytest.mark.skipif("cifar10-l2-0.5" not in bundled(), reason="needs the bundled classifier")
def test_the_task_that_contributing_shows_works():
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL):
        exec(compile(code, "CONTRIBUTING.md", "exec"), {"__name__": "contributing"})
