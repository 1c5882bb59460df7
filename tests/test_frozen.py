import pytest
import torch
from helpers import conv_classifier, conv_network, forward_batches, images, shake_norms
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from pellucid import L2, Activation, Classifier, CrossEntropy, descend
from pellucid.frozen import fast, find_foldable, frozen
from pellucid.zoo.networks import build


def logits_of(classifier, x, passes=2, layers=frozenset()):
    """The activations of the last of several passes."""
    with frozen(classifier), classifier.reading(layers) as read, fast(classifier, read, layers) as run:
        for _ in range(passes):
            activations = run(x.clone().requires_grad_())
    return activations


def folded_norms(classifier, layers=frozenset()):
    """The names of the batch norms that do nothing during the second pass."""
    with frozen(classifier), classifier.reading(layers) as read, fast(classifier, read, layers) as run:
        for _ in range(2):
            run(images(1).requires_grad_())
        return [name for name, module in classifier.network.named_modules() if "forward" in module.__dict__]


# Modes and flags


def mixed_network():
    """Some modules in eval mode, some parameters frozen."""
    network = conv_network().train()
    network[1].eval()
    network[0].weight.requires_grad_(False)
    return network


def state(network):
    modes = {name: module.training for name, module in network.named_modules()}
    return modes, {name: parameter.requires_grad for name, parameter in network.named_parameters()}


def test_everything_is_frozen_within():
    network = mixed_network()
    with frozen(network):
        modes, flags = state(network)
        assert not any([*modes.values(), *flags.values()])


def test_each_mode_and_each_flag_comes_back():
    network = mixed_network()
    before = state(network)
    with frozen(network):
        pass
    assert state(network) == before


def test_each_mode_and_each_flag_comes_back_after_an_exception():
    network = mixed_network()
    before = state(network)
    with pytest.raises(KeyboardInterrupt), frozen(network):
        raise KeyboardInterrupt
    assert state(network) == before


# Folding


TIMM = (
    "timm:test_resnet",
    "timm:test_efficientnet",
    "timm:test_byobnet",
)  # the last two: norms with activations


