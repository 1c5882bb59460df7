"""The figures of a study."""

import pytest
from transfer_helpers import FACTS, result

from pellucid.transfer_learning.study import figures
from pellucid.transfer_learning.study.analysis import by_eps
from pellucid.transfer_learning.study.figures import eps_figure


@pytest.mark.parametrize(
    ("target", "drawn"), [("paper:pets", True), ("torchvision:CIFAR10", True), ("pets.npz", False), ("cifar10", False)]
)
def test_a_files_name_is_no_proof_that_it_is_the_papers_data(tmp_path, monkeypatch, target, drawn):
    monkeypatch.setattr(figures, "_draw", lambda panels, *_, **__: panels)
    panels = figures.eps_figure(by_eps([result("a", 0.5, target)], FACTS), tmp_path)
    assert bool(panels[target].published) == drawn


def test_published_curves_are_drawn_over(here, tmp_path):
    rows = by_eps([result("a", 0.5, target="paper:pets"), result("r", 0.6, target="paper:pets")], FACTS)
    plain = by_eps([result("a", 0.5, target="paper:mine"), result("r", 0.6, target="paper:mine")], FACTS)
    with_curve, without = eps_figure(rows, tmp_path / "a.png"), eps_figure(plain, tmp_path / "b.png")
    assert with_curve.stat().st_size > without.stat().st_size
