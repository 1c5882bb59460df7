import math
from dataclasses import replace

import pytest
import torch
from style_helpers import CONTENT, FAST, STYLE, judged, preact

from pellucid import InputError, stylize
from pellucid.data.transforms import jitter, moves
from pellucid.style.backbone import Backbone
from pellucid.style.optimize import minimize
from pellucid.style.prepare import prepare
from pellucid.style.pyramid import resized
from pellucid.style.stylize import evaluation_of, make_reader

# What it does


@pytest.mark.parametrize("style_loss", ["gram", "covariance", "wasserstein"])
def test_the_result_has_the_style_and_keeps_the_content(network, style_loss):
    result = stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=40, style_loss=style_loss))
    style, content = judged(network, result.images, style_loss=style_loss)
    assert style < 0.2
    assert content < 0.7 * judged(network, STYLE)[1]
    assert result.images.shape == CONTENT.shape
    assert 0 <= float(result.images.min()) < float(result.images.max()) <= 1


def test_the_same_seed_gives_the_same_picture(network):
    recipe = replace(FAST, start="noise")
    first, again, other = (stylize(network, CONTENT, [STYLE], recipe, seed=seed).images for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("start", ["content", "noise", "gray", "normal-noise"])
def test_every_start_goes_down(network, start):
    history = stylize(network, CONTENT, [STYLE], replace(FAST, start=start)).history[0]
    assert min(losses.total for losses in history) < 0.5 * history[0].total


def test_from_scale_to_scale_the_contents_detail_is_kept(network):
    recipe = replace(FAST, smallest=16, style_weight=0.0, content_weight=1.0, evaluations=1)
    detailed = (CONTENT + 0.1 * torch.randn(CONTENT.shape, generator=torch.Generator().manual_seed(0))).clamp(0.1, 0.9)
    assert torch.allclose(stylize(network, detailed, [STYLE], recipe).images, detailed, atol=1e-3)


def test_moments_go_on_from_scale_to_scale(network, monkeypatch):
    taken = []

    def spy(evaluate, start, optimizer, *rest):
        taken.append(optimizer.moments)
        return minimize(evaluate, start, optimizer, *rest)

    monkeypatch.setattr("pellucid.style.stylize.minimize", spy)
    result = stylize(network, CONTENT, [STYLE], replace(FAST, smallest=16, optimizer="adam", evaluations=3))
    assert taken[0] is None
    for number, (moments, size) in enumerate(zip(taken[1:], result.sizes[1:], strict=True)):
        assert tuple(moments.mean.shape[2:]) == size
        assert moments.steps == 3 * (number + 1)
        assert moments.mean.abs().max() > 0


def test_under_jitter_a_mask_moves_along(network):
    recipe = replace(FAST, optimizer="adam", jitter=3)
    mask = torch.zeros(1, 1, *CONTENT.shape[2:])
    mask[..., :15] = 1
    objective = prepare(make_reader(network, network, recipe), CONTENT, [STYLE], recipe, [1.0], [mask])
    losses, _ = evaluation_of(objective, CONTENT, recipe, seed=5)(STYLE)
    draw = int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(5)))
    content, moved, region = (
        jitter(3)(picture, [torch.Generator().manual_seed(draw)]) for picture in (CONTENT, STYLE, mask)
    )
    assert not torch.equal(region, mask)
    expected, _ = replace(objective, content=[objective.reader(content)[1]], regions=[region])(moved)
    assert losses.style == pytest.approx(expected.style, rel=1e-4)
    assert losses.content == pytest.approx(expected.content, rel=1e-4)


def test_a_start_of_ones_own(network):
    seen = []
    stylize(network, CONTENT, [STYLE], FAST, start=STYLE, callback=seen.append)
    assert torch.allclose(seen[0].images, STYLE, atol=2e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "jitter": 1},
        {"optimizer": "adam", "transforms": True, "start": "gray", "learning_rate": 0.05},
        {"optimizer": "adam", "parametrization": "fourier", "learning_rate": 0.05},
        {"optimizer": "adam", "averaging": 0.8},
        {"optimizer": "plain-lbfgs"},
        {"smooth_activations": True},
        {"random_weights": True},
        {"padding": "replicate"},
        {"layer_weights": (0.0, 1.0)},
        {"smoothness": 1.0},
    ],
    ids=str,
)
def test_every_variant_goes_down(network, changes):
    recipe = replace(FAST, evaluations=30, **changes)
    history = stylize(network, CONTENT, [STYLE], recipe).history[0]
    early, late = (sum(losses.total for losses in part) for part in (history[:3], history[-3:]))
    assert late < 0.8 * early


def test_under_transforms_the_content_is_moved_along(network):
    """The content itself has no content loss, however it is moved."""
    recipe = replace(FAST, optimizer="adam", jitter=3, evaluations=4, style_weight=1e-9, learning_rate=1e-6)
    losses = stylize(network, CONTENT, [STYLE], recipe).history[0]
    assert max(x.content for x in losses) < 1e-3


@pytest.mark.parametrize("shape", [(24, 72), (72, 24)])
def test_under_transforms_every_part_of_a_long_picture_changes(network, shape):
    """And is judged in its own shape: the networks see the picture as large as it is."""
    recipe = replace(
        FAST, optimizer="adam", transforms=True, evaluations=8, smallest=24, content_weight=0, learning_rate=0.05
    )
    content = resized(CONTENT, shape)
    changed = (stylize(network, content, [STYLE], recipe).images - content).abs().mean(1)[0]
    parts = [changed[y : y + 8, x : x + 8].mean() for y in range(0, shape[0], 8) for x in range(0, shape[1], 8)]
    assert min(parts) > 0.2 * max(parts)
    assert min(parts) > 0.02


