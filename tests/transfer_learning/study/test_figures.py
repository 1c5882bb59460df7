"""The figures of a study."""

import pytest
from transfer_helpers import FACTS, result

from pellucid.transfer_learning.study import figures
from pellucid.transfer_learning.study.analysis import by_eps


@pytest.mark.parametrize(
    ("target", "drawn"), [("paper:pets", True), ("torchvision:CIFAR10", True), ("pets.npz", False), ("cifar10", False)]
)
def test_published_curves_are_drawn_over_targets_that_are_surely_the_papers(tmp_path, monkeypatch, target, drawn):
    tables = [by_eps([result("a", 0.5, target), result("r", 0.6, target)], FACTS)]
    [with_curve] = figures.save_tables(tables, FACTS, tmp_path / "with")
    monkeypatch.setattr(figures, "curve", lambda *_: {})
    [without] = figures.save_tables(tables, FACTS, tmp_path / "without")
    assert (with_curve.read_bytes() != without.read_bytes()) == drawn
