"""Smoother pooling and random weights, as modules of their own; `test_style_backbone` has them in networks."""

import pytest
import torch
from torch import nn

from pellucid.style.surgery import BlurredMaxPool, randomize, replicate_padding, swap_pooling
from pellucid.zoo.networks import build

POOLS = {
    "VGG": nn.MaxPool2d(2, 2),
    "ResNet": nn.MaxPool2d(3, 2, 1),
    "SqueezeNet": nn.MaxPool2d(3, 2, ceil_mode=True),
    "uneven": nn.MaxPool2d((3, 2), (2, 1), (1, 0)),
}


def picture(height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_a_blurred_pool_is_a_max_pool_that_is_blurred():
    values = picture(16, 16)
    found = BlurredMaxPool(nn.MaxPool2d(3, 2))(values)
    kernel = torch.tensor([1.0, 2.0, 1.0])
    kernel = (kernel[:, None] * kernel / 16).expand(3, 1, 3, 3)
    dense = nn.functional.max_pool2d(values, 3, 1)
    expected = nn.functional.conv2d(nn.functional.pad(dense, [1] * 4, mode="replicate"), kernel, groups=3)[
        ..., ::2, ::2
    ]
    assert torch.allclose(found, expected, atol=1e-6)
    assert found.shape == nn.MaxPool2d(3, 2)(values).shape


def test_a_blurred_pool_pads_as_the_pool_does():
    """Beyond the border there is nothing, which is no maximum."""
    values = -1 - picture(9, 9)
    found = BlurredMaxPool(nn.MaxPool2d(3, 2, 1))(values)
    assert found.shape == (1, 3, 5, 5)
    dense = nn.functional.max_pool2d(values, 3, 1, 1)
    assert torch.allclose(found[..., 1, 1], (dense[..., 1:4, 1:4] * KERNEL).sum((2, 3)), atol=1e-6)
    assert float(found.max()) <= float(values.max())


KERNEL = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("side", [12, 13])
def test_an_average_pool_is_the_mean_of_the_values_that_the_window_holds(name, side):
    network = nn.Sequential(POOLS[name])
    values = picture(side, side)
    shape = network(values).shape
    swap_pooling(network, "average")
    assert type(network[0]) is nn.AvgPool2d
    found = network(values)
    assert found.shape == shape
    ones = torch.ones(1, 1, side, side)
    pool = POOLS[name]
    unfolded = windows(values, pool, shape)
    counts = windows(ones, pool, shape)
    assert torch.allclose(found, unfolded / counts, atol=1e-6)


def windows(values, pool, shape):
    """Sums over the windows of a pool, by hand."""
    (kh, kw), (sh, sw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in
                                    (pool.kernel_size, pool.stride, pool.padding))  # fmt: skip
    out = torch.zeros(*values.shape[:2], *shape[2:])
    for i in range(shape[2]):
        for j in range(shape[3]):
            rows, columns = slice(max(i * sh - ph, 0), i * sh - ph + kh), slice(max(j * sw - pw, 0), j * sw - pw + kw)
            out[..., i, j] = values[..., rows, columns].sum((2, 3))
    return out


def test_random_weights_are_hes_and_norms_let_everything_pass():
    convolution, norm = nn.Conv2d(64, 32, 3), nn.BatchNorm2d(32)
    with torch.no_grad():
        for tensor in (convolution.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.fill_(3.0)
    randomize(nn.Sequential(convolution, norm), 0)
    assert float(convolution.weight.detach().std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)
    assert not convolution.bias.any()
    values = torch.randn(1, 32, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(norm.eval()(values), values, rtol=1e-4)


ARCHITECTURES = (
    "preact-4-8", "timm:test_convnext", "timm:test_vit", "timm:test_efficientnet",
    "torchvision:squeezenet1_0",
)  # fmt: skip


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_no_trained_weight_is_left(arch):
    network = build(arch, 5)
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(torch.rand(tensor.shape, generator=torch.Generator().manual_seed(0)))
    trained = {name: tensor.clone() for name, tensor in network.named_parameters()}
    randomize(network, 0)
    first = {name: tensor.clone() for name, tensor in network.named_parameters()}
    assert [name for name, tensor in first.items() if torch.equal(tensor, trained[name])] == []
    randomize(network, 0)
    assert all(torch.equal(tensor, first[name]) for name, tensor in network.named_parameters())
    logits = network.eval()(picture(160, 160))
    assert logits.isfinite().all()
    assert len(logits.unique()) > 1


def test_convolutions_that_pad_by_themselves_in_another_way_are_left():
    valid, circular, zeros = (
        nn.Conv2d(1, 1, 3, padding="valid"), nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(1, 1, 3, padding="same"),
    )  # fmt: skip
    replicate_padding(nn.Sequential(valid, circular, zeros))
    assert [m.padding_mode for m in (valid, circular, zeros)] == ["zeros", "circular", "replicate"]
    assert float(zeros(torch.ones(1, 1, 5, 5)).detach().std()) < 1e-6
