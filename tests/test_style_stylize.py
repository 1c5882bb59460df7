import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from pellucid import Classifier, InputError, StylizeRecipe, stylize
from pellucid.style.artifacts import checkerboard, lattice_energy
from pellucid.style.backbone import Backbone
from pellucid.style.objective import Reader
from pellucid.style.optimize import Moments
from pellucid.style.prepare import prepare
from pellucid.style.pyramid import resized, scales, with_shorter_side
from pellucid.style.recipe import PRESETS
from pellucid.style.stylize import make_reader
from pellucid.zoo.networks import build

FAST = StylizeRecipe(evaluations=12, smallest=32, style_layers=("stem", "stage1"), content_layers=("stage1",))


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Classifier(build("preact-8-12", 2).eval(), [0.5] * 3, [0.25] * 3, card={"size": 32})


def stripes(period, height=32, width=40, colors=((0.9, 0.3, 0.2), (0.1, 0.2, 0.6))):
    """A picture of diagonal stripes: a style that statistics can tell."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    share = 0.5 + 0.5 * torch.sin(2 * math.pi * (x + y) / period)
    first, second = (torch.tensor(color)[:, None, None] for color in colors)
    return (share * first + (1 - share) * second)[None]


def scene(height=32, width=40):
    """A picture of a bright disk on a dark slope."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    disk = ((x.square() + y.square()) < 0.3).float()
    return (0.25 + 0.1 * y + 0.5 * disk).expand(1, 3, height, width).contiguous()


CONTENT, STYLE = scene(), stripes(6)


def judged(network, image, style=STYLE, **changes):
    """Style and content loss of an image, each relative: 1 is the content's own style, and no content at all."""
    recipe = replace(FAST, content_weight=1.0, **changes)
    losses, _ = prepare(make_reader(network, network, recipe), CONTENT, [style], recipe, [1.0], [None])(image)
    return losses.style, losses.content


# What it does


@pytest.mark.parametrize("style_loss", ["gram", "covariance", "wasserstein"])
def test_the_result_has_the_style_and_keeps_the_content(network, style_loss):
    result = stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=40, style_loss=style_loss))
    style, content = judged(network, result.images, style_loss=style_loss)
    assert style < 0.2
    assert content < 0.7 * judged(network, STYLE)[1]
    assert result.images.shape == CONTENT.shape
    assert 0 <= float(result.images.min()) < float(result.images.max()) <= 1


def test_relative_losses_begin_at_1_whatever_the_network(network):
    scaled = Classifier(build("preact-8-12", 2).eval(), [0.5] * 3, [0.0025] * 3, card={"size": 32})
    for classifier in (network, scaled):
        first = stylize(classifier, CONTENT, [STYLE], replace(FAST, evaluations=1)).history[0][0]
        assert first.style == pytest.approx(1.0, rel=1e-3)
        assert first.content == pytest.approx(0.0, abs=1e-4)


def test_the_relative_content_loss_of_the_average_feature_is_1(network):
    recipe = replace(FAST, content_weight=1.0)
    reader = make_reader(network, network, recipe)
    objective = prepare(reader, CONTENT, [STYLE], recipe, [1.0], [None])
    features = reader(CONTENT)[1]
    means = {name: values.mean((2, 3), keepdim=True).expand_as(values) for name, values in features.items()}
    assert float(objective.content_loss(means)) == pytest.approx(1.0, rel=1e-4)


