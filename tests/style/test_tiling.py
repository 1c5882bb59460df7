"""Gradients by tiles are those of the whole picture."""

from dataclasses import replace

import pytest
import torch
from helpers import shake_norms
from hypothesis import given, settings
from hypothesis import strategies as st
from style_helpers import CONTENT, FAST, STYLE, preact
from torch import nn
from torchvision.models import resnet18, squeezenet1_0

from pellucid import Classifier, InputError, stylize
from pellucid.style.backbone import Backbone
from pellucid.style.objective import Reader
from pellucid.style.prepare import prepare
from pellucid.style.pyramid import resized
from pellucid.style.recipe import StylizeRecipe
from pellucid.style.tiling import Geometry, measure, spans, tiles
from pellucid.zoo.networks import build


def reader_of(make, style, content, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = shake_norms(make())
    backbone = Backbone(Classifier(network, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), card={"size": 96}), [*style, *content])
    return Reader(backbone, backbone, style, content)


def small_squeezenet():
    """Without padding at first, with pools that round up, and fire modules: as SqueezeNet, with fewer channels."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 7, stride=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(12, 12, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 2),
    )


READERS = {
    "squeezenet-like": lambda: reader_of(small_squeezenet, ("1", "4", "7"), ("7",)),
    "preact": lambda: reader_of(lambda: build("preact2-4-6-8", 2), ("stem", "stage1", "stage3"), ("stage2",)),
}


@pytest.fixture(scope="module", params=READERS)
def reader(request):
    return READERS[request.param]()


def picture(height, width, seed):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def apart(first, second):
    return float((first - second).norm() / second.norm())


def both_ways(reader, height, width, core, masks=(None,), **recipe):
    """Losses and gradient of a picture in one piece, and by tiles."""
    pictures = [picture(height, width, seed) for seed in range(2 + len(masks))]
    results = []
    for tile in (0, core):
        settings = StylizeRecipe(tile=tile, smoothness=0.1, **recipe)
        weights = [1 / len(masks)] * len(masks)
        objective = prepare(reader, pictures[1], pictures[2:], settings, weights, masks)
        assert (objective.tiles is not None) == bool(tile)
        results.append(objective(pictures[0]))
    return results


def same_by_tiles(reader, height, width, core, masks=(None,), **recipe):
    """Assert that losses and gradient by tiles are those of the whole picture."""
    (whole, gradient), (tiled, tiled_gradient) = both_ways(reader, height, width, core, masks, **recipe)
    assert apart(tiled_gradient, gradient) < 1e-4
    for name in ("total", "style", "content", "smoothness"):
        assert getattr(tiled, name) == pytest.approx(getattr(whole, name), rel=1e-4)
        assert getattr(whole, name) > 0


# What the tiles are


def test_the_geometry_of_known_layers():
    """Receptive fields by the textbook's recursion: r grows by (kernel - 1) · stride so far."""
    found = measure(reader_of(small_squeezenet, ("1", "4", "7"), ("7",)).style, torch.device("cpu"))
    assert found.strides == {"1": 2, "4": 4, "7": 8}
    field = 7 + 2 * 2 + 2 * 4 + 2 * 4 + 2 * 8
    assert field // 2 <= found.reach <= field + 8


