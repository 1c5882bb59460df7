import copy

import pytest
import torch
from helpers import hooks_on, shake_norms
from torch import nn
from torchvision.models import alexnet, resnet18, squeezenet1_0, vgg16

from pellucid import Classifier, InputError, bundled, load
from pellucid.style.backbone import LAYERS, Backbone, default_layers
from pellucid.style.surgery import BlurredMaxPool
from pellucid.zoo.networks import build


def made(make, seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = shake_norms(make(**options))
    return Classifier(network.eval(), (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), card={"size": 64})


@pytest.fixture(scope="module")
def resnet():
    return made(resnet18, num_classes=5)


@pytest.fixture(scope="module")
def squeezenet():
    return made(squeezenet1_0, num_classes=5)


def picture(height=48, width=64, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["resnet", "squeezenet"])
def test_layers_and_their_gradients_are_the_classifiers(name, request):
    classifier = request.getfixturevalue(name)
    layers = default_layers(classifier)[0]
    backbone = Backbone(classifier, layers)
    image = picture()
    results = []
    for read in (lambda x: classifier(x, layers).layers, backbone):
        moved = image.clone().requires_grad_()
        found = read(moved)
        gradient = torch.autograd.grad(sum(found[layer].square().mean() for layer in layers), moved)[0]
        results.append(([found[layer] for layer in layers], gradient))
    (plain, plain_gradient), (ours, gradient) = results
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(plain, ours, strict=True))
    assert torch.allclose(plain_gradient, gradient, rtol=1e-2, atol=1e-4 * float(plain_gradient.abs().max()))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (40, 2), (1, 40)])
def test_a_picture_too_small_for_the_network_is_refused_with_a_size_that_is_not(squeezenet, height, width):
    backbone = Backbone(squeezenet, ["relu1", "fire8"])
    with pytest.raises(InputError, match=f"{width} x {height} pixels is too small") as refused:
        backbone(picture(height, width))
    enough = int(str(refused.value).split("one of ")[1].split(" x ")[0])
    assert backbone(picture(enough, enough))["fire8"].numel()


def test_nothing_behind_the_last_layer_runs(resnet):
    backbone = Backbone(resnet, ["layer1", "layer2"])
    ran = []
    for name in ("layer2", "layer3", "avgpool", "fc"):
        backbone.network.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: ran.append(name))
    backbone(picture())
    assert ran == ["layer2"]


def test_a_module_that_runs_several_times_gives_its_last_output(resnet):
    ours = Backbone(resnet, ["layer1.0.relu"])(picture())["layer1.0.relu"]
    assert torch.allclose(ours, resnet(picture(), ["layer1.0.relu"]).layers["layer1.0.relu"], atol=1e-4)


@pytest.mark.parametrize("layers", [["conv1"], ["layer1.0.conv1"], ["conv1", "layer1"], ["bn1"]], ids=str)
def test_a_convolution_that_is_read_is_not_folded(resnet, layers):
    """Its batch norm, which comes after the layer, must not change what is read."""
    ours, plain = Backbone(resnet, layers)(picture()), resnet(picture(), layers).layers
    assert all(torch.allclose(ours[layer], plain[layer], rtol=1e-3, atol=1e-4) for layer in layers)


def test_a_network_in_training_mode_is_read_in_eval_mode(resnet):
    training = Classifier(copy.deepcopy(resnet.network).train(), (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
    ours = Backbone(training, ["layer1"])(picture())["layer1"]
    assert torch.allclose(ours, Backbone(resnet, ["layer1"])(picture())["layer1"], atol=1e-4)
    assert training.network.training


def test_bfloat16_is_near_and_gives_float32(resnet):
    exact = Backbone(resnet, ["layer2"])(picture())["layer2"]
    rounded = Backbone(resnet, ["layer2"], precision="bfloat16")(picture())["layer2"]
    assert rounded.dtype == torch.float32
    assert 1e-4 < float((rounded - exact).norm() / exact.norm()) < 5e-2


def test_the_classifier_is_left_as_it_was(resnet):
    state = {name: tensor.clone() for name, tensor in resnet.network.state_dict().items()}
    Backbone(resnet, ["layer2"], pooling="average", padding="replicate", random_weights=3)(picture())
    assert all(torch.equal(tensor, state[name]) for name, tensor in resnet.network.state_dict().items())
    assert hooks_on(resnet.network) == 0
    assert isinstance(resnet.network.maxpool, nn.MaxPool2d)
    assert all(parameter.requires_grad for parameter in resnet.network.parameters())


def test_a_convolutions_own_output_is_taken_before_an_in_place_relu():
    features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))

    class VGG(nn.Module):  # its layers have the names of the real one
        def __init__(self):
            super().__init__()
            self.features, self.head = features, nn.Linear(8, 3)

        def forward(self, images):
            return self.head(self.features(images).mean((2, 3)))

    classifier = Classifier(VGG().eval(), card={"size": 32})
    found = Backbone(classifier, ["conv1_1", "relu1_1"])(picture())
    assert (found["conv1_1"] < 0).any()
    assert torch.equal(found["relu1_1"], found["conv1_1"].clamp_min(0))


