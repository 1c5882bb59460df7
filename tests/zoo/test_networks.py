import pytest
import torch
from helpers import shake_norms
from torch import nn

from pellucid import Classifier, InputError
from pellucid.zoo.networks import PreActResNet, build


@pytest.mark.parametrize(
    ("arch", "width"),
    [
        ("preact-4", 4),
        ("preact-4-8-16", 16),
        ("smooth-4-8", 8),
        ("smooth4-6-8", 8),
        ("wrn-10-1", 64),
        ("wrn-16-2", 128),
        ("cifar-resnet18", 512),
        ("cifar-resnet20", 64),
        ("madry-cifar-resnet18", 512),
        ("timm:test_resnet", 96),
        ("torchvision:squeezenet1_1", 512),
    ],
)
@torch.no_grad()
def test_a_network_by_name_has_the_stated_classes_and_width(arch, width):
    network = build(arch, 7).eval()
    activations = Classifier(network)(torch.rand(2, 3, 32, 32))
    assert activations.logits.shape == (2, 7)
    assert activations.representation.shape == (2, width)


def layers(network, kind):
    return [module for module in network.modules() if isinstance(module, kind)]


@torch.no_grad()
def test_every_stage_after_the_first_halves_the_resolution():
    classifier = Classifier(build("preact-4-6-8", 3).eval())
    assert list(classifier.layers) == ["stem", "stage1", "stage2", "stage3", "norm", "head"]
    values = classifier(torch.rand(1, 3, 16, 16), layers=["stage1", "stage2", "stage3"])
    assert [values[f"stage{n}"].shape[1:] for n in (1, 2, 3)] == [(4, 16, 16), (6, 8, 8), (8, 4, 4)]


@torch.no_grad()
def test_a_block_is_two_convolutions_beside_a_shortcut():
    block = build("preact-4-8", 3).eval().stage2[0]
    x = torch.randn(2, 4, 8, 8)
    active = block.norm1(x).relu()
    expected = block.conv2(block.norm2(block.conv1(active)).relu()) + block.shortcut(active)
    assert torch.allclose(block(x.clone()), expected, atol=1e-6)


@torch.no_grad()
def test_a_block_of_unchanged_width_carries_its_input():
    block = build("preact-4-8", 3).eval().stage1[0]
    x = torch.randn(2, 4, 8, 8)
    nn.init.zeros_(block.conv2.weight)
    assert torch.equal(block(x.clone()), x)


@pytest.mark.parametrize(("depth", "width", "millions"), [(28, 10, 36.5), (34, 10, 46.2), (16, 4, 2.7)])
def test_a_wide_resnet_is_as_large_as_published(depth, width, millions):
    with torch.device("meta"):
        network = build(f"wrn-{depth}-{width}", 10)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


def test_the_small_resnet_keeps_the_resolution_at_its_stem():
    network = build("cifar-resnet18", 10)
    assert network.conv1.stride == (1, 1)
    assert isinstance(network.maxpool, nn.Identity)
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_173_962


@pytest.mark.parametrize("depth", [18, 50])
@torch.no_grad()
def test_a_resnet_with_convolutions_on_its_shortcuts_is_torchvisions_with_another_stem(depth):
    ours = shake_norms(build(f"madry-cifar-resnet{depth}", 10)).eval()
    theirs = build(f"torchvision:resnet{depth}", 10).eval()
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    state = {n.replace("shortcut", "downsample").replace("linear", "fc"): v for n, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = torch.randn(1, 3, 16, 16)
    assert torch.allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-4 * float(theirs(x).abs().max()))


@torch.no_grad()
def test_a_padded_shortcut_carries_every_second_pixel_to_the_middle_channels():
    block = shake_norms(build("cifar-resnet20", 10)).eval().layer2[0]
    x = torch.randn(2, 16, 6, 6)
    nn.init.zeros_(block.bn2.weight)
    nn.init.zeros_(block.bn2.bias)
    expected = torch.zeros(2, 32, 3, 3)
    for channel in range(16):
        for row in range(3):
            for column in range(3):
                expected[:, 8 + channel, row, column] = x[:, channel, 2 * row, 2 * column].relu()
    assert torch.equal(block(x.clone()), expected)


