import pytest
import torch
from helpers import TwoReaders, conv_classifier, conv_network, forward_batches, images, read_only, shake_norms
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from pellucid import L2, Activation, Classifier, CrossEntropy, descend, folding
from pellucid.folding import Folding
from pellucid.frozen import frozen
from pellucid.zoo.networks import build


def logits_of(classifier, x, passes=2, layers=frozenset(), clone=True):
    """The activations of the last of several passes."""
    with frozen(classifier), classifier.reading(layers) as read:
        run = Folding(classifier.network, read)
        for _ in range(passes):
            activations = run(x.clone().requires_grad_() if clone else x)
    return activations


def folded_norms(classifier, layers=frozenset()):
    """The names of the batch norms that do nothing from the second pass on."""
    with frozen(classifier), classifier.reading(layers) as read:
        run = Folding(classifier.network, read)
        run(images(1))
        means = [pair.norm.tensors[0] for pair in (run.pairs or {}).values()]
    return [name.removesuffix(".running_mean") for name, buffer in classifier.network.named_buffers()
            if any(buffer is mean for mean in means)]  # fmt: skip


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


@pytest.mark.parametrize(("side", "count"), [(90, 1), (32, 6)], ids=["few values", "more in the batch"])
def test_a_small_network_is_left_alone_whatever_the_batch(monkeypatch, side, count):
    monkeypatch.setattr(folding, "WORTHWHILE", 6 * 100**2)
    classifier = conv_classifier()
    for size, expected in ((side, False), (110, True)):
        with frozen(classifier), classifier.reading() as read:
            run = Folding(classifier.network, read)
            run(images(count, size=size))
            assert bool(run.pairs) is expected


def test_a_convolution_without_bias_gets_one_only_within():
    network = shake_norms(build("preact-4-8", 3))
    logits_of(Classifier(network), images(1))
    assert network.stage1[0].conv1.bias is None


class ReadDetached(TwoReaders):
    """A gate that reads the convolution's output, and hands back no gradient."""

    def forward(self, values):
        values = self.conv(values)
        return self.head((self.norm(values) * values.detach().abs().mean((1, 2, 3), keepdim=True)).mean((2, 3)))


class Magnitude(torch.autograd.Function):
    """An operation of somebody's own."""

    @staticmethod
    def forward(context, values):
        context.save_for_backward(values)
        return values.abs()

    @staticmethod
    def backward(context, gradient):
        return gradient * context.saved_tensors[0].sign()


class OwnOperation(TwoReaders):
    def forward(self, values):
        values = self.conv(values)
        return self.head((self.norm(values) + Magnitude.apply(values)).mean((2, 3)))


class InputChanges(TwoReaders):
    """What the convolution reads is changed before the norm reads what it makes."""

    def forward(self, values):
        values = values * 1
        made = self.conv(values)
        values.mul_(2)
        return self.head(self.norm(made).mean((2, 3)))


class InPlace(TwoReaders):
    """The norm is given the very tensor that the convolution made, with other values."""

    def forward(self, values):
        values = self.conv(values)
        values *= 2
        return self.head(self.norm(values).mean((2, 3)))


class WeightReadTwice(TwoReaders):
    """A convolution whose weight is used for something else too."""

    def forward(self, values):
        values = self.norm(self.conv(values)).relu()
        values = torch.nn.functional.conv_transpose2d(values, self.conv.weight)
        return self.head(torch.nn.functional.conv2d(values, self.conv.weight).mean((2, 3)))


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
        ReadDetached,
        OwnOperation,
        InPlace,
        lambda: sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True))),
        lambda: sequential(nn.Sequential(nn.Conv2d(3, 4, 3), torch.jit.script(nn.ReLU()))),
        lambda: sequential(Standardized(3, 4, 3)),
        lambda: sequential(weight_norm(nn.Conv2d(3, 4, 3))),
    ],
    ids=[
        "two readers",
        "detached",
        "operation of one's own",
        "in place",
        "ReLU in place",
        "scripted ReLU",
        "own forward",
        "weight norm",
    ],
)
def test_what_cannot_be_folded_is_left_alone(build):
    torch.manual_seed(0)
    classifier = Classifier(shake_norms(build()).eval())
    assert folded_norms(classifier) == []
    for passes in (1, 2):
        x, y = images(2).requires_grad_(), images(2).requires_grad_()
        ours, plain = logits_of(classifier, x, passes, clone=False).logits, classifier(y).logits
        assert torch.allclose(ours, plain, atol=1e-5)
        gradients = (torch.autograd.grad(logits[:, 0].sum(), start)[0] for logits, start in ((ours, x), (plain, y)))
        assert torch.allclose(*gradients, atol=1e-5)


def test_a_convolution_whose_input_changes_afterwards_has_read_what_it_was():
    classifier, x = Classifier(shake_norms(InputChanges()).eval()), images(2)
    with torch.no_grad(), frozen(classifier), classifier.reading() as read:
        run = Folding(classifier.network, read)
        assert torch.allclose(run(x).logits, read(x).logits, atol=1e-5)


@pytest.mark.parametrize("build", [Twice, WeightReadTwice])
def test_what_else_reads_a_weight_or_a_norm_reads_its_own_values(build):
    torch.manual_seed(0)
    classifier = Classifier(shake_norms(build()).eval())
    assert folded_norms(classifier) == ["norm"]
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
    with torch.no_grad():
        assert folded_norms(conv_classifier()) == ["1"]


def test_the_first_descent_equals_every_later_one_bit_for_bit():
    classifier, x = conv_classifier(), images(64)
    first, second = (descend(classifier, CrossEntropy(0), x, ball=L2(1.0), steps=9) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.history, second.history)


def add_half(module, args, output):
    return output + 0.5


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


@pytest.mark.parametrize("early", [True, False], ids=["before the first descent", "after it"])
def test_an_identity_between_convolution_and_norm_keeps_its_values(early):
    torch.manual_seed(0)
    network = sequential(nn.Conv2d(3, 4, 3))
    network.insert(1, nn.Identity())
    classifier, x = Classifier(shake_norms(network).eval()), images(2)
    expected = classifier(x, ["1"])["1"]
    if not early:
        logits_of(classifier, x)
    assert torch.allclose(logits_of(classifier, x, layers=frozenset({"1"}))["1"], expected, atol=1e-5)
    seen = []
    network[1].register_forward_hook(lambda module, args, output: seen.append(output.detach().clone()))
    logits_of(classifier, x)
    assert all(torch.allclose(values, expected, atol=1e-5) for values in seen)


def test_a_hook_on_all_modules_sees_what_it_would_see_anyway():
    classifier, x = conv_classifier().eval(), images(2)
    logits_of(classifier, x)
    seen = []
    hook = nn.modules.module.register_module_forward_hook(lambda m, args, output: seen.append(output))
    try:
        logits_of(classifier, x, passes=1)
        expected, seen[:] = list(seen), []
        logits_of(classifier, x)
    finally:
        hook.remove()
    for output, other in zip(seen[len(expected) :], expected, strict=True):
        if isinstance(output, torch.Tensor):
            assert torch.allclose(output, other, atol=1e-5)


def test_within_a_callback_the_network_is_as_it_always_is():
    classifier, seen = conv_classifier(), []

    def look(progress):
        seen.append(any("forward" in vars(module) for module in classifier.modules()))
        seen.append(classifier.network[0].weight is own)

    own = classifier.network[0].weight
    descend(classifier, CrossEntropy(0), images(2), ball=L2(1.0), steps=3, callback=look)
    assert seen == [False, True] * 3
