import pytest
import timm
import torch
import torch.nn.functional as F
from helpers import conv_classifier, conv_network, hooks_on, images, shake_norms
from network_helpers import alexnet, resnet18, squeezenet, vgg11
from PIL import Image
from torch import nn
from torchvision import models
from torchvision.models.resnet import BasicBlock

from pellucid import L2, Classifier, CrossEntropy, InputError, descend, read_image, write_image

# What one pass yields


def test_logits_are_those_of_the_network_on_normalized_images():
    network = conv_network().eval()
    classifier = Classifier(network, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    x = images(3)
    by_hand = torch.stack([(x[:, c] - m) / s for c, m, s in [(0, 0.4, 0.2), (1, 0.5, 0.3), (2, 0.6, 0.25)]], dim=1)
    assert torch.allclose(classifier(x).logits, network(by_hand), rtol=1e-3, atol=1e-4)
    assert torch.equal(classifier.logits(x), classifier(x).logits)


def test_a_network_of_one_channel_takes_gray_pictures_as_people_have_them(tmp_path):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 2))
    classifier = Classifier(network, card={"size": 8})
    x = images(1)[:, :1]
    written = tmp_path / "gray.png"
    write_image(written, x)  # with its batch axis, as results have it
    rounded = read_image(written)[None, :1]
    for given in (written, Image.open(written), (rounded[0, 0] * 255).round().byte().numpy(), rounded):
        torch.testing.assert_close(classifier.probabilities(given), classifier(rounded).logits.softmax(1))
    with pytest.raises(InputError, match="give one image"):
        write_image(written, images(2))


def test_probabilities_in_place_of_logits_are_told():
    with pytest.warns(UserWarning, match="already makes probabilities"):
        Classifier(nn.Sequential(*conv_network(), nn.Softmax(1))).predict(images(2))


def test_a_classifier_made_in_inference_mode_descends():
    network = conv_network()
    with torch.inference_mode():
        classifier = Classifier(network)
    assert descend(classifier, CrossEntropy(1), images(1), ball=L2(1.0), steps=1).forwards == 1


def test_a_network_that_yields_more_than_logits_is_named():
    class Twice(nn.Sequential):
        def forward(self, images):
            return super().forward(images), images

    with pytest.raises(InputError, match=r"yields logits \(N, classes\), not a tuple; wrap it"):
        Classifier(Twice(*conv_network())).logits(images(1))


# Layers by name

VGG11 = "conv1_1 relu1_1 pool1 conv2_1 relu2_1 pool2 conv3_1 relu3_1 conv3_2 relu3_2 pool3 conv4_1 relu4_1 conv4_2 relu4_2 pool4 conv5_1 relu5_1 conv5_2 relu5_2 pool5"  # noqa: E501
ALEXNET = "conv1 relu1 pool1 conv2 relu2 pool2 conv3 relu3 conv4 relu4 conv5 relu5"
SQUEEZENET = "conv1 relu1 fire2 fire3 fire4 fire5 fire6 fire7 fire8 fire9"


@pytest.mark.parametrize(
    ("build", "names"),
    [(vgg11, VGG11), (alexnet, ALEXNET), (squeezenet, SQUEEZENET)],
    ids=["vgg", "alexnet", "squeezenet"],
)
@torch.no_grad()
def test_sequential_networks_have_their_papers_layer_names(build, names):
    network = build()
    classifier, x = Classifier(network), images(1, size=64)
    assert [name for name in names.split() if name not in classifier.layers] == []
    layers = classifier(x, layers=names.split()).layers
    values = x
    named = {path: name for name, path in classifier.layers.items()}
    for number, module in enumerate(network.features):
        values = module(values.clone())  # or the in-place ReLU after it would change what is compared
        if (name := named.get(f"features.{number}")) in layers:
            assert torch.equal(layers[name], values), name


@torch.no_grad()
def test_resnet_layers_are_its_stages():
    network = resnet18()
    classifier, x = Classifier(network), images(2, size=32)
    assert [name for name in classifier.layers if name.startswith("layer")] == [f"layer{n}" for n in (1, 2, 3, 4)]
    stem = network.maxpool(network.relu(network.bn1(network.conv1(x))))
    expected = network.layer2(network.layer1(stem))
    activations = classifier(x, layers=["layer2", "layer1.1.conv2", "logits"])
    torch.testing.assert_close(activations["layer2"], expected, rtol=1e-4, atol=1e-4)
    assert activations["layer1.1.conv2"].shape == (2, 64, 8, 8)
    assert activations["logits"] is activations.logits


