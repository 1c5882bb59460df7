"""Networks as people bring them, each a row of a table with the right answer beside it."""

import math
import warnings

import numpy as np
import pytest
import timm
import torch
from helpers import conv_network, images, shake_norms
from network_helpers import alexnet, resnet18, squeezenet, timm_resnet, vgg11
from torch import nn
from torchvision import models

from pellucid import (
    L2,
    Classifier,
    CrossEntropy,
    EvaluateRecipe,
    InputError,
    Split,
    VisualizeRecipe,
    descend,
    evaluate,
    sanity,
    visualize,
)


def small(channels=3, classes=4):
    """A network without normalization layers, whose head is 4."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, classes)
    )


class Changed(nn.Module):
    """`small`, with something done to its images and to its logits."""

    def __init__(self, before=lambda x: x, after=lambda x: x, channels=3):
        super().__init__()
        self.network, self.before, self.after = small(channels), before, after

    def forward(self, values):
        return self.after(self.network(self.before(values)))


# Which layer makes the logits, and the representation by hand. `None` stands for the input of layer 4 of `small`.
HEADS = {
    "torchvision resnet18": (resnet18, "fc", lambda n, x: nn.Sequential(*list(n.children())[:-1])(x).flatten(1)),
    "vgg11": (vgg11, "classifier.2", lambda n, x: n.classifier[:2](n.avgpool(n.features(x)).flatten(1))),
    "alexnet": (alexnet, "classifier.2", lambda n, x: n.classifier[:2](n.avgpool(n.features(x)).flatten(1))),
    "a convolution, ReLU and pooling": (squeezenet, "classifier.1", lambda n, x: n.features(x).mean((2, 3))),
    "timm": (timm_resnet, "fc", lambda n, x: n.forward_head(n.forward_features(x), pre_logits=True)),
    "a convolution and max pooling": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten()),
        "2",
        lambda n, x: n[:2](x).mean((2, 3)),
    ),
    "probabilities": (lambda: nn.Sequential(small(), nn.Softmax(1)), "0.4", lambda n, x: n[0][:4](x)),
    "their logarithm": (lambda: nn.Sequential(small(), nn.LogSoftmax(1)), "0.4", lambda n, x: n[0][:4](x)),
    "a temperature": (lambda: Changed(after=lambda z: z / 7), "network.4", lambda n, x: n.network[:4](x)),
    "in bfloat16": (lambda: small().bfloat16(), "4", lambda n, x: n[:4](x.bfloat16()).float()),
}


@pytest.mark.parametrize("name", HEADS)
@torch.no_grad()
def test_the_representation_is_what_the_last_linear_layer_reads(name):
    build, head, body = HEADS[name]
    network = build().eval()
    classifier, x = Classifier(network, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)), images(2, 64)
    expected = body(network, (x - classifier.mean) / classifier.std)
    assert classifier.head == head
    assert classifier.classes == network(x.to(next(network.parameters()).dtype)).shape[1]
    torch.testing.assert_close(classifier(x).representation, expected, rtol=1e-3, atol=1e-4)


def tiny_vit(name="vit_tiny_patch16_224", **options):
    return timm.create_model(name, img_size=32, depth=1, embed_dim=12, num_heads=2, **options)


def without(network, path):
    network.set_submodule(path, nn.Identity())
    return network


HEADLESS = {
    "timm resnet": lambda: timm.create_model("test_resnet", num_classes=0),
    "timm vit": lambda: tiny_vit(num_classes=0),
    "timm efficientnet": lambda: timm.create_model("test_efficientnet", num_classes=0),
    "timm vgg": lambda: timm.create_model("vgg11", num_classes=0),
    "torchvision fc": lambda: without(models.resnet18(num_classes=2), "fc"),
    "torchvision classifier": lambda: without(models.mobilenet_v3_small(num_classes=2), "classifier"),
    "torchvision classifier.1": lambda: without(models.mobilenet_v2(num_classes=2), "classifier.1"),
}


@pytest.mark.parametrize("name", HEADLESS)
@torch.no_grad()
def test_the_representation_of_a_network_without_a_head_is_its_output(name):
    network = shake_norms(HEADLESS[name]()).eval()
    activations = Classifier(network)(images(2, 32))
    torch.testing.assert_close(activations.representation, network(images(2, 32)), rtol=1e-3, atol=1e-3)


class Ensemble(nn.Module):
    """The mean of two networks' logits."""

    def __init__(self):
        super().__init__()
        self.one, self.two = small(), conv_network(4)

    def forward(self, values):
        return (self.one(values) + self.two(values)) / 2


