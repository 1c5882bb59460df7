"""Passes that go another way than the first, parts that are made again, and what others see meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from helpers import TwoReaders, conv_classifier, conv_network, images, read_only, shake_norms
from torch import nn

from pellucid import L2, Classifier, CrossEntropy, descend
from pellucid.core.folding import Folding
from pellucid.core.frozen import frozen


class Branching(TwoReaders):
    """What follows the convolution depends on the images."""

    def forward(self, values):
        bright = bool(values.mean() > 0.5)
        values = self.conv(values)
        return self.head((values if bright else self.norm(values)).mean((2, 3)))


class BranchingBetween(TwoReaders):
    """Something comes between convolution and norm if the images are bright."""

    def forward(self, values):
        bright = bool(values.mean() > 0.5)
        values = self.conv(values)
        return self.head(self.norm(values.relu() if bright else values).mean((2, 3)))


@pytest.mark.parametrize("kind", [Branching, BranchingBetween])
def test_a_pass_that_goes_another_way_is_made_without_folding(kind):
    classifier = Classifier(shake_norms(kind()).eval())
    dark, bright = torch.full((1, 3, 8, 8), 0.2), torch.full((1, 3, 8, 8), 0.9)
    with frozen(classifier), classifier.reading() as read:
        run = Folding(classifier.network, read)
        run(dark)
        assert run.pairs
        for x in (dark, bright, dark):
            assert torch.allclose(run(x).logits, classifier(x).logits, atol=1e-5)


class Checkpointed(nn.Module):
    """Parts of the forward are made again in the backward."""

    def __init__(self):
        super().__init__()
        self.network = conv_network()

    def forward(self, values):
        return torch.utils.checkpoint.checkpoint(self.network, values, use_reentrant=False)


def test_what_a_backward_makes_again_is_folded_as_it_was():
    found = [
        descend(Classifier(network), CrossEntropy(0), images(2), ball=L2(1.0), steps=4).images
        for network in (conv_network(), Checkpointed())
    ]
    assert torch.allclose(*found, atol=1e-5)


class CheckpointedPart(Checkpointed):
    """Only the norm and what follows it is made again."""

    def forward(self, values):
        rest = self.network[1:]
        return torch.utils.checkpoint.checkpoint(rest, self.network[0](values), use_reentrant=False)


def test_what_is_made_again_in_parts_is_not_folded():
    found = [
        descend(Classifier(network), CrossEntropy(0), images(2), ball=L2(1.0), steps=4).images
        for network in (conv_network(), CheckpointedPart())
    ]
    assert torch.allclose(*found, atol=1e-5)


def test_a_gradient_that_is_taken_later_is_that_of_the_pass():
    classifier = Classifier(Checkpointed())
    gradients = []
    with frozen(classifier), classifier.reading() as read:
        for run in (read, Folding(classifier.network, read)):
            for _ in range(3):
                x = images(2).requires_grad_()
                gradients.append(torch.autograd.grad(run(x).logits[:, 0].sum(), x)[0])
    assert all(torch.allclose(gradient, gradients[0], atol=1e-5) for gradient in gradients)


class ReadLater(TwoReaders):
    """From the second pass on, something else than the norm reads the convolution's output too."""

    passes = 0

    def forward(self, values):
        self.passes += 1
        values = self.conv(values)
        normed = self.norm(values)
        return self.head((self.read(normed, values) if self.passes > 1 else normed).mean((2, 3)))

    def read(self, normed, values):
        return normed + values


class ReadInAList(ReadLater):
    def read(self, normed, values):
        return torch.stack([normed, values]).sum(0)


class ReadInPlace(ReadLater):
    def read(self, normed, values):
        return values.add_(1)


class TrainLater(ReadLater):
    """From the second pass on, the norm takes the batch's statistics."""

    def forward(self, values):
        self.passes += 1
        self.norm.train(self.passes > 1)
        return self.head(self.norm(self.conv(values)).mean((2, 3)))


@pytest.mark.parametrize("kind", [ReadLater, ReadInAList, ReadInPlace, TrainLater])
def test_what_only_later_passes_read_is_the_convolutions_own_output(kind):
    torch.manual_seed(0)
    classifier, x = Classifier(shake_norms(kind()).eval()), images(4)
    with frozen(classifier), classifier.reading() as read:
        run = Folding(classifier.network, read)
        run(x)
        assert run.pairs
        assert torch.allclose(run(x).logits, read(x).logits, atol=1e-5)


def test_an_output_that_is_kept_has_its_own_values():
    class Keeping(TwoReaders):
        def forward(self, values):
            self.kept = self.conv(values)
            return self.head(self.norm(self.kept).mean((2, 3)))

    classifier = Classifier(shake_norms(Keeping()).eval())
    with frozen(classifier), classifier.reading() as read:
        run = Folding(classifier.network, read)
        for _ in range(3):
            run(images(2))
    expected = classifier.network.conv((images(2) - classifier.mean) / classifier.std)
    assert torch.allclose(classifier.network.kept, expected, atol=1e-5)


def test_weights_that_a_callback_changes_count_at_once():
    found = []
    for observed in (False, True):
        classifier = conv_classifier().eval()
        if observed:  # nothing is folded then
            classifier.network[0].register_forward_hook(read_only)

        def change(progress, network=classifier.network):
            with torch.no_grad():
                network[0].weight.mul_(-1.5)

        found.append(descend(classifier, CrossEntropy(0), images(2), ball=L2(1.0), steps=4, callback=change))
    assert torch.allclose(found[0].history, found[1].history, atol=1e-4)


def test_other_threads_see_nothing_of_it():
    classifier, x, done, wrong = conv_classifier().eval(), images(2), threading.Event(), []
    weight, logits = classifier.network[0].weight.detach().clone(), classifier.network(x).detach()

    def look():
        while not done.is_set():
            same = torch.equal(classifier.network.state_dict()["0.weight"], weight)
            wrong.extend([] if same and torch.allclose(classifier.network(x), logits, atol=1e-5) else [True])

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        descend(classifier, CrossEntropy(0), images(8), ball=L2(1.0), steps=300)
    finally:
        done.set()
        watcher.join()
    assert not wrong


def test_networks_that_share_a_backbone_may_descend_at_once():
    backbone = conv_network()[:-1].eval()
    classifiers = [Classifier(nn.Sequential(backbone, nn.Linear(backbone(images(1)).shape[1], 3))) for _ in range(2)]

    def found(classifier):
        return descend(classifier, CrossEntropy(0), images(8), ball=L2(1.0), steps=60).images

    expected = [found(classifier) for classifier in classifiers]
    with ThreadPoolExecutor() as pool:
        together = list(pool.map(found, classifiers))
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(together, expected, strict=True))