@torch.no_grad()
def test_timm_layers_are_those_of_its_feature_info():
    network = timm.create_model("test_resnet", num_classes=5, in_chans=3).eval()
    classifier, x = Classifier(network), images(2, size=64)
    assert list(classifier.layers) == [info["module"] for info in network.feature_info]
    names = [name for name in classifier.layers if name.startswith("layer")]
    expected = timm.create_model("test_resnet", features_only=True).eval()
    expected.load_state_dict(network.state_dict(), strict=False)
    for name, values in zip(names, expected(x)[-len(names) :], strict=True):
        assert torch.allclose(classifier(x, layers=[name])[name], values, rtol=1e-3, atol=1e-4), name


@pytest.mark.parametrize("name", ["twins_pcpvt_small", "mvitv2_tiny", "hrnet_w18_small"])
def test_every_named_layer_of_timm_is_a_module_and_can_be_read(name):
    network = timm.create_model(name, num_classes=2).eval()
    classifier = Classifier(network)
    assert len(classifier.layers) >= 3
    with torch.no_grad():
        activations = classifier(images(1, 224), classifier.layers)
    assert all(len(activations[layer]) == 1 for layer in classifier.layers)


def test_a_layer_before_an_in_place_relu_keeps_its_own_values():
    classifier = conv_classifier().eval()
    activations = classifier(images(2), layers=["1", "2"])
    assert activations["1"].min() < 0
    assert torch.equal(activations["2"], activations["1"].clamp_min(0))


def test_an_unknown_layer_names_the_nearest():
    with pytest.raises(InputError, match=r"unknown layer 'layr2'.*'layer2'") as error:
        Classifier(resnet18())(images(1), layers=["layr2"])
    assert str(error.value).count("'layer2'") == 1


def test_a_layer_that_is_not_reached_is_said_so():
    network = conv_network()
    network[1].unused = nn.Linear(2, 2)
    with pytest.raises(InputError, match=r"1\.unused was not reached"):
        Classifier(network)(images(1), layers=["1.unused"])


# Hooks


def test_no_hook_is_left_behind_also_by_a_failing_pass():
    classifier = conv_classifier()
    classifier(images(1), layers=["0", "2"], straight_through=True)
    broken = conv_classifier()
    broken.network[3] = nn.Identity()  # the linear layer takes fewer values
    for layers in ([], ["0"]):
        with pytest.raises(RuntimeError):
            broken(images(1), layers=layers, straight_through=True)
    assert hooks_on(broken) == 0
    assert "forward" not in broken.network[2].__dict__
    with pytest.raises(InputError):
        classifier(images(1), layers=["0", "nonsense"], straight_through=True)
    assert hooks_on(classifier) == 0
    assert "forward" not in classifier.network[2].__dict__


class Masked(nn.Linear):
    def forward(self, mask, values):
        return super().forward(values if mask is None else values * mask)


@pytest.mark.parametrize("straight_through", [False, True])
def test_the_head_reads_the_first_tensor_that_it_is_given(straight_through):
    class Network(nn.Sequential):
        def forward(self, values):
            return self[2](None, self[1](self[0](values)))

    network = Network(nn.Flatten(), nn.ReLU(), Masked(192, 2))
    x = images(2).requires_grad_()
    assert torch.equal(Classifier(network)(x, (), straight_through).representation, x.flatten(1))


# The straight-through last ReLU


class SharedRelu(nn.Module):
    """A convolution and torchvision's block, which calls one in-place ReLU twice."""

    def __init__(self):
        super().__init__()
        self.stem, self.block, self.fc = nn.Conv2d(3, 4, 3), BasicBlock(4, 4), nn.Linear(4, 3)

    def forward(self, values):
        return self.fc(self.block(self.stem(values).relu()).mean((2, 3)))

    def representation_by_hand(self, values, last):
        block, values = self.block, self.stem(values).relu()
        inner = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(values)))))
        return last(inner + values).mean((2, 3))


def identity_backwards(values):
    """ReLU forwards, the identity backwards."""
    return values + (values.relu() - values).detach()


