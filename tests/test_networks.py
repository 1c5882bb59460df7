import pytest
import torch
from torch import nn

from pellucid import Classifier, InputError
from pellucid.zoo.networks import PreActResNet, build


@pytest.mark.parametrize(
    ("arch", "width"),
    [
        ("preact-4", 4),
        ("preact-4-8-16", 16),
        ("wrn-10-1", 64),
        ("wrn-16-2", 128),
        ("cifar-resnet18", 512),
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