@torch.no_grad()
def test_a_block_of_two_convolutions_is_what_its_formula_says():
    block = shake_norms(build("cifar-resnet20", 10)).eval().layer1[1]
    x = torch.randn(2, 16, 6, 6)
    assert torch.allclose(block(x.clone()), (block.bn2(block.conv2(block.bn1(block.conv1(x)).relu())) + x).relu())


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_a_resnet_of_three_stages_is_as_large_as_published(depth, millions):
    with torch.device("meta"):
        network = build(f"cifar-resnet{depth}", 10)
    digits = 1 if depth == 110 else 2
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, digits) == millions


def test_the_wider_resnet50_has_twice_the_inner_channels_of_torchvisions_wide_one():
    with torch.device("meta"):
        ours, theirs = (
            build("wide_resnet50_4", 1000).state_dict(),
            build("torchvision:wide_resnet50_2", 1000).state_dict(),
        )
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        if ".conv2.weight" in name:
            assert tensor.shape[:2] == tuple(2 * side for side in theirs[name].shape[:2])
        elif "conv3" in name or "downsample.0" in name:
            assert tensor.shape[0] == theirs[name].shape[0]


def test_the_same_seed_gives_the_same_weights():
    networks = []
    for _ in range(2):
        torch.manual_seed(3)
        networks.append(build("preact-4-8", 3))
    assert all(torch.equal(a, b) for a, b in zip(*(n.parameters() for n in networks), strict=True))


def test_stages_can_be_deeper():
    assert [len(stage) for stage in layers(PreActResNet([4, 8], [2, 3], 5), nn.Sequential)] == [2, 3]


@pytest.mark.parametrize(
    ("arch", "message"),
    [
        ("preact", "unknown architecture 'preact'.*preact-W1-W2"),
        ("preact-0-8", "unknown architecture"),
        ("preact-4-x", "unknown architecture"),
        ("resnet18", "unknown architecture"),
        ("cifar-resnet21", "6n [+] 2"),
        ("cifar-resnet2", "6n [+] 2"),
        ("madry-cifar-resnet20", "unknown architecture.*madry-cifar-resnet50"),
        ("wide_resnet50_8", "unknown architecture.*wide_resnet50_4"),
        ("wrn-27-10", "6n [+] 4"),
        ("wrn-4-1", "6n [+] 4"),
        ("wrn-28-0", "6n [+] 4"),
        ("timm:", "unknown architecture"),
        ("timm:test_resnt", "unknown timm model.*test_resnet"),
        ("torchvision:resnet19", "unknown torchvision model.*resnet18"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(arch, message):
    with pytest.raises(InputError, match=message) as error:
        build(arch, 3)
    assert "\n" not in str(error.value)


@torch.no_grad()
def test_a_smooth_block_averages_where_others_stride():
    block = build("smooth-4-8", 3).eval().stage2
    x = torch.randn(2, 4, 8, 8)
    active = nn.functional.avg_pool2d(nn.functional.silu(block.norm1(x)), 2)
    expected = block.conv2(nn.functional.silu(block.norm2(block.conv1(active)))) + block.shortcut(active)
    assert torch.allclose(block(x), expected, atol=1e-6)


@pytest.mark.parametrize(("arch", "halvings"), [("smooth-6-8", 0), ("smooth2-6-8", 1), ("smooth4-6-8", 2)])
def test_a_smooth_network_has_no_lattice_in_its_gradient(arch, halvings):
    network = build(arch, 3).eval()
    assert not any(
        isinstance(m, nn.MaxPool2d) or getattr(m, "stride", 1) in (2, (2, 2)) for m in layers(network, nn.Conv2d)
    )
    x = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    values = Classifier(network)(x, ["stage1"])["stage1"]
    assert values.shape[2:] == (64 >> halvings, 64 >> halvings)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    inner = gradient[0, :, 28:36, 28:36]  # away from the border every pixel counts the same
    assert torch.allclose(inner, inner.mean((1, 2), keepdim=True).expand_as(inner), rtol=1e-3, atol=1e-5)
