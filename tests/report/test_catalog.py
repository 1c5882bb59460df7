"""The catalog holds every figure and table that the papers speak of, and every task that it names exists."""

import re
from pathlib import Path

import pytest

from pellucid.cli.main import COMMANDS
from pellucid.report.catalog import CATALOG, NEEDS, PAPERS

TEXTS = Path(__file__).parents[3] / "shared" / "papers"
FILES = {"representations": "001_*.txt", "synthesis": "002_*.txt", "style": "000_*.txt", "transfer": "003_*.txt"}
SOON = {"similarity"}  # what others are still writing


@pytest.mark.skipif(not TEXTS.exists(), reason="needs the texts in ../shared/papers")
@pytest.mark.parametrize("paper", PAPERS)
def test_no_figure_or_table_is_missing(paper):
    text = next(TEXTS.glob(FILES[paper])).read_text()
    spoken = {f"{paper}-{kind.lower()}-{n}" for kind, n in re.findall(r"\b(figure|table)[ -](\d+)", text, re.I)}
    assert spoken == {item.id for item in CATALOG if re.match(rf"{paper}-(figure|table)-\d+$", item.id)}


def test_every_item_is_made_by_a_command_or_says_why_not():
    assert len({item.id for item in CATALOG}) == len(CATALOG)
    for item in CATALOG:
        assert item.paper in PAPERS
        assert bool(item.task) != bool(item.missing), item.id
        assert item.task in {"", *COMMANDS, *SOON}, item.id
        assert set(item.needs) <= set(NEEDS), item.id
        assert item.shows.endswith("."), item.id
