"""The catalog holds every figure and table that the papers speak of, and every task that it names exists."""

import re
from pathlib import Path
from typing import get_args

import pytest

from pellucid.cli.main import COMMANDS
from pellucid.report.catalog import ENTRIES
from pellucid.report.entry import NEEDS, Paper

TEXTS = Path(__file__).parents[3] / "shared" / "papers"
FILES = {"representations": "001_*.txt", "synthesis": "002_*.txt", "style": "000_*.txt", "transfer": "003_*.txt"}


@pytest.mark.skipif(not TEXTS.exists(), reason="needs the texts in ../shared/papers")
@pytest.mark.parametrize("paper", FILES)
def test_no_figure_or_table_is_missing(paper):
    text = next(TEXTS.glob(FILES[paper])).read_text()
    spoken = {f"{paper}-{kind.lower()}-{n}" for kind, n in re.findall(r"\b(figure|table)[ -](\d+)", text, re.I)}
    assert spoken == {entry.id for entry in ENTRIES if re.match(rf"{paper}-(figure|table)-\d+$", entry.id)}


def test_every_entry_is_made_by_a_command_or_says_why_not():
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    for entry in ENTRIES:
        assert entry.paper in get_args(Paper)
        assert bool(entry.task) != bool(entry.reason), entry.id
        assert entry.task in {"", *COMMANDS}, entry.id
        assert set(entry.needs) <= set(NEEDS), entry.id
        assert entry.shows.endswith("."), entry.id