def test_the_gradient_is_that_of_finite_differences(network):
    recipe = replace(FAST, smoothness=0.5, content_weight=0.3)
    objective = prepare(make_reader(network, network, recipe), CONTENT, [STYLE], recipe, [1.0], [None])
    image = (CONTENT + 0.1 * torch.rand(CONTENT.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    _, gradient = objective(image)
    direction = gradient / gradient.norm()
    step = 0.02
    difference = objective(image + step * direction)[0].total - objective(image - step * direction)[0].total
    assert float((gradient * direction).sum()) == pytest.approx(difference / (2 * step), rel=0.05)


def test_the_published_loss_to_the_letter():
    """The 2019 recipe against its formula, written out: sums of mse of F Fᵀ / (C·H·W), times a weight, and mse."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2), nn.ReLU()).eval()
        body = nn.Sequential(plain, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    classifier = Classifier(body.eval(), card={"size": 32})
    recipe = replace(
        PRESETS["distill2019"], style_layers=("0.1", "0.3"), content_layers=("0.3",), straight_through=False
    )
    objective = prepare(make_reader(classifier, classifier, recipe), CONTENT, [STYLE], recipe, [1.0], [None])
    losses, _ = objective(STYLE * 0.7)
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in ((0.4717, 0.4499, 0.3837), (0.26, 0.2516, 0.2575)))

    def layers(x):
        first = plain[:2]((x - mean) / std)
        return first, plain[2:](first)

    def gram(f):
        f = f.detach()
        rows = f.flatten(2)[0]
        return rows @ rows.T / f.numel()

    ours, style, content = (layers(x) for x in (STYLE * 0.7, STYLE, CONTENT))
    expected = 1e10 * sum(float((gram(a) - gram(b)).square().mean()) for a, b in zip(ours, style, strict=True))
    assert losses.style == pytest.approx(expected, rel=1e-3)
    assert losses.content == pytest.approx(float((ours[1] - content[1]).detach().square().mean()), rel=1e-4)


def test_the_2019_presets_are_as_published():
    for name in ("distill2019", "distill2019-standard", "distill2019-vgg19"):
        recipe = PRESETS[name]
        assert (recipe.evaluations, recipe.size, recipe.optimizer) == (500, 512, "plain-lbfgs")
        assert (recipe.smoothness, recipe.content_weight, recipe.relative) == (0, 1, False)
        assert len(scales(512, 700, recipe.smallest)) == 1
    assert PRESETS["distill2019-vgg19"].style_layers[0] == "conv1_1"
    assert PRESETS["distill2019-vgg19"].pooling == "average"


# Controls


def test_the_same_seed_gives_the_same_picture(network):
    recipe = replace(FAST, start="noise")
    first, again, other = (stylize(network, CONTENT, [STYLE], recipe, seed=seed).images for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("start", ["content", "noise", "gray", "normal-noise"])
def test_every_start_goes_down(network, start):
    history = stylize(network, CONTENT, [STYLE], replace(FAST, start=start)).history[0]
    assert min(losses.total for losses in history) < 0.5 * history[0].total


def test_a_start_of_ones_own(network):
    seen = []
    stylize(network, CONTENT, [STYLE], FAST, start=STYLE, callback=seen.append)
    assert torch.allclose(seen[0].images, STYLE, atol=2e-3)


def test_strength_0_changes_nothing_and_1_most(network):
    moved = {}
    for strength in (0.0, 0.3, 1.0):
        result = stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=30, strength=strength))
        moved[strength] = judged(network, result.images)[0]
    assert moved[0.0] == pytest.approx(1.0, abs=0.05)
    assert moved[0.0] > moved[0.3] > moved[1.0]


def test_a_style_goes_where_its_mask_is(network):
    left = torch.zeros(1, 1, 32, 40)
    left[..., :20] = 1.0
    red, green = (torch.tensor(color).reshape(1, 3, 1, 1).expand(1, 3, 32, 32).contiguous() for color in
                  ((0.9, 0.1, 0.1), (0.1, 0.8, 0.1)))  # fmt: skip
    recipe = replace(FAST, evaluations=40, content_weight=0.01)
    images = stylize(network, CONTENT, [red, green], recipe, masks=[left, 1 - left]).images
    difference = (images[:, 0] - images[:, 1])[0]
    assert difference[:, :18].mean() > 0.2
    assert difference[:, 22:].mean() < -0.2


def test_two_styles_are_met_in_between_and_nearer_to_the_heavier_one(network):
    red, blue = (torch.tensor(color).reshape(1, 3, 1, 1).expand(1, 3, 32, 32).contiguous() for color in
                 ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9)))  # fmt: skip
    recipe = replace(FAST, evaluations=30, content_weight=0.01)
    redness = []
    for weights in ([9.0, 1.0], [1.0, 1.0], [1.0, 9.0]):
        images = stylize(network, CONTENT, [red, blue], recipe, weights=weights).images
        redness.append(float((images[:, 0] - images[:, 2]).mean()))
    assert redness[0] > redness[1] > redness[2]


def test_a_style_of_weight_0_does_not_count(network):
    alone = stylize(network, CONTENT, [STYLE], FAST).images
    both = stylize(network, CONTENT, [STYLE, stripes(3)], FAST, weights=[1.0, 0.0]).images
    assert torch.allclose(alone, both, atol=1e-3)


def test_luminance_keeps_the_contents_colors(network):
    images = stylize(network, CONTENT, [STYLE], replace(FAST, colors="luminance")).images
    inside = ((images > 0.01) & (images < 0.99)).all(1, keepdim=True)
    gray = images.std(1, keepdim=True)  # the content is gray
    assert inside.float().mean() > 0.5
    assert gray[inside].max() < 1e-4
    assert stylize(network, CONTENT, [STYLE], FAST).images.std(1)[inside[:, 0]].mean() > 0.02


def test_linear_colors_change_the_style_before_it_is_taken(network):
    images = stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=30, colors="linear")).images
    assert images.std(1).mean() < stylize(network, CONTENT, [STYLE], replace(FAST, evaluations=30)).images.std(1).mean()


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


def test_a_result_by_tiles_is_the_untiled_one():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classifier = Classifier(build("preact-4-6", 2).eval(), [0.5] * 3, [0.25] * 3, card={"size": 32})
    content, style = resized(CONTENT, (90, 110)), resized(STYLE, (90, 110))
    recipe = replace(FAST, evaluations=3, optimizer="adam", smallest=90)
    whole, tiled = (stylize(classifier, content, [style], replace(recipe, tile=tile)) for tile in (0, 40))
    assert torch.allclose(whole.images, tiled.images, atol=2e-3)
    assert tiled.history[0][2].total == pytest.approx(whole.history[0][2].total, rel=1e-3)


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


def test_content_and_style_from_two_networks(network):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        other = Classifier(build("preact-6-6", 2).eval(), [0.4] * 3, [0.2] * 3, card={"size": 32})
    reader = make_reader(network, other, FAST)
    style, content = reader(CONTENT)
    assert torch.allclose(style["stage1"], Backbone(network, ["stage1"])(CONTENT)["stage1"])
    assert torch.allclose(content["stage1"], Backbone(other, ["stage1"])(CONTENT)["stage1"])
    assert isinstance(reader, Reader)
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
    ("changes", "message"),
    [
        ({"style_weight": -1.0}, "style_weight must be a number of at least 0"),
        ({"content_weight": math.nan}, "content_weight must be"),
        ({"style_weight": 0.0, "content_weight": 0.0}, "all weights are 0"),
        ({"strength": 1.5}, "strength is between 0 and 1"),
        ({"evaluations": 0}, "evaluations must be a whole number"),
        ({"size": 0}, "size must be"),
        ({"jitter": 2}, "jitter goes with optimizer adam, not auto"),
        ({"averaging": 0.9}, "averaging goes with optimizer adam"),
        ({"parametrization": "fourier"}, "fourier goes with optimizer adam"),
        ({"optimizer": "adam", "jitter": 2, "tile": 64}, "jitter does not go with tiles"),
        ({"smooth_activations": True, "tile": 64}, "does not go with tiles"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive number"),
        ({"style_scale": 0.0}, "style_scale must be between"),
        ({"layer_weights": (0.0, 0.0)}, "layer_weights are all 0"),
        ({"tile": -1}, "numbers of pixels"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        replace(FAST, **changes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"content": CONTENT[0]}, r"content must be \(N, C, H, W\)"),
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
    ],
)
def test_inputs_that_make_no_sense_are_refused(network, arguments, message):
    given = {"content": CONTENT, "styles": [STYLE], "recipe": FAST, **arguments}
    with pytest.raises(InputError, match=message):
        stylize(network, **given)


# Sizes


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


# Checkerboards


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_a_pattern_of_a_stride_is_seen_at_that_stride(stride):
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 160, 160, generator=generator) * 0.2
    pattern = torch.rand(1, 3, stride, stride, generator=generator).repeat(1, 1, 160 // stride, 160 // stride) * 0.5
    found = checkerboard(noise + pattern, noise)
    assert all(found[other] > 5 for other in found if other >= stride)  # what repeats every 4 pixels does every 8
    assert all(found[other] < found[stride] - 3 for other in found if other < stride)


def test_white_noise_has_a_sixteenth_at_every_stride():
    noise = torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    for stride in (2, 4, 8):
        assert lattice_energy(noise, stride) == pytest.approx(1 / 16, rel=0.25)


def test_the_score_of_flat_and_of_tiny_pictures_is_0():
    assert checkerboard(torch.full((1, 3, 64, 64), 0.5), torch.full((1, 3, 64, 64), 0.2)) == dict.fromkeys(
        (2, 4, 8, 16), 0.0
    )
    assert set(checkerboard(torch.rand(1, 3, 3, 3), torch.rand(1, 3, 3, 3)).values()) == {0.0}


def test_adams_moments_go_on_from_scale_to_scale(network, monkeypatch):
    seen, carry_over = [], Moments.resized

    def watched(moments, size):
        seen.append(size)
        return carry_over(moments, size)

    monkeypatch.setattr(Moments, "resized", watched)
    result = stylize(network, CONTENT, [STYLE], replace(FAST, optimizer="adam", smallest=16, evaluations=3))
    assert seen == result.sizes[1:]
    assert len(seen) == 2
