"""On odd networks a descent makes the same images as ten plain lines with `torch.autograd.grad`."""

import pytest
import torch
import torch.nn.functional as F
from helpers import images
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from pellucid import (
    L2,
    Activation,
    Classifier,
    CrossEntropy,
    Distance,
    Inside,
    Linf,
    Unbounded,
    VisualizeRecipe,
    descend,
    visualize,
)

SIDE = 8


class Round(torch.autograd.Function):
    """Quantized activations with a straight-through gradient."""

    @staticmethod
    def forward(ctx, values, step):
        return (values / step).round() * step

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class Odd(nn.Module):
    """Two convolutions, norms and a linear layer, which the cases below use in odd ways."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(6), nn.ReLU()
        self.fc = nn.Linear(6, 4)

    def end(self, values):
        return self.fc(values.mean((2, 3)))


class Quantized(Odd):
    def forward(self, x):
        h = self.a(x)
        return self.end(self.b(Round.apply(h, h.detach().abs().amax() / 7)))


class Checkpointed(Odd):
    def forward(self, x):
        return self.end(checkpoint(lambda h: self.act(self.norm(self.b(h))), self.a(x), use_reentrant=False))


class InPlace(Odd):
    def forward(self, x):
        return self.end(F.relu_(self.norm(self.b(F.relu_(self.norm(self.a(x)))))))


class Shared(Odd):
    def forward(self, x):
        h = self.act(self.norm(self.a(x)))
        return self.end(self.act(self.b(self.act(self.b(h)))))


class OnValues(Odd):
    def forward(self, x):
        h = self.a(x)
        return self.end(self.norm(h) if h.detach().mean() > 0 else self.act(self.b(h)))


class InTrainMode(Odd):
    def forward(self, x):
        return self.end(self.act(self.norm(self.a(x))))


class Parametrized(Odd):
    def __init__(self):
        super().__init__()
        weight_norm(self.a)

    def forward(self, x):
        return self.end(self.act(self.norm(self.a(x))))


class OldWeightNorm(Odd):
    def __init__(self):
        super().__init__()
        with pytest.warns(FutureWarning):
            nn.utils.weight_norm(self.b)

    def forward(self, x):
        return self.end(self.act(self.b(self.a(x))))


class Hooked(Odd):
    """A hook of the user's doubles what the norm makes; another adds to what the head reads."""

    def __init__(self):
        super().__init__()
        self.norm.register_forward_hook(lambda module, args, output: 2 * output)
        self.fc.register_forward_pre_hook(lambda module, args: (args[0] + args[0].square(),))

    def forward(self, x):
        return self.end(self.norm(self.a(x)))


class TiedWeights(Odd):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(6, 6, 3, padding=1)
        self.c.weight = self.b.weight

    def forward(self, x):
        return self.end(self.act(self.c(self.act(self.b(self.a(x))))))


NETWORKS = [
    Quantized,
    Checkpointed,
    InPlace,
    Shared,
    OnValues,
    InTrainMode,
    Parametrized,
    OldWeightNorm,
    Hooked,
    TiedWeights,
]
MASK = (torch.arange(SIDE) < 5).float().expand(1, 1, SIDE, SIDE)
BALLS = {"l2": L2(0.05), "linf": Linf(0.04), "unbounded": Unbounded(), "inside": Inside(L2(0.05), MASK)}
LABEL = torch.tensor([0, 1, 3])


def network_of(kind):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = kind()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                nn.init.normal_(module.weight, 1, 0.3)
                nn.init.normal_(module.bias)
    return network.train()