class Encoder(nn.Module):
    """Features without a head: a shortcut passes the last convolution."""

    def __init__(self):
        super().__init__()
        self.stem, self.last = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 1)

    def forward(self, values):
        values = self.stem(values)
        return (values + self.last(values)).mean((2, 3))


class Unused(nn.Module):
    """A linear layer that never runs."""

    def __init__(self):
        super().__init__()
        self.network, self.extra = small(), nn.Linear(9, 4)

    def forward(self, values):
        return self.network(values)


NO_ONE_HEAD = {
    "an ensemble": (Ensemble, "two.5"),
    "deit distilled": (lambda: tiny_vit("deit_tiny_distilled_patch16_224", num_classes=5), "head_dist"),
    "levit": (lambda: timm.create_model("levit_128s", img_size=32, num_classes=5), "head_dist.linear"),
    "an encoder": (Encoder, "last"),
    "a layer that never runs": (Unused, "extra"),
    "logits of other classes": (lambda: Changed(after=lambda z: z.flip(1)), "network.4"),
}


@pytest.mark.parametrize("name", NO_ONE_HEAD)
def test_a_representation_is_not_taken_from_a_layer_that_does_not_make_the_logits(name):
    build, head = NO_ONE_HEAD[name]
    torch.manual_seed(0)
    network, x = build().eval(), images(2, 32)
    classifier = Classifier(network)
    with torch.no_grad():
        torch.testing.assert_close(classifier(x).logits, network(x), rtol=1e-3, atol=1e-4)
    moved = descend(classifier, CrossEntropy(1), x, ball=L2(1.0), steps=1)  # logits alone are read
    assert not torch.equal(moved.images, x)
    with pytest.raises(InputError, match=f"head='{head}'"):
        _ = classifier(x).representation
    with pytest.raises(InputError, match=f"head='{head}'"):
        visualize(classifier, [1], VisualizeRecipe(steps=1, size=32))
    if head != "extra":
        assert len(Classifier(network, head=head)(x).representation) == 2


class Gate(nn.Module):
    """A linear layer that is registered behind the head, and does not make the logits."""

    def __init__(self):
        super().__init__()
        self.fc, self.conv, self.gate = nn.Linear(6, 4), nn.Conv2d(3, 6, 3), nn.Linear(6, 6)

    def forward(self, values):
        values = self.conv(values).mean((2, 3))
        return self.fc(values * self.gate(values).sigmoid())


@pytest.mark.parametrize("names", [None, list("abcdef")])
def test_a_head_of_another_width_than_the_logits_is_refused(names):
    with pytest.raises(InputError, match="6 classes, and its network makes 4 logits"):
        Classifier(Gate(), class_names=names)(images(1))
    assert Classifier(Gate(), class_names=list("abcd"), head="fc")(images(1)).representation.shape == (1, 6)


def test_the_head_can_be_named():
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 7), nn.ReLU(), nn.Linear(7, 5))
    assert Classifier(network).head == "3"
    assert torch.equal(Classifier(network, head="1")(images(2)).representation, images(2).flatten(1))
    whole = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(192, 7), nn.ReLU(), nn.Linear(7, 5)))
    assert Classifier(whole, head="1").classes == 5


# Channels and normalization: images given, mean and std, and the mean that each channel gets, or words of the refusal.