@pytest.mark.parametrize(
    ("make", "layer", "stride", "field"),
    [(lambda: squeezenet1_0(num_classes=2), "fire9", 16, 155), (lambda: resnet18(num_classes=2), "layer3", 16, 211)],
)
def test_the_geometry_of_published_networks(make, layer, stride, field):
    found = reader_of(make, (layer,), (layer,)).geometry
    assert found.strides == {layer: stride}
    # Padding centers a field, lack of it moves the field to one side: SqueezeNet's stem has none.
    assert field // 2 <= found.reach <= field + stride


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 15, 31])
@pytest.mark.parametrize("kernel", [1, 4, 7, 8, 9])
@pytest.mark.parametrize("before", [0, 1])
def test_the_reach_of_a_convolution_is_that_of_its_kernel(kernel, stride, before):
    """Position i reads pixels from i · stride - padding to i · stride - padding + kernel - 1."""
    padding = before * (kernel // 2)
    read = nn.Conv2d(3, 2, kernel, stride, padding).requires_grad_(False)
    found = measure(lambda images: {"conv": read(images)}, torch.device("cpu"))
    true = max(padding, kernel - 1 - padding) if kernel >= stride else 0
    assert found.strides == {"conv": stride}
    assert true <= found.reach <= true + stride


@pytest.mark.parametrize("kernel", [(1, 9), (9, 1)])
def test_the_reach_is_the_longer_of_both_axes(kernel):
    read = nn.Conv2d(3, 2, kernel).requires_grad_(False)
    assert 8 <= measure(lambda images: {"conv": read(images)}, torch.device("cpu")).reach <= 9


def test_the_reach_of_two_networks_is_the_longer_one():
    near, far = Geometry({"a": 2}, 5), Geometry({"b": 4}, 30)
    assert near.joined(far).reach == far.joined(near).reach == 30
    assert near.joined(far).strides == {"a": 2, "b": 4}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Conv2d(3, 2, 3, (1, 2))], "differ between height and width"),
        ([nn.AdaptiveAvgPool2d(2)], "does not grow with the image"),
        ([nn.Conv2d(3, 2, 3, 3), nn.Upsample(scale_factor=2)], "not a whole number"),
        ([nn.Upsample(scale_factor=2)], "not a whole number"),
        ([nn.Conv2d(3, 2, 2, 2), nn.Upsample(scale_factor=2)], "do not move along"),
    ],
)
def test_strides_that_tiles_cannot_follow_are_refused(layers, message):
    read = nn.Sequential(*layers).requires_grad_(False)
    with pytest.raises(InputError, match=message):
        measure(lambda images: {"conv": read(images)}, torch.device("cpu"))


def test_strides_without_a_common_multiple_are_refused():
    strides = {f"by {stride}": nn.Conv2d(3, 2, 3, stride).requires_grad_(False) for stride in (16, 17)}
    with pytest.raises(InputError, match="strides 16, 17 cannot be tiled together"):
        measure(lambda images: {name: read(images) for name, read in strides.items()}, torch.device("cpu"))


def test_a_layer_that_reads_the_whole_picture_is_refused():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.gate, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Identity(), nn.Linear(4, 2)

        def forward(self, images):
            values = self.conv(images)
            return self.head(self.gate(values * values.mean((2, 3), keepdim=True)).mean((2, 3)))

    reader = reader_of(Gated, ("gate",), ("gate",))
    with pytest.raises(InputError, match="read the whole image"):
        reader.geometry  # noqa: B018


@given(
    length=st.integers(1, 300), core=st.integers(1, 200), unit=st.sampled_from([1, 2, 8, 16]), reach=st.integers(0, 40)
)
def test_cores_cover_each_pixel_once_and_halos_are_wide_enough(length, core, unit, reach):
    found = spans(length, core, Geometry({"deep": unit, "early": 1}, reach))
    assert [pixel for span in found for pixel in range(*span.core)] == list(range(length))
    for span in found:
        assert span.outer[0] % unit == 0
        assert span.outer[0] == 0 or span.core[0] - span.outer[0] >= reach
        assert span.outer[1] == length or span.outer[1] - span.core[1] >= reach
        assert span.core[1] - span.core[0] <= max(core, unit) + unit - 1


# That they change nothing


@pytest.mark.parametrize("style_loss", ["gram", "covariance", "wasserstein"])
def test_tiled_gradients_are_the_untiled_ones(reader, style_loss):
    same_by_tiles(reader, 150, 203, 48, style_loss=style_loss)


@settings(max_examples=6)
@given(height=st.integers(70, 160), width=st.integers(70, 160), core=st.integers(16, 60))
def test_tiled_gradients_are_the_untiled_ones_for_any_size(height, width, core):
    same_by_tiles(SQUEEZENET, height, width, core)


SQUEEZENET = READERS["squeezenet-like"]()


