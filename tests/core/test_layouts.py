"""Where a network declares its images and its units, what is read has images first and units where they belong."""

import pytest
import timm
import torch
from helpers import images
from torch import nn
from torchvision import models

from pellucid import Activation, Classifier, InputError


def swin():
    torch.manual_seed(0)
    small = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": [2, 2], "num_classes": 3}
    return models.SwinTransformer([4, 4], **small).eval()


def convnext():
    torch.manual_seed(0)
    settings = [models.convnext.CNBlockConfig(8, 16, 1), models.convnext.CNBlockConfig(16, None, 1)]
    return models.ConvNeXt(settings, num_classes=3).eval()


def timms_swin():
    options = {"img_size": 64, "window_size": 2, "embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2)}
    return timm.create_model("swin_tiny_patch4_window7_224", num_classes=3, **options).eval()


class SequenceFirst(nn.Module):
    """Tokens `(T, N, U)`, as PyTorch's transformer has them by default; 4 of them."""

    def __init__(self):
        super().__init__()
        self.embed, self.block = nn.Conv2d(3, 12, 4, 4), nn.TransformerEncoderLayer(12, 2, 16)
        self.fc = nn.Linear(12, 4)

    def forward(self, values):
        return self.fc(self.block(self.embed(values).flatten(2).permute(2, 0, 1)).mean(0))


def kept(network, path, x):
    found = {}
    with network.get_submodule(path).register_forward_hook(lambda module, args, output: found.update(it=output)):
        network(x)
    return found["it"].detach()


LAST, FIRST = (0, 3, 1, 2), (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("build", "path", "axes", "side"),
    [
        *((swin, path, LAST, 16) for path in ("features.0", "features.1", "features.2", "features", "norm")),
        *((convnext, path, FIRST, 32) for path in ("features.0", "features.1", "features.1.0", "features.2")),
        (convnext, "features.1.0.block.2", LAST, 32),  # a layer norm inside a block
        (timms_swin, "layers.0", LAST, 64),
        (lambda: timm.create_model("test_convnext", num_classes=3).eval(), "stages.0", FIRST, 64),
    ],
)
def test_units_are_where_the_network_declares_them(build, path, axes, side):
    network, x = build(), images(2, side)
    assert torch.equal(Classifier(network)(x, [path])[path], kept(network, path, x).permute(axes))


def test_tokens_have_their_units_last():
    network, x = nn.Sequential(nn.Conv2d(3, 5, 4, 4), nn.Flatten(2), nn.Unflatten(2, (4,)), nn.Flatten(),
                               nn.Linear(20, 2)), images(2)  # fmt: skip
    assert Classifier(network)(x, ["1"])["1"].shape == (2, 5, 4)
    classifier = Classifier(network)
    classifier.unit_axes["1"] = 1
    assert classifier(x, ["1"])["1"].shape == (2, 4, 5)


@pytest.mark.parametrize("count", [3, 4])  # of 4 tokens
def test_a_sequence_first_layer_is_refused_however_many_images_there_are(count):
    with pytest.raises(InputError, match="first axis is the images'"):
        Classifier(SequenceFirst().eval())(images(count), ["block"])


@pytest.mark.parametrize(
    ("network", "layer"),
    [
        (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 6, 8)), nn.Flatten(), nn.Linear(192, 2)), "1"),
        (convnext(), "features.1.0.block.4"),  # a GELU between a layer norm and a linear layer
    ],
)
def test_where_nothing_is_declared_the_user_says_it(network, layer):
    side = 8 if len(network._modules) == 4 else 32
    classifier, x = Classifier(network), images(2, side)
    with pytest.raises(InputError, match="unit_axes"):
        classifier(x, [layer])
    for axis in (1, 3, -1):
        classifier.unit_axes[layer] = axis
        assert torch.equal(classifier(x, [layer])[layer], kept(network.eval(), layer, x).movedim(axis, 1))
    for axis in (0, 4, "1"):
        classifier.unit_axes[layer] = axis
        with pytest.raises(InputError, match="unit_axes"):
            classifier(x, [layer])


def test_a_channel_is_one_of_the_declared_units():
    network, x = swin(), images(3, 16)
    found = Activation(unit=15, layer="features.3")(x, Classifier(network)(x, ["features.3"]))
    assert torch.allclose(found, kept(network, "features.3", x)[..., 15].mean((1, 2)), atol=1e-6)


@pytest.mark.parametrize(("wrap", "kind"), [(lambda values: {"it": values}, "dict"), (lambda values: (), "tuple")])
def test_a_layer_that_yields_no_tensor_is_refused(wrap, kind):
    network = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(192, 2))
    network[0].forward = wrap
    network[1].forward = lambda values: torch.zeros(2, 192)
    with pytest.raises(InputError, match=f"layer 0 yields a {kind}"):
        Classifier(network)(images(2), ["0"])
