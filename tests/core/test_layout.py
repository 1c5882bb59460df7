"""Wherever a network has its images and its units, what is read of it has images first and units where they belong."""

import pytest
import timm
import torch
import torch.nn.functional as F
from helpers import hooks_on, images
from torch import nn
from torchvision import models

from pellucid import Activation, Classifier, InputError, Split, VisualizeRecipe, activating, visualize
from pellucid.representation.diversity import Diversity


def swin():
    torch.manual_seed(0)
    small = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": [2, 2], "num_classes": 3}
    return models.SwinTransformer([4, 4], **small).eval()


class SequenceFirst(nn.Module):
    """Tokens `(T, N, U)`, as PyTorch's transformer has them by default."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Conv2d(3, 12, 4, 4)
        self.block = nn.TransformerEncoderLayer(12, 2, 16)
        self.fc = nn.Linear(12, 4)

    def forward(self, values):
        return self.fc(self.block(self.embed(values).flatten(2).permute(2, 0, 1)).mean(0))


class Windows(nn.Module):
    """A layer of 4 windows an image, and one that has one row whatever the images are."""

    def __init__(self):
        super().__init__()
        self.conv, self.cut, self.same, self.fc = nn.Conv2d(3, 5, 4, 4), nn.Identity(), nn.Identity(), nn.Linear(5, 2)

    def forward(self, values):
        values = self.cut(self.conv(values).permute(0, 2, 3, 1).reshape(-1, 5))
        return self.fc(values.unflatten(0, (-1, 4)).mean(1)) + self.same(torch.ones(1, 2))


class Untold(nn.Module):
    """A layer of which no module tells what its axes are."""

    def __init__(self, shape):
        super().__init__()
        self.first, self.layer, self.fc = nn.Linear(192, 192), nn.Unflatten(1, shape), nn.Linear(192, 2)

    def forward(self, values):
        return self.fc(self.layer(self.first(values.flatten(1))).flatten(1))


def kept(network, path, x):
    found = {}
    with network.get_submodule(path).register_forward_hook(lambda module, args, output: found.update(it=output)):
        network(x)
    return found["it"].detach()


@pytest.mark.parametrize("path", ["features.0", "features.1", "features.2", "features.3", "features", "norm"])
def test_channels_of_swin_are_channels(path):
    network, x = swin(), images(3, 16)
    own = kept(network, path, x)  # (N, H, W, C)
    assert torch.equal(Classifier(network)(x, [path])[path], own.permute(0, 3, 1, 2))


def test_what_swin_has_turned_itself_stays():
    network, x = swin(), images(3, 16)
    assert torch.equal(Classifier(network)(x, ["permute"])["permute"], kept(network, "permute", x))


def test_a_channel_of_swin_is_visualized_and_its_images_found():
    network = swin()
    classifier = Classifier(network, card={"size": 16})
    made = visualize(classifier, ["features.3:15"], VisualizeRecipe(steps=2, straight_through=False))
    value = float(kept(network, "features.3", made.images)[..., 15].mean())
    assert made.info["features"][0]["value"] == pytest.approx(value, abs=1e-4)
    with pytest.raises(InputError, match="units 0 to 15, not 16"):
        visualize(classifier, ["features.3:16"])
    split = Split((images(5, 16) * 255).byte(), torch.zeros(5, dtype=torch.int64))
    assert activating(classifier, split, layer="features.3", k=1).most.shape == (16, 1)


def test_diversity_compares_channels():
    network, x = swin(), images(2, 16)
    channels = kept(network, "features.1", x).permute(0, 3, 1, 2).flatten(2)
    grams = channels @ channels.transpose(1, 2)
    alike = torch.cosine_similarity(grams[0].flatten(), grams[1].flatten(), dim=0)
    loss = Diversity(2, "features.1")(x, Classifier(network)(x, ["features.1"]))
    assert torch.allclose(loss, alike.expand(2), atol=1e-5)


def test_timms_swin_and_convnext():
    options = {"img_size": 64, "window_size": 2, "embed_dim": 8, "depths": (1, 1), "num_heads": (1, 2)}
    network = timm.create_model("swin_tiny_patch4_window7_224", num_classes=3, **options).eval()
    own = kept(network, "layers.0", x := images(2, 64))
    assert own.shape == (2, 16, 16, 8)
    assert torch.equal(Classifier(network)(x, ["layers.0"])["layers.0"], own.permute(0, 3, 1, 2))
    network = timm.create_model("test_convnext", num_classes=3).eval()
    name = next(iter(Classifier(network).layers))
    assert torch.equal(Classifier(network)(x, [name])[name], kept(network, name, x))


@pytest.mark.parametrize("count", [1, 4, 5])  # of 4 tokens
def test_a_layer_with_its_sequence_first_has_its_images_first(count):
    network, x = SequenceFirst().eval(), images(count)
    classifier = Classifier(network)
    expected = kept(network, "block", x).transpose(0, 1)
    assert torch.allclose(classifier(x, ["block"])["block"], expected, atol=1e-6)
    alone = [Activation(unit=3, layer="block")(x, classifier(row[None], ["block"])) for row in x]
    assert torch.allclose(Activation(unit=3, layer="block")(x, classifier(x, ["block"])), torch.cat(alone), atol=1e-5)


def test_a_layer_without_an_axis_of_images_is_refused():
    classifier = Classifier(Windows().eval())
    with pytest.raises(InputError, match=r"'cut' is \(4, 5\) for one image and \(8, 5\) for two"):
        classifier(images(2), ["cut"])
    with pytest.raises(InputError, match=r"'same' is \(1, 2\) for one image and \(1, 2\) for two"):
        classifier(images(2), ["same"])
    assert hooks_on(classifier) == 0


def test_what_does_not_come_from_the_images_is_refused_however_many_there_are():
    classifier = Classifier(Windows().eval())
    with pytest.raises(InputError, match=r"'same' is \(1, 2\) for one image"):
        classifier(images(1), ["same"])
    network = Positions().eval()
    with pytest.raises(InputError, match=r"'given' is \(4, 5\) for one image"):  # of 4 positions
        Classifier(network)(images(4), ["given"])


class Positions(nn.Module):
    """What is added to each position, as a layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.given, self.fc = nn.Conv2d(3, 5, 4, 4), nn.Identity(), nn.Linear(5, 2)
        self.places = nn.Parameter(torch.randn(4, 5))

    def forward(self, values):
        return self.fc((self.conv(values).flatten(2).transpose(1, 2) + self.given(self.places * 1)).mean(1))