def test_straight_through_is_the_identity_backwards_at_the_last_relu_only():
    torch.manual_seed(0)
    network = shake_norms(SharedRelu()).eval()
    classifier, x = Classifier(network), images(3).requires_grad_()
    cotangent = torch.randn(3, network.fc.in_features)

    def gradient(representation):
        return torch.autograd.grad((representation * cotangent).sum(), x)[0]

    plain, through = classifier(x), classifier(x, straight_through=True)
    assert torch.equal(plain.logits, through.logits)
    assert torch.equal(plain.representation, through.representation)
    assert torch.allclose(
        gradient(plain.representation), gradient(network.representation_by_hand(x, F.relu)), atol=1e-6
    )
    expected = gradient(network.representation_by_hand(x, identity_backwards))
    assert torch.allclose(gradient(through.representation), expected, atol=1e-6)
    assert not torch.allclose(expected, gradient(classifier(x).representation), atol=1e-4)


class SideEffect(nn.Module):
    """Relies on a ReLU that works in place, and names its argument."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 6, 3), nn.ReLU(inplace=True), nn.Linear(6, 3)

    def forward(self, values):
        values = self.conv(values)
        self.relu(input=values)
        return self.fc(values.mean((2, 3)))


def test_straight_through_changes_no_values_where_a_relu_works_in_place():
    classifier, x = Classifier(SideEffect()), images(2).requires_grad_()
    through = classifier(x, straight_through=True)
    assert torch.equal(classifier(x).logits, through.logits)


class Between(SideEffect):
    """The ReLU that works in place is not the last."""

    def __init__(self):
        super().__init__()
        self.second, self.last = nn.Conv2d(6, 6, 3), nn.ReLU()

    def forward(self, values):
        values = self.conv(values)
        self.relu(values)
        return self.fc(self.last(self.second(values)).mean((2, 3)))


def test_straight_through_leaves_the_gradient_of_a_relu_in_between_that_works_in_place():
    torch.manual_seed(0)
    classifier, x = Classifier(Between()), images(2).requires_grad_()
    (gradient,) = torch.autograd.grad(classifier(x, straight_through=True).representation.sum(), x)
    network = classifier.network
    open_ = network.second(network.conv((x - classifier.mean) / classifier.std).relu()).mean((2, 3)).sum()
    assert torch.allclose(gradient, torch.autograd.grad(open_, x)[0], atol=1e-6)


def test_straight_through_changes_nothing_where_there_is_no_relu():
    network, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Flatten(), nn.Linear(144, 2)), images(2)
    found = [torch.autograd.grad(Classifier(network)(x.requires_grad_(), straight_through=s).representation.sum(), x)[0]
             for s in (False, True)]  # fmt: skip
    assert torch.equal(*found)


# Classes


def test_a_class_has_a_name_and_an_index():
    assert conv_classifier().labels(list(torch.tensor([1, 2]))).tolist() == [1, 2]
    classifier = Classifier(conv_network(3), class_names=["cat", "dog", "ship"])
    assert [classifier.label(name) for name in ("dog", 2, "0")] == [1, 2, 0]
    with pytest.raises(InputError, match="did you mean 'ship'"):
        classifier.label("shipp")
    for missing in (3, "3", "-1", "²"):
        with pytest.raises(InputError, match="unknown class"):
            classifier.label(missing)


def test_without_names_the_classes_are_numbers():
    assert Classifier(conv_network(3)).classes == 3
    assert Classifier(conv_network(3)).label("2") == 2


def test_straight_through_takes_the_last_relu_before_the_head():
    """SqueezeNet has one more ReLU after its last convolution, which the representation does not pass."""
    network = models.squeezenet1_0(num_classes=3)
    classifier, x = Classifier(network).eval(), torch.rand(1, 3, 64, 64, requires_grad=True)
    gradients = [
        torch.autograd.grad(classifier(x, straight_through=through).representation.sum(), x)[0]
        for through in (False, True)
    ]
    assert not torch.allclose(*gradients)


def test_weights_of_five_axes_stay_as_they_are():
    class Lifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.lift, self.head = nn.Conv2d(3, 4, 3), nn.Conv3d(4, 4, (1, 3, 3)), nn.Linear(4, 3)

        def forward(self, values):
            return self.head(self.lift(self.conv(values)[:, :, None]).mean((2, 3, 4)))

    classifier = Classifier(Lifted())
    assert classifier(torch.rand(2, 3, 8, 8)).logits.shape == (2, 3)
    assert classifier.network.conv.weight.is_contiguous(memory_format=torch.channels_last)
