import pytest
import torch
from helpers import shake_norms
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from pellucid import L2, Classifier, CrossEntropy, descend
from pellucid.base.fuse import fuse
from pellucid.base.twin import frozen_twin
from pellucid.zoo.networks import build


def resnet(block=BasicBlock):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ResNet(block, [1, 1, 1, 1], num_classes=4)
    return shake_norms(network).eval()


def norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


X = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def own(arch):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return shake_norms(build(arch, 4)).eval()


@pytest.mark.parametrize(
    ("network", "count", "left"),
    [
        (resnet(), 12, 0),
        (resnet(Bottleneck), 17, 0),
        (own("preact2-8-16"), 5, 3),  # the first norm of a block is of a sum, and so is the last of all
        (own("smooth-8-16"), 5, 3),
        (own("smooth4-8-16"), 7, 3),
    ],
    ids=["BasicBlock", "Bottleneck", "preact2", "smooth", "smooth4"],
)
def test_the_fused_twin_is_the_same_function(network, count, left):
    twin = frozen_twin(network)
    fuse(twin)
    assert (norms(network), norms(twin)) == (count, left)
    torch.testing.assert_close(twin(X), network(X), rtol=1e-4, atol=1e-4)
    gradients = []
    for net in (network, twin):
        x = X.clone().requires_grad_()
        gradients.append(torch.autograd.grad(net(x)[:, 1].sum(), x)[0])
    assert float((gradients[1] - gradients[0]).norm() / gradients[0].norm()) < 1e-3


def test_what_is_kept_hooked_or_of_another_type_stays():
    class Own(BasicBlock):
        def forward(self, x):
            return self.bn1(self.conv1(x)) + 0 * self.conv1(x)

    network = resnet()
    network.layer1[0].conv2.register_forward_hook(lambda module, args, output: 2 * output)
    network.layer2[0] = shake_norms(nn.Sequential(Own(64, 128, 2))).eval()[0]
    twin = frozen_twin(network)
    fuse(twin, kept=["layer4.0.downsample"])
    left = {path for path, module in twin.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert left == {"layer1.0.bn2", "layer2.0.bn1", "layer2.0.bn2", "layer4.0.downsample.1"}
    torch.testing.assert_close(twin(X), network(X), rtol=1e-4, atol=1e-4)


def test_a_layer_that_is_read_is_the_networks_own():
    network = resnet()
    read = Classifier(network)(X, ["layer1.0.conv1", "layer1.0.bn1"]).layers
    kept = {}
    for name in read:
        network.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: kept.update({name: output.clone()})
        )
    network(X)
    for name, values in read.items():
        torch.testing.assert_close(values, kept[name].detach(), rtol=1e-4, atol=1e-4)


def test_weights_that_changed_count_from_the_next_descent_on():
    classifier = Classifier(resnet())
    options = {"ball": L2(0.5), "steps": 2, "step_size": 0.3}
    first = descend(classifier, CrossEntropy(1), X, **options).loss
    with torch.no_grad():
        classifier.network.bn1.weight.mul_(0.5)
    assert not torch.allclose(descend(classifier, CrossEntropy(1), X, **options).loss, first)


class Encoder(nn.Module):
    """Calls the parts of a ResNet by itself, and reads its first convolution twice."""

    def __init__(self):
        super().__init__()
        self.body, self.head = resnet(), nn.Linear(64, 3)

    def forward(self, x):
        first = self.body.conv1(x)
        return self.head(self.body.layer1(self.body.bn1(first) + first).mean((2, 3)))


def test_what_others_read_is_not_fused():
    encoder, changed = Encoder().eval(), resnet()
    block = changed.layer1[0]
    block.forward = lambda x: block.bn1(block.conv1(x)) + block.conv1(x)
    for network in (encoder, changed):
        torch.testing.assert_close(Classifier(network)(X).logits, network(X), rtol=1e-4, atol=1e-4)