GRAY, COLOR = torch.rand(6, 1, 8, 8), torch.rand(6, 3, 8, 8)
FLAT = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
CHANNELS = {
    "gray": (small(1), GRAY, {}, [0.0]),
    "gray, a number": (small(1), GRAY, {"mean": 0.1307, "std": 0.3081}, [0.1307]),
    "gray, a list of one": (small(1), GRAY, {"mean": (0.1307,), "std": (0.3081,)}, [0.1307]),
    "gray data as three channels": (small(1), COLOR, {}, "images[:, :1]"),
    "gray, without convolutions": (FLAT, GRAY, {"mean": (0.5,), "std": (0.2,)}, [0.5]),
    "gray, the channels not known": (FLAT, GRAY, {}, "mean=(0.0,)"),
    "gray within": (Changed(lambda x: x.mean(1, keepdim=True), channels=1), COLOR, {"mean": [0.5] * 3}, [0.5] * 3),
    "color, numbers": (small(), COLOR, {"mean": 0.5, "std": 0.2}, [0.5] * 3),
    "color, a list of one": (small(), COLOR, {"mean": [0.5], "std": [0.2]}, [0.5] * 3),
    "color, a list and a number": (small(), COLOR, {"mean": (0.1, 0.2, 0.3), "std": 0.2}, [0.1, 0.2, 0.3]),
    "color, an array": (small(), COLOR, {"mean": np.array([0.1, 0.2, 0.3])}, [0.1, 0.2, 0.3]),
    "color, a tensor": (small(), COLOR, {"mean": torch.tensor([0.1, 0.2, 0.3])[:, None, None]}, [0.1, 0.2, 0.3]),
    "color, gray images": (small(), GRAY, {}, "(N, 3, H, W)"),
    "two numbers": (small(), COLOR, {"mean": (0.5, 0.5)}, "2 channels"),
    "two and three": (small(), COLOR, {"mean": (0.5, 0.5), "std": (1, 1, 1)}, "mean has 2 and std 3"),
    "none": (small(), COLOR, {"mean": None}, "not None"),
    "an empty list": (small(), COLOR, {"std": ()}, "not ()"),
    "text": (small(), COLOR, {"mean": "0.5"}, "'0.5'"),
    "std of 0": (small(), COLOR, {"std": (0, 0, 0)}, "std must be positive, not (0, 0, 0)"),
    "NaN": (small(), COLOR, {"std": (0.2, math.nan, 0.2)}, "std must be finite"),
    "infinity": (small(), COLOR, {"mean": (math.inf, 0, 0)}, "mean must be finite"),
    "of values from 0 to 255": (small(), COLOR, {"mean": (123.675, 116.28, 103.53)}, "0.485"),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_and_normalization(name):
    network, pixels, options, expected = CHANNELS[name]
    if isinstance(expected, str):
        with pytest.raises(InputError) as error:
            Classifier(network, **options)(pixels)
        assert expected in str(error.value)
        return
    classifier = Classifier(network, **options)
    assert classifier.mean.flatten().tolist() == pytest.approx(expected)
    by_hand = network((pixels - classifier.mean) / classifier.std)
    torch.testing.assert_close(classifier(pixels).logits, by_hand, rtol=1e-4, atol=1e-5)
    assert evaluate(classifier, Split(pixels, torch.arange(6) % 3), EvaluateRecipe(eps=(0.1,), steps=(1,))).count == 6


# No networks, or none that can be differentiated


@torch.inference_mode()
def made_in_inference_mode():
    return small()


REFUSED = {
    "a function": (lambda: lambda x: x, "not function"),
    "a type": (lambda: nn.Linear, "not Linear"),
    "weights": (lambda: small().state_dict(), "not OrderedDict"),
    "a classifier": (lambda: Classifier(small()), "Classifier already"),
    "a list": (lambda: [small()], "not list"),
    "a ModuleList": (lambda: nn.ModuleList([small()]), "ModuleList has no forward"),
    "lazy layers": (lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2)), "run it once"),
    "TorchScript": (lambda: torch.jit.trace(small(), COLOR), "not TopLevelTracedModule"),
    "made in inference mode": (made_in_inference_mode, "inference_mode"),
    "half precision": (lambda: small().half(), "vanish in float16"),
    "no linear layer": (lambda: nn.Sequential(nn.Flatten(), nn.Softmax(1)), "name the layer .* append one"),
    "names of other classes": (lambda: conv_network(5), "2 class names for a network with 5 classes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_is_refused(name):
    build, words = REFUSED[name]
    with pytest.raises(InputError, match=words):
        Classifier(build(), class_names=["a", "b"])


class Plain(nn.Module):
    """A network of functions, which has no layers."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(4, 192))

    def forward(self, values, *others):
        return nn.functional.linear(values.flatten(1), self.weight)


class Asking(Plain):
    """It wants more than images."""

    def forward(self, values, age):
        return super().forward(values)


# A network, its head, and the words of what refuses to measure it without names, if anything does.
UNUSUAL = {
    "functions": (lambda: nn.Sequential(Plain(), nn.Identity()), "1", "4 logits.*class_names"),
    "a head before the logits": (
        lambda: nn.Sequential(small(), nn.Linear(4, 6), nn.Linear(6, 4)),
        "1",
        "4 logits.*class_names",
    ),
    "compiled": (lambda: torch.compile(small(), backend="eager"), None, None),
    "two inputs": (lambda: nn.Sequential(Asking(), nn.Linear(4, 4)), None, "missing.* takes images alone"),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_networks_are_measured_or_refused_before_anything_runs(name):
    build, head, words = UNUSUAL[name]
    network, split = build(), Split(COLOR, torch.arange(6) % 4)
    recipe = EvaluateRecipe(eps=(0.1,), steps=(1,))
    if words:
        with pytest.raises(InputError, match=words):
            evaluate(Classifier(network, head=head), split, recipe)
    if name != "two inputs":
        named = Classifier(network, head=head, class_names=list("abcd"))
        with torch.no_grad():
            right = network(COLOR.to(next(network.parameters()).dtype)).argmax(1) == split.labels
        assert evaluate(named, split, recipe).clean == pytest.approx(float(right.float().mean()))


NO_GRADIENT = {
    "detached images": lambda: Changed(torch.Tensor.detach),
    "no_grad": lambda: Changed(after=torch.Tensor.detach),
    "rounded logits": lambda: Changed(after=lambda z: nn.functional.one_hot(z.argmax(1), 4).float()),
    "the same for all images": lambda: Changed(after=lambda z: -torch.arange(4.0).expand(len(z), 4)),
}


@pytest.mark.parametrize("name", NO_GRADIENT)
def test_a_network_without_gradient_is_refused_and_attacked_by_square_alone(name):
    classifier, split = Classifier(NO_GRADIENT[name]()), Split(COLOR, [0] * 6)
    with pytest.raises(InputError, match="no gradient"):
        descend(classifier, CrossEntropy(1), COLOR, ball=L2(1.0), steps=1)
    assert ["no gradient" in message for message in sanity(classifier, split)] == [True]
    recipe = EvaluateRecipe(eps=(0.1,), steps=(), autoattack=("square",))
    assert evaluate(classifier, split, recipe).count == 6


OUTPUTS = {
    "one logit": (lambda z: z[:, :1], "one logit"),
    "one number": (lambda z: z[:, 0], r"not a tensor \(6,\)"),
    "a tuple": (lambda z: (z, z), "not a tuple"),
    "a dict": (lambda z: {"logits": z}, "not a dict"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_that_are_no_logits_of_several_classes_are_refused(name):
    change, words = OUTPUTS[name]
    with pytest.raises(InputError, match=words):
        descend(Classifier(Changed(after=change), head="network.4"), CrossEntropy(0), COLOR, ball=L2(1.0), steps=1)


# Logits that are no plain numbers


class Odd(nn.Module):
    """Sees class 0 where an image's mean is below 1/2 and class 1 elsewhere, of three; `change` then has its way."""

    def __init__(self, change):
        super().__init__()
        self.head, self.change = nn.Linear(1, 3), change
        self.head.weight.data = torch.tensor([[-1.0], [1.0], [0.0]])
        self.head.bias.data = torch.tensor([0.5, -0.5, -9.0])

    def forward(self, x):
        return self.change(self.head(x.flatten(1).mean(1, keepdim=True)))


class NanGradient(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * math.nan


def filled(value, column):
    def change(logits):
        return torch.cat([logits[:, :column], torch.full_like(logits[:, :1], value), logits[:, column + 1 :]], 1)

    return change


# change, clean accuracy, robust accuracy within the margin of half of the images, words of the signs
ODD = {
    "plain": (lambda logits: logits, 1.0, 0.5, []),
    "NaN": (lambda logits: logits / 0 * 0, 0.0, 0.0, []),
    "one NaN of three": (filled(math.nan, 0), 0.0, 0.0, []),
    "NaN near the border": (lambda logits: torch.where(logits[:, :1].abs() < 0.1, math.nan, logits), 1.0, 0.5, []),
    "an impossible class": (filled(-math.inf, 2), 1.0, 0.5, []),
    "no possible class": (lambda logits: logits - math.inf, 0.0, 0.0, []),
    "a NaN gradient": (NanGradient.apply, 1.0, 1.0, ["gradient vanishes"]),
}
VALUES = torch.tensor([0.1, 0.35, 0.65, 0.9] * 3)  # means of the images: 0.4 and 0.15 from the border


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("autoattack", [(), ("apgd-ce",)])
def test_accuracies_and_signs(name, autoattack):
    change, clean, robust, signs = ODD[name]
    split = Split(VALUES[:, None, None, None].expand(-1, 3, 4, 4).contiguous(), (VALUES > 0.5).long())
    classifier = Classifier(Odd(change))
    recipe = EvaluateRecipe("linf", (0.2,), (10,), autoattack=autoattack)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = evaluate(classifier, split, recipe)
    assert result.clean == clean
    assert set(result.robust[0.2].values()) == {robust}
    assert bool([w for w in said if "0, 1, 2" in str(w.message)]) == (clean == 0)
    if name != "NaN near the border":  # the attack stops there, and says so
        found = sanity(classifier, split, recipe)
        assert len(found) == len(signs)
        assert all(word in text for word, text in zip(signs, found, strict=True))