class Strips(nn.Module):
    """Positions that are no square: 8 channels of 8 x 4 positions of an image of 16 px, with a layer of no module."""

    def __init__(self, last):
        super().__init__()
        self.last, self.layer, self.fc = last, nn.Identity(), nn.Linear(8, 5)
        self.conv = nn.Conv2d(3, 8, 3, stride=(2, 4) if last else (2, 1), padding=1)

    def forward(self, values):
        values = self.conv(values)
        if self.last:
            return self.fc((self.layer(values.sin().permute(0, 2, 3, 1) + 0).tanh() * 1)[:, 0, 0])
        return self.fc(self.layer(F.avg_pool2d(values, (1, 4))).amax((2, 3)))


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", [16, 32])
def test_rows_never_become_channels(last, size):
    network, x = Strips(last).eval(), images(2, size)
    own = kept(network, "layer", x)
    assert torch.equal(Classifier(network)(x, ["layer"])["layer"], own.permute(0, 3, 1, 2) if last else own)


class ChannelsLast(nn.Module):
    """A layer `(N, H, W, 12)` that only pointwise operations read, after a convolution that makes `(N, 12, H, W)`."""

    def __init__(self):
        super().__init__()
        self.conv, self.layer, self.fc = nn.Conv2d(3, 12, 3, padding=1), nn.Identity(), nn.Linear(12, 5)

    def forward(self, values):
        return self.fc(self.layer(self.conv(values).permute(0, 2, 3, 1) + 0).sin().amax((1, 2)))


@pytest.mark.parametrize("network", [ChannelsLast, swin])
@pytest.mark.parametrize("sides", [(12, 16), (16, 12), (32, 64), ((12, 20), 16)])
def test_sizes_may_come_in_any_order(network, sides):
    """Also 12 channels of 12 x 12 positions, or Swin's 8 channels of 8 x 8."""
    network = network().eval()
    path = "layer" if isinstance(network, ChannelsLast) else "features.1"
    classifier = Classifier(network)
    for side in sides:
        height, width = side if isinstance(side, tuple) else (side, side)
        x = torch.rand(2, 3, height, width)
        assert torch.equal(classifier(x, [path])[path], kept(network, path, x).permute(0, 3, 1, 2))


@pytest.mark.parametrize("shape", [(12, 4, 4), (4, 4, 12)])
def test_a_square_is_not_taken_for_positions(shape):
    with pytest.raises(InputError, match=r"classifier\.unit_axes\['layer'\] = 1, or 3"):
        Classifier(Untold(shape).eval())(images(2), ["layer"])