def test_transforms_keep_the_size_of_a_picture():
    for transform in moves(24):
        assert transform(resized(CONTENT, (24, 72)), [torch.Generator().manual_seed(0)]).shape == (1, 3, 24, 72)


@pytest.mark.parametrize(
    "changes",
    [{}, {"optimizer": "adam", "jitter": 2}, {"colors": "luminance"}, {"optimizer": "plain-lbfgs"}],
    ids=str,
)
def test_the_losses_are_those_of_the_picture_that_is_returned(network, changes):
    recipe = replace(FAST, content_weight=1.0, **changes)
    result = stylize(network, CONTENT, [STYLE], recipe)
    assert not result.images.requires_grad
    found = (result.losses.style, result.losses.content)
    assert found == pytest.approx(judged(network, result.images, **changes), rel=1e-4)


def test_a_learning_rate_far_too_large_does_not_destroy_the_picture(network):
    recipe = replace(FAST, evaluations=50, optimizer="adam", learning_rate=1000.0)
    result = stylize(network, CONTENT, [STYLE], recipe)
    assert result.rollbacks > 1
    assert result.losses.total <= result.history[0][0].total * 1.001


def test_content_and_style_from_two_networks(network):
    other = preact("preact-6-6", seed=1, mean=0.4, std=0.2)
    reader = make_reader(network, other, FAST)
    style, content = reader(CONTENT)
    assert torch.allclose(style["stage1"], Backbone(network, ["stage1"])(CONTENT)["stage1"])
    assert torch.allclose(content["stage1"], Backbone(other, ["stage1"])(CONTENT)["stage1"])
    result = stylize(network, CONTENT, [STYLE], FAST, content_classifier=other)
    assert not torch.equal(result.images, stylize(network, CONTENT, [STYLE], FAST).images)


def test_an_interrupted_transfer_is_what_there_is(network):
    def stop(progress):
        if progress.evaluation == 6:
            raise KeyboardInterrupt

    result = stylize(network, resized(CONTENT, (64, 80)), [STYLE], replace(FAST, evaluations=4), callback=stop)
    assert result.interrupted
    assert result.images.shape == (1, 3, 64, 80)
    assert [len(history) for history in result.history] == [4, 2]


@pytest.mark.parametrize("shape", [(32, 96), (90, 33), (33, 35)])
def test_any_aspect_ratio(network, shape):
    result = stylize(network, resized(CONTENT, shape), [STYLE], replace(FAST, evaluations=2, size=32))
    assert min(result.images.shape[2:]) == 32
    assert result.images.shape[2] / result.images.shape[3] == pytest.approx(shape[0] / shape[1], rel=0.02)


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"content": CONTENT[0, 0]}, r"content must be \(N, C, H, W\)"),
        ({"content": CONTENT[:, :1]}, "content must be one RGB picture"),
        ({"content": CONTENT * 255}, "divide 8-bit values by 255"),
        ({"content": CONTENT * math.nan}, "content must have values in"),
        ({"styles": []}, "at least one style"),
        ({"weights": [1.0, 1.0]}, "2 style weights for 1 styles"),
        ({"weights": [0.0]}, "style weights must be"),
        ({"masks": [torch.zeros(1, 1, 4, 4)]}, "not all 0"),
        ({"masks": []}, "0 masks for 1 styles"),
        ({"recipe": replace(FAST, layer_weights=(1.0,))}, "1 layer weights for 2 style layers"),
        ({"recipe": replace(FAST, style_layers=("stage9",))}, "unknown layer 'stage9'"),
        ({"content": CONTENT[..., :1]}, "content is 1 x 32 pixels; a picture needs at least 2"),
        ({"styles": [STYLE[..., :1, :]]}, "a style is 40 x 1 pixels"),
        ({"recipe": replace(FAST, size=10**6)}, "the result with a shorter side of 1000000 pixels would take"),
        ({"recipe": replace(FAST, optimizer="adam", jitter=32)}, "jitter 32 is too much .* 40 x 32 pixels; at most 31"),
        (
            {"recipe": replace(FAST, pooling="average")},
            "pooling average replaces max pooling, and PreActResNet has none",
        ),
        ({"recipe": replace(FAST, pooling="blur")}, "pooling blur replaces max pooling"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(network, arguments, message):
    given = {"content": CONTENT, "styles": [STYLE], "recipe": FAST, **arguments}
    with pytest.raises(InputError, match=message):
        stylize(network, **given)


@pytest.mark.parametrize("tile", [1, 63])
def test_tiles_that_are_nearly_all_overlap_are_refused(tile):
    with pytest.raises(InputError, match="at least 64"):
        stylize(preact("preact-4-6"), CONTENT, [STYLE], replace(FAST, tile=tile))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_style_that_is_the_content_leaves_next_to_nothing_to_lower(optimizer):
    content = CONTENT.clone()
    content[..., :4] = 0.0  # L-BFGS moves pixels of 0 and 1 a little
    result = stylize(preact("preact-4-6"), content, [content], replace(FAST, optimizer=optimizer, evaluations=4))
    assert result.losses.total < 1e-3
    assert torch.allclose(result.images, content, atol=0.02)