@pytest.mark.parametrize("arch", ["preact-8-16", "cifar-resnet18", *TIMM])
def test_folding_does_not_change_the_logits(arch):
    torch.manual_seed(0)
    classifier = Classifier(shake_norms(build(arch, 5)).eval(), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    x = images(2, size=32)
    expected = classifier(x).logits.detach()
    assert torch.allclose(logits_of(classifier, x).logits, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def test_norms_after_a_convolution_are_folded_and_others_are_not():
    classifier = Classifier(shake_norms(build("preact-4-8", 3)))
    assert folded_norms(classifier) == [
        "stage1.0.norm2",
        "stage2.0.norm2",
    ]  # norm1 and norm read a stem or a sum


def test_a_convolution_without_bias_gets_one_only_within():
    network = shake_norms(build("preact-4-8", 3))
    logits_of(Classifier(network), images(1))
    assert network.stage1[0].conv1.bias is None


class TwoReaders(nn.Module):
    """A convolution whose output goes through a batch norm and around it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, values):
        values = self.conv(values)
        return self.head((self.norm(values) + values).mean((2, 3)))


class Twice(TwoReaders):
    """A batch norm that is used for two convolutions."""

    def __init__(self):
        super().__init__()
        self.other = nn.Conv2d(4, 4, 3)

    def forward(self, values):
        return self.head(self.norm(self.other(self.norm(self.conv(values)))).mean((2, 3)))


class Standardized(nn.Conv2d):
    """A convolution that computes its weight anew each time, as timm has them."""

    def forward(self, values):
        return self._conv_forward(values, self.weight / self.weight.norm() + 0.1, self.bias)


def sequential(convolution):
    return nn.Sequential(convolution, nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@pytest.mark.parametrize(
    "build",
    [
        TwoReaders,
        Twice,
        lambda: sequential(Standardized(3, 4, 3)),
        lambda: sequential(weight_norm(nn.Conv2d(3, 4, 3))),
    ],
    ids=["two readers", "norm used twice", "own forward", "weight norm"],
)
def test_what_cannot_be_folded_is_left_alone(build):
    torch.manual_seed(0)
    classifier = Classifier(shake_norms(build()).eval())
    assert folded_norms(classifier) == []
    assert torch.allclose(logits_of(classifier, images(2)).logits, classifier(images(2)).logits, atol=1e-5)


@pytest.mark.parametrize("first_pass_asks", [True, False])
def test_a_layer_asked_for_keeps_its_own_values(first_pass_asks):
    classifier, x = conv_classifier().eval(), images(2)
    if not first_pass_asks:
        logits_of(classifier, x)
    expected = classifier(x, layers=["0", "1"])
    activations = logits_of(classifier, x, layers=frozenset({"0", "1"}))
    for layer in ("0", "1", "logits"):
        assert torch.allclose(activations[layer], expected[layer], atol=1e-4), layer


def test_a_block_asked_for_that_ends_in_a_convolution_keeps_its_own_values():
    network = conv_network()
    network[0] = nn.Sequential(network[0])
    classifier, x = Classifier(network.eval()), images(2)
    logits_of(classifier, x)
    expected = classifier(x, layers=["0"])["0"]
    assert torch.allclose(logits_of(classifier, x, layers=frozenset({"0"}))["0"], expected, atol=1e-5)


def test_the_weights_are_the_same_objects_with_the_same_values_afterwards():
    classifier = conv_classifier()
    before = dict(classifier.network.named_parameters())
    values = {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}
    logits_of(classifier, images(2))
    after = dict(classifier.network.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert all(torch.equal(tensor, values[name]) for name, tensor in classifier.network.state_dict().items())
    assert not any("forward" in module.__dict__ for module in classifier.modules())


def test_the_weights_come_back_after_an_exception():
    classifier = conv_classifier()
    before = dict(classifier.network.named_parameters())

    def interrupt(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        descend(classifier, CrossEntropy(0), images(2), ball=L2(1.0), steps=5, callback=interrupt)
    assert all(parameter is before[name] for name, parameter in classifier.network.named_parameters())
    assert not any("forward" in module.__dict__ for module in classifier.modules())
    assert all(module.training for module in classifier.network.modules())


def change_weight(network):
    with torch.no_grad():
        network[0].weight.mul_(2)


def change_data(network):
    network[0].weight.data.mul_(2)  # which raises no version


def change_norm(network):
    with torch.no_grad():
        network[1].weight.mul_(2)


def change_statistics(network):
    network[1].train()(torch.randn(8, 6, 4, 4) * 5)
    network.eval()


def take_a_step(network):
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    network(images(2)).square().sum().backward()
    optimizer.step()


def load_other_weights(network):
    network.load_state_dict(conv_network(seed=5).state_dict())


def replace_the_norm(network):
    network[1] = shake_norms(nn.Sequential(nn.BatchNorm2d(6)), seed=3)[0].eval()


@pytest.mark.parametrize(
    "change",
    [change_weight, change_data, change_norm, change_statistics, take_a_step, load_other_weights, replace_the_norm],
    ids=lambda change: change.__name__,
)
def test_a_changed_network_is_folded_anew(change):
    classifier, x = conv_classifier().eval(), images(2)
    before = logits_of(classifier, x).logits
    change(classifier.network)
    expected = classifier(x).logits
    assert not torch.allclose(before, expected, atol=1e-2)
    assert torch.allclose(logits_of(classifier, x).logits, expected, atol=1e-3)


def test_finding_what_to_fold_takes_no_extra_pass():
    classifier = conv_classifier()
    with forward_batches(classifier.network) as sizes:
        descend(classifier, -Activation(unit=0), images(2), ball=L2(1.0), steps=3)
    assert sizes == [2, 2, 2]


def test_a_pass_without_gradients_hides_nothing_that_could_be_folded():
    classifier = conv_classifier()
    with torch.no_grad(), frozen(classifier), classifier.reading() as read, fast(classifier, read, frozenset()) as run:
        run(images(2))
    assert folded_norms(classifier) == ["1"]


def test_what_can_be_folded_may_be_looked_for_beforehand():
    """Then the first descent equals the second bit for bit, and a classifier that was loaded has been looked at."""
    classifier, x = conv_classifier(), images(64)
    find_foldable(classifier, 8)
    first, second = (descend(classifier, CrossEntropy(0), x, ball=L2(1.0), steps=9) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.history, second.history)


def add_half(module, args, output):
    return output + 0.5


def read_only(module, args, output):
    module.seen = output.detach().clone()


@pytest.mark.parametrize("early", [True, False], ids=["before the first descent", "after it"])
@pytest.mark.parametrize("place", ["convolution", "norm", "norm's input"])
def test_a_users_hook_changes_what_it_would_change_anyway(place, early):
    classifier, x = conv_classifier().eval(), images(2)
    convolution, norm = classifier.network[:2]

    def hook():
        if place == "norm's input":
            norm.register_forward_pre_hook(lambda module, args: (args[0] + 0.5,))
        else:
            (norm if place == "norm" else convolution).register_forward_hook(add_half)

    if early:
        hook()
    before = logits_of(classifier, x).logits
    if not early:
        hook()
    expected = classifier(x).logits
    assert torch.allclose(logits_of(classifier, x).logits, expected, atol=1e-4)
    assert early or not torch.allclose(before, expected, atol=1e-2)


def test_a_users_hook_sees_the_convolutions_own_output():
    classifier, x = conv_classifier().eval(), images(2)
    logits_of(classifier, x)
    convolution = classifier.network[0]
    convolution.register_forward_hook(read_only)
    logits_of(classifier, x)
    folded = convolution.seen
    classifier(x)
    assert torch.allclose(folded, convolution.seen, atol=1e-5)