def plainly(network, loss, start, ball, steps, step_size):
    """Projected gradient descent in plain lines, on the network itself."""
    network.eval()
    x = ball.project(start, start)
    for _ in range(steps):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(network, x).sum(), x)
        x = ball.project(x.detach() + ball.step(gradient, step_size), start)
    return x.detach()


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("ball", BALLS)
@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind.__name__)
def test_a_descent_follows_the_networks_own_gradient(kind, ball, steps):
    start = images(3, size=SIDE)
    network = network_of(kind)
    modes = [module.training for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    found = descend(
        Classifier(network), CrossEntropy(LABEL), start, ball=BALLS[ball], steps=steps, step_size=0.05, batch_size=2
    )
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    for batch in (slice(0, 2), slice(2, 3)):  # what depends on the whole batch depends on this one
        label = LABEL[batch]
        expected = plainly(
            network, lambda n, x, y=label: F.cross_entropy(n(x), y), start[batch], BALLS[ball], steps, 0.05
        )
        torch.testing.assert_close(found.images[batch], expected, atol=1e-5, rtol=1e-5)
    assert float((found.images - start).abs().max()) > 1e-3


def after(network, layer):
    """The output of a layer, by a hook of its own."""
    kept = []
    hook = network.get_submodule(layer).register_forward_hook(lambda module, args, output: kept.append(output.clone()))
    return kept, hook


@pytest.mark.parametrize("kind", [Shared, Quantized, Checkpointed, Hooked], ids=lambda kind: kind.__name__)
def test_a_layer_alone_and_in_company_gives_the_networks_own_gradient(kind):
    start, target = images(2, size=SIDE), torch.rand(1, 6, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    network = network_of(kind)

    def loss(network, x):
        kept, hook = after(network, "a")
        network(x)
        hook.remove()
        offset = (kept[-1] - target).flatten(1).norm(dim=1)
        return offset / target.norm()

    classifier = Classifier(network)
    objective = Distance(target, "a")
    other = Activation(1, layer="norm" if kind is Hooked else "b")
    company = objective + 0 * other + 0 * Distance(torch.ones(1, 6), "representation")
    expected = plainly(network, loss, start, L2(0.2), 4, 0.05)
    for asked in (objective, company):
        found = descend(classifier, asked, start, ball=L2(0.2), steps=4, step_size=0.05).images
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


class Twice(Odd):
    """One convolution called twice: relu(b(relu(b(a(x)))))."""

    def forward(self, x):
        return self.end(self.act(self.b(self.act(self.b(self.a(x))))))


def test_straight_through_opens_the_last_relu_and_no_other():
    network, start = network_of(Twice), images(2, size=SIDE)

    def loss(network, x):
        h = network.b(F.relu(network.b(network.a(x))))
        return -(h + (F.relu(h) - h).detach()).mean((2, 3))[:, 1]

    expected = plainly(network, loss, start, L2(0.4), 4, 0.1)
    objective = -Activation(1, straight_through=True)
    found = descend(Classifier(network), objective, start, ball=L2(0.4), steps=4, step_size=0.1).images
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_layer_that_runs_twice_is_its_last_output_also_when_straight_through():
    network, start = network_of(Twice), images(2, size=SIDE)
    expected = plainly(network, lambda n, x: n.b(F.relu(n.b(n.a(x)))).mean((2, 3))[:, 1], start, L2(0.4), 4, 0.1)
    objective = Activation(1, layer="b", straight_through=True)
    found = descend(Classifier(network), objective, start, ball=L2(0.4), steps=4, step_size=0.1).images
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


class Joined(nn.Module):
    """Two ReLUs whose outputs are joined before the head, as in SqueezeNet, and one before them."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.first, self.left, self.right = nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU(inplace=True)
        self.head = nn.Conv2d(8, 5, 1)

    def forward(self, x):
        h = self.first(self.a(x))
        return self.head(torch.cat([self.left(self.b(h)), self.right(self.c(h))], 1)).mean((2, 3))


def test_straight_through_opens_all_relus_that_are_joined():
    network, start = network_of(Joined), images(2, size=SIDE)

    def loss(network, x):
        h = F.relu(network.a(x))
        return -(torch.cat([network.b(h), network.c(h)], 1)).mean((2, 3))[:, [1, 6]].sum(1)

    objective = -Activation(1, straight_through=True) - Activation(6, straight_through=True)
    found = descend(Classifier(network), objective, start, ball=L2(0.4), steps=4, step_size=0.1).images
    torch.testing.assert_close(found, plainly(network, loss, start, L2(0.4), 4, 0.1), atol=1e-5, rtol=1e-5)


def test_units_visualized_together_are_those_visualized_alone():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
                            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))  # fmt: skip
    classifier, start = Classifier(network, card={"size": 16}), torch.rand(1, 3, 16, 16)
    recipe = VisualizeRecipe(steps=1, eps=0.5, step_size=0.5)
    alone = visualize(classifier, ["2:1"], recipe, start=start).images[0]
    beside = visualize(classifier, ["0:1", "2:1"], recipe, start=start).images[1]
    torch.testing.assert_close(beside, alone)
    assert float((alone - start[0]).norm()) == pytest.approx(0.5, abs=0.02)


def test_a_network_that_cannot_be_copied_is_refused_in_one_line():
    class Locked(nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("no copies")

    with pytest.raises(ValueError, match="cannot be copied") as caught:
        Classifier(nn.Sequential(nn.Flatten(), Locked(12, 3)))(torch.rand(1, 3, 2, 2))
    assert "\n" not in str(caught.value)