@pytest.mark.parametrize("axis", [0, -4, 4, "x"])
def test_an_axis_that_cannot_be_that_of_units_is_refused(axis):
    classifier = Classifier(ChannelsLast().eval())
    classifier.unit_axes["layer"] = axis
    with pytest.raises(InputError, match=r"unit_axes\['layer'\] must be one of 1, 2, 3, not"):
        classifier(images(2), ["layer"])


def test_where_nothing_tells_the_user_does():
    network, x = Untold((8, 4, 6)).eval(), images(2)
    classifier, own = Classifier(network), kept(network, "layer", x)
    with pytest.raises(InputError, match=r"classifier\.unit_axes\['layer'\] = 1, or 3"):
        classifier(x, ["layer"])
    for axis, expected in ((3, own.permute(0, 3, 1, 2)), (1, own), (-1, own.permute(0, 3, 1, 2))):
        classifier.unit_axes["layer"] = axis
        assert torch.equal(classifier(x, ["layer"])["layer"], expected)


def test_a_network_is_looked_at_in_the_pass_itself():
    network, passes = swin().train(), []
    classifier = Classifier(network)
    network.register_forward_pre_hook(lambda module, args: passes.append(len(args[0])))
    for _ in range(2):
        classifier(images(3, 16), ["features.1"])
    assert passes == [3, 3]
    assert hooks_on(classifier) == 1


def test_where_that_does_not_tell_it_is_looked_at_once_more_and_left_as_it_was():
    network, passes = SequenceFirst().train(), []
    classifier = Classifier(network)
    network.register_forward_pre_hook(lambda module, args: passes.append((len(args[0]), module.training)))
    for _ in range(2):
        classifier(images(4), ["block"])  # of 4 tokens
    assert passes == [(4, True), (1, False), (2, False), (4, True)]
    assert network.training


class Stubborn(SequenceFirst):
    """With a batch norm that trains whatever mode it is given."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, values):
        return super().forward(self.norm.train()(values))


def test_what_a_norm_has_seen_is_of_one_pass():
    network = Stubborn()
    Classifier(network)(images(4), ["block"])  # of 4 tokens
    assert int(network.norm.num_batches_tracked) == 1


class EveryPosition(nn.Module):
    """A linear head at every position, or with the sequence first."""

    def __init__(self, sequence_first):
        super().__init__()
        self.sequence_first, self.conv, self.fc = sequence_first, nn.Conv2d(3, 5, 4, 4), nn.Linear(5, 2)

    def forward(self, values):
        values = self.conv(values)
        if self.sequence_first:
            return self.fc(values.flatten(2).permute(2, 0, 1)).mean(0)
        return self.fc(values.permute(0, 2, 3, 1)).mean((1, 2))


def test_the_representation_is_units_too():
    network = EveryPosition(sequence_first=False)
    classifier, x = Classifier(network), images(3)
    assert torch.allclose(classifier(x).representation, network.conv(x).mean((2, 3)), atol=1e-6)
    for count in (3, 4):  # of 4 positions
        with pytest.raises(InputError, match="images must be its first axis"):
            Classifier(EveryPosition(sequence_first=True))(images(count))


def test_as_many_images_as_positions_are_looked_at_once():
    network, passes = EveryPosition(sequence_first=False), []
    classifier, x = Classifier(network), images(2)  # of 2 x 2 positions
    network.register_forward_pre_hook(lambda module, args: passes.append(len(args[0])))
    for _ in range(2):
        classifier(x)
    assert passes == [2, 1, 2, 2]


@pytest.mark.parametrize(("wrap", "kind"), [(lambda values: {"it": values}, "dict"), (lambda values: (), "tuple")])
def test_a_layer_that_yields_no_tensor_is_refused(wrap, kind):
    network = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(192, 2))
    network[0].forward = wrap
    network[1].forward = lambda values: torch.zeros(2, 192)
    with pytest.raises(InputError, match=f"layer 0 yields a {kind}"):
        Classifier(network)(images(2), ["0"])


@pytest.mark.parametrize("wrap", [list, tuple])
def test_of_several_tensors_the_first_is_read(wrap):
    network, x = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(), nn.Linear(128, 2)), images(2)
    convolve, flatten = network[0].forward, network[1].forward
    network[0].forward = lambda values: wrap([convolve(values), values])
    network[1].forward = lambda values: flatten(values[0])
    assert torch.equal(Classifier(network)(x, ["0"])["0"], convolve(x))