@pytest.mark.parametrize("strides", [(3, 1), (5, 3), (3, 2), (1, 3)])
def test_tiled_gradients_are_the_untiled_ones_for_strides_that_are_no_powers_of_two(strides):
    first, second = strides

    def build():  # smooth, so that no rounding switches a unit
        convolutions = nn.Conv2d(3, 8, 5, first, 2), nn.Conv2d(8, 8, 3, second, 1), nn.Conv2d(8, 2, 1)
        return nn.Sequential(convolutions[0], nn.Tanh(), convolutions[1], nn.Tanh(), convolutions[2])

    reader = reader_of(build, ("1", "3"), ("3",))
    assert reader.geometry.strides == {"1": first, "3": first * second}
    same_by_tiles(reader, 130, 113, 40)


def test_two_strides_of_which_none_is_a_multiple_of_the_other():
    class Forked(nn.Module):
        def __init__(self):
            super().__init__()
            self.twos, self.threes, self.head = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(3, 4, 3, 3, 1), nn.Linear(4, 2)

        def forward(self, images):
            return self.head(self.twos(images).mean((2, 3)) + self.threes(images).mean((2, 3)))

    reader = reader_of(Forked, ("twos", "threes"), ("threes",))
    assert reader.geometry.unit == 6
    same_by_tiles(reader, 130, 113, 40)


def test_tiled_gradients_are_the_untiled_ones_under_masks(reader):
    left = torch.zeros(1, 1, 150, 130)
    left[..., :70] = 1.0
    masks = (left, torch.linspace(0, 1, 150)[None, None, :, None].expand(1, 1, 150, 130), None)
    same_by_tiles(reader, 150, 130, 48, masks)


def test_tiled_gradients_of_a_whole_resnet_and_squeezenet_are_the_untiled_ones():
    for make, style, content in (
        (lambda: resnet18(num_classes=2), ("layer1", "layer2"), ("layer2",)),
        (lambda: squeezenet1_0(num_classes=2), ("relu1", "fire4", "fire8"), ("fire5",)),
    ):
        same_by_tiles(reader_of(make, style, content), 150, 130, 64)


def test_without_a_halo_gradients_would_differ():
    """The comparison above can fail."""
    reader = READERS["squeezenet-like"]()
    true = reader.geometry
    reader.geometry = Geometry(true.strides, true.unit)
    (_, gradient), (_, tiled_gradient) = both_ways(reader, 150, 203, 48)
    assert apart(tiled_gradient, gradient) > 1e-2


def test_two_networks_with_layers_of_the_same_name_are_tiled_each_by_its_own_strides():
    style = reader_of(lambda: build("preact2-4-6", 2), ("stage2",), ("stage2",)).style
    content = reader_of(lambda: build("preact-4-6-8", 2), ("stage2",), ("stage2",)).style
    reader = Reader(style, content, ("stage2",), ("stage2",))
    assert reader.stride("stage2") == 4
    assert reader.stride("stage2", content=True) == 2
    same_by_tiles(reader, 130, 111, 40)


def test_tiles_are_listed_row_by_row():
    found = tiles(64, 48, 32, Geometry({"conv": 8}, reach=5))
    assert [(tile.rows.core, tile.columns.core) for tile in found] == [
        ((0, 32), (0, 24)),
        ((0, 32), (24, 48)),
        ((32, 64), (0, 24)),
        ((32, 64), (24, 48)),
    ]
    assert found[0].rows.outer == (0, 40)


def test_a_result_by_tiles_is_the_untiled_one():
    classifier = preact("preact-4-6")
    content, style = resized(CONTENT, (90, 110)), resized(STYLE, (90, 110))
    recipe = replace(FAST, evaluations=3, optimizer="adam", smallest=90)
    whole, tiled = (stylize(classifier, content, [style], replace(recipe, tile=tile)) for tile in (0, 64))
    assert torch.allclose(whole.images, tiled.images, atol=2e-3)
    assert tiled.history[0][2].total == pytest.approx(whole.history[0][2].total, rel=1e-3)
