from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from style_helpers import CONTENT, FAST, STYLE

from pellucid import stylize
from pellucid.style.optimize import Moments
from pellucid.style.pyramid import resized, scales, with_shorter_side


def test_scales_grow_by_the_root_of_2_and_end_at_the_size():
    found = scales(500, 800, 64)
    assert found[-1] == (500, 800)
    assert 64 <= found[0][0] < 64 * 1.5
    for (a, b), (c, d) in pairwise(found):
        assert c / a == pytest.approx(2**0.5, rel=0.02)
        assert d / b == pytest.approx(2**0.5, rel=0.02)
    assert scales(64, 64, 64) == scales(64, 64, 1000) == [(64, 64)]


def test_resizing_keeps_the_mean_and_the_aspect():
    picture = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    small = with_shorter_side(picture, 10)
    assert small.shape == (1, 3, 10, 15)
    assert torch.allclose(small.mean((2, 3)), picture.mean((2, 3)), atol=0.02)
    assert resized(picture, (40, 60)) is picture


def test_scales_go_from_coarse_to_fine_and_adams_moments_with_them(network):
    seen = []
    content, style = resized(CONTENT, (64, 80)), resized(STYLE, (64, 80))
    for optimizer in ("lbfgs", "adam"):
        recipe = replace(FAST, evaluations=4, optimizer=optimizer)
        result = stylize(network, content, [style], recipe, callback=seen.append)
        assert result.sizes == [(32, 40), (45, 57), (64, 80)]
        assert [tuple(progress.images.shape[2:]) for progress in seen[-12:]] == [
            s for s in result.sizes for _ in range(4)
        ]
        assert [(progress.evaluation, progress.evaluations) for progress in seen[-12:]] == [
            (i, 12) for i in range(1, 13)
        ]
        assert result.evaluations == 12


def test_the_contents_detail_comes_back_at_every_scale(network):
    """Where nothing is changed, the last scale begins with the content itself, and not with an enlargement."""
    seen = []
    content = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    recipe = replace(FAST, evaluations=1, style_weight=1e-9)
    stylize(network, content, [STYLE], recipe, callback=seen.append)
    assert torch.allclose(seen[-1].images, content, atol=5e-3)
    stylize(network, content, [STYLE], recipe, start=resized(STYLE, (64, 80)), callback=seen.append)
    assert (seen[-1].images - resized(STYLE, (64, 80))).abs().mean() < 0.1  # no detail of the content's


def test_adams_moments_go_on_from_scale_to_scale(network, monkeypatch):
    seen, carry_over = [], Moments.resized

    def watched(moments, size):
        seen.append(size)
        return carry_over(moments, size)

    monkeypatch.setattr(Moments, "resized", watched)
    result = stylize(network, CONTENT, [STYLE], replace(FAST, optimizer="adam", smallest=16, evaluations=3))
    assert seen == result.sizes[1:]
    assert len(seen) == 2
