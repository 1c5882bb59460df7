"""The tables of a study."""

import pytest
from transfer_helpers import FACTS, result

from pellucid.transfer_learning.study.analysis import Textures, analyses, by_eps, by_texture, by_width, of_linearity


def test_accuracy_by_eps_is_a_row_for_each_source_whose_eps_is_known():
    found = by_eps([result("r", 0.5), result("a", 0.4), result("unknown", 0.9), result("a", 0.3, side=16)], FACTS)
    picked = [tuple(row[found.columns.index(c)] for c in ("granularity", "eps", "accuracy")) for row in found.rows]
    assert picked == [(None, 0.0, 0.4), (None, 3.0, 0.5), (16, 0.0, 0.3)]
    assert found.to_csv().splitlines()[0].startswith("target,mode,granularity,sources,norm,eps")


def test_the_interval_of_a_row_is_the_wider_one():
    [row] = by_eps([result("a", 0.5, seeds=(0.3, 0.7))], FACTS).rows
    assert row[8:10] == pytest.approx((0.5 - 12.706 * 0.2, 0.5 + 12.706 * 0.2), abs=1e-3)
    [row] = by_eps([result("a", 0.5, seeds=(0.5, 0.5))], FACTS).rows
    assert row[8:10] == pytest.approx((0.4, 0.6))


def test_linearity_is_asked_at_a_fixed_radius():
    results = [result("a", 0.1), result("b", 0.2), result("c", 0.3), result("r", 0.9), result("fish", 0.9)]
    [row] = of_linearity(results, FACTS).rows
    assert row[:8] == ("t", "fixed", None, "birds", "l2", 0.0, 3, 1.0)


def test_width_is_asked_where_there_are_two():
    found = by_width([result("a", 0.1), result("b", 0.2), result("r", 0.3), result("fish", 0.9)], FACTS)
    assert [(row[5], row[6], row[8]) for row in found.rows] == [(0.0, 1, 0.1), (0.0, 2, 0.2)]
    assert [table.name for table in analyses([result("r", 0.3)], FACTS)] == ["by-eps"]


def test_each_kind_of_source_is_judged_on_both():
    copies = Textures({"t": "t-stylized"}, ["b"])
    results = [result(source, 0.9, target="t") for source in ("a", "b", "r", "unknown")]
    results += [result(source, 0.5, target="t-stylized", seeds=(0.4, 0.6)) for source in ("a", "b", "r", "unknown")]
    results.append(result("c", 0.8, target="t"))  # there is no transfer of it to the copy
    found = by_texture(results, FACTS, copies)
    picked = [tuple(row[found.columns.index(c)] for c in ("kind", "source", "plain", "stylized")) for row in found.rows]
    assert picked == [("robust", "r", 0.9, 0.5), ("standard", "a", 0.9, 0.5), ("texture-augmented", "b", 0.9, 0.5)]
    assert found.rows[0][7:9] == pytest.approx((0.8, 1.0))
    assert found.rows[0][10:12] == pytest.approx((0.5 - 12.706 * 0.1, 0.5 + 12.706 * 0.1), abs=1e-3)
    assert by_texture(results, FACTS, Textures()).rows == []