def test_pooling_is_swapped(squeezenet):
    for pooling, kind in (("average", nn.AvgPool2d), ("blur", BlurredMaxPool)):
        backbone = Backbone(squeezenet, ["fire5"], pooling=pooling)
        assert type(backbone.network.features[2]) is kind
        assert not any(isinstance(module, nn.MaxPool2d) for module in backbone.network.modules())


def test_replicated_borders_leave_a_constant_picture_constant(resnet):
    flat = torch.full((1, 3, 64, 64), 0.3)
    own, replicated = (
        Backbone(resnet, ["layer2"], padding=padding)(flat)["layer2"] for padding in ("own", "replicate")
    )
    assert own.std((2, 3)).max() > 0.1
    assert replicated.std((2, 3)).max() < 1e-3


def test_random_weights_follow_from_the_seed(resnet):
    first, again, other = (Backbone(resnet, ["layer2"], random_weights=seed)(picture())["layer2"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first, Backbone(resnet, ["layer2"])(picture())["layer2"])


def test_smoothed_layers_are_a_softmax_over_all_of_a_layer(resnet):
    plain = Backbone(resnet, ["layer2"])(picture())["layer2"]
    smooth = Backbone(resnet, ["layer2"], smooth=True)(picture())["layer2"]
    weights = plain.double().exp()
    assert torch.allclose(smooth.double(), weights / weights.sum() * plain.numel(), rtol=1e-3)


def test_straight_through_changes_the_gradient_of_the_last_layer_alone(resnet):
    gradients = {}
    for layer in ("layer1", "layer2"):
        for straight in (False, True):
            image = picture().requires_grad_()
            found = Backbone(resnet, ["layer1", "layer2"], straight_through=straight)(image)
            gradients[layer, straight] = torch.autograd.grad(found[layer].sum(), image)[0]
    assert torch.allclose(gradients["layer1", False], gradients["layer1", True], atol=1e-4)
    assert not torch.allclose(gradients["layer2", False], gradients["layer2", True], atol=1e-4)


def test_a_normalization_of_ones_own(resnet):
    other = Backbone(resnet, ["layer1"], normalization=((0.1, 0.2, 0.3), (0.5, 0.5, 0.5)))(picture())["layer1"]
    classifier = Classifier(resnet.network, (0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
    assert torch.allclose(other, classifier(picture(), ["layer1"]).layers["layer1"], atol=1e-4)


@pytest.mark.parametrize(
    ("layers", "message"),
    [(["layer9"], "unknown layer 'layer9'; did you mean"), (["avgpool", "fc"], "has no positions")],
)
def test_layers_that_will_not_do_are_refused(resnet, layers, message):
    with pytest.raises(InputError, match=message):
        Backbone(resnet, layers)


def test_a_layer_that_is_not_reached_is_refused():
    class Detour(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Conv2d(3, 2, 3), nn.Conv2d(3, 2, 3)
            self.head = nn.Linear(2, 2)

        def forward(self, images):
            return self.head(self.used(images).mean((2, 3)))

    with pytest.raises(InputError, match="unused was not reached"):
        Backbone(Classifier(Detour(), card={"size": 16}), ["used", "unused"])


def test_known_networks_have_layers_by_default():
    for make in (vgg16, alexnet, squeezenet1_0, resnet18):
        with torch.device("meta"):
            network = make(num_classes=2)
        style, content = default_layers(Classifier(network, card={}))
        assert (style, content) == LAYERS[type(network).__name__]
    for name in bundled():
        classifier = load(name, "cpu")
        style, content = default_layers(classifier)
        assert Backbone(classifier, [*style, *content])(picture()).keys() == {*style, *content}


def test_a_shallow_network_of_a_known_kind_has_the_first_of_the_layers():
    with torch.device("meta"):
        deep, shallow = (Classifier(build(f"preact-{widths}", 2), card={}) for widths in ("4-6", "4"))
    assert default_layers(deep) == (("stem", "stage1", "stage2"), ("stage2",))
    with pytest.raises(InputError, match="name style layers and content layers"):
        default_layers(shallow)  # which has no stage2 to keep the content in


def test_an_unknown_network_has_to_say_its_layers(classifier):
    with pytest.raises(InputError, match="name style layers and content layers"):
        default_layers(classifier)
