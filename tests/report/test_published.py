"""The published numbers against the papers' own texts, and against what the package knows already."""

import re
from pathlib import Path

import pytest

from pellucid import InputError, published
from pellucid.data.grouping import RESTRICTED_IMAGENET
from pellucid.report.catalog import ENTRIES
from pellucid.report.published.tables import FILES, paper, table

TEXTS = Path(__file__).parents[3] / "shared" / "papers"
TEXT = {"representations": "001_4440390c4de763cd.txt", "synthesis": "002_1893cacab3d1b18a.txt"}
TABLES = [one for name in FILES for one in paper(name).tables.values()]


def numbers(value):
    """All numbers in a cell."""
    if isinstance(value, tuple):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, (int, float)) else []


@pytest.mark.skipif(not TEXTS.exists(), reason="needs the texts in ../shared/papers")
@pytest.mark.parametrize("name", TEXT)
def test_every_number_is_printed_in_its_paper(name):
    printed = {float(found) for found in re.findall(r"\d+(?:\.\d+)?", (TEXTS / TEXT[name]).read_text())}
    for one in paper(name).tables.values():
        meant = {(e.row, e.column): e.printed for e in one.errata}
        for row in one.rows if "notebook" not in one.id else ():
            for column, cell in zip(one.columns, row, strict=True):
                assert set(numbers(meant.get((row[0], column), cell))) <= printed, (one.id, row, column)


@pytest.mark.parametrize("one", TABLES, ids=lambda one: one.id)
def test_a_table_is_whole(one):
    assert all(len(row) == len(one.columns) for row in one.rows)
    assert len(set(map(str, one.rows))) == len(one.rows)
    for erratum in one.errata:
        assert one.row(erratum.row)[erratum.column] != erratum.printed


def test_a_table_belongs_to_an_entry():
    of_none = {"synthesis-accuracy", "transfer-training"}  # facts about the classifiers
    for one in TABLES:
        known = any(one.id.startswith(entry.id) for entry in ENTRIES)
        assert known or one.id in of_none or one.id.endswith("-notebooks"), one.id


def test_the_classes_are_those_of_the_grouping():
    for name in ("representations-table-1", "synthesis-table-2"):
        for group, first, last in table(name).rows:
            assert RESTRICTED_IMAGENET.groups[group] == ((first, last),)


def test_accuracies_are_those_of_the_published_classifiers():
    clean = {one.name: one.clean for one in published()}
    robust = table("representations-table-5").row("robust ResNet-50")
    assert clean["madrylab-imagenet-resnet50-l2-3"] == robust["clean"] / 100


def test_an_unknown_table():
    with pytest.raises(InputError, match="did you mean 'synthesis-table-1'"):
        table("synthesis-table-11")
    with pytest.raises(InputError, match="did you mean 'style'"):
        paper("stile")
