import os
import signal
import threading

import pytest
import torch
from helpers import conv_classifier, conv_network, images
from torch import nn

from pellucid import L2, Classifier, CrossEntropy, descend
from pellucid.core.frozen import alone, frozen


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


def test_one_within_another_restores_nothing_too_early():
    network = mixed_network()
    before = state(network)
    with frozen(network):
        with frozen(network[0]):
            pass
        modes, flags = state(network)
        assert not any([*modes.values(), *flags.values()])
    assert state(network) == before


def test_two_that_overlap_restore_when_the_last_ends():
    """As in two threads: the second begins before, and ends after, the first one ends."""
    network = mixed_network()
    before = state(network)
    first, second = frozen(network), frozen(network)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    modes, flags = state(network)
    assert not any([*modes.values(), *flags.values()])
    second.__exit__(None, None, None)
    assert state(network) == before


# Several at once


def attack(classifier, x, **more):
    return descend(classifier, CrossEntropy(0), x, ball=L2(1.0), steps=6, **more).images


def test_threads_that_share_a_classifier_get_what_each_would_alone():
    classifier = conv_classifier().eval()
    pictures = [images(2, seed=seed) for seed in range(4)]
    expected = [attack(classifier, x) for x in pictures]
    before = state(classifier.network)
    weights = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    found = {}

    def work(number):
        for _ in range(5):
            found[number] = attack(classifier, pictures[number])
            classifier(pictures[number], ["0"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert torch.allclose(found[number], expected[number], atol=1e-5)
    assert state(classifier.network) == before
    assert all(torch.equal(tensor, weights[name]) for name, tensor in classifier.state_dict().items())


def test_threads_that_read_a_classifier_read_their_own_images():
    classifier = conv_classifier().eval()
    pictures = [images(1, seed=seed) for seed in range(3)]
    expected = [classifier(x, ["0"])["0"].detach() for x in pictures]
    wrong = []

    def work(number):
        for _ in range(100):
            values = classifier(pictures[number], ["0"])["0"]
            wrong.extend([number] * (not torch.allclose(values, expected[number], atol=1e-5)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_reading_waits_while_another_thread_changes_the_network():
    classifier, read = conv_classifier().eval(), []
    thread = threading.Thread(target=lambda: read.append(classifier.logits(images(1))))
    with alone(classifier.network):
        thread.start()
        thread.join(0.2)
        assert not read
    thread.join(10)
    assert read


class Beside(nn.Module):
    """Another thread runs the head at the end of a pass."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, values):
        logits = self.head(values.mean((2, 3)))
        thread = threading.Thread(target=self.head, args=(torch.zeros(1, 3),))
        thread.start()
        thread.join()
        return logits


def test_a_representation_is_that_of_the_own_pass():
    x = images(2)
    assert torch.allclose(Classifier(Beside().eval())(x).representation, x.mean((2, 3)))


def test_a_callback_may_descend_read_and_copy():
    classifier, x = conv_classifier().eval(), images(2)
    expected, outer = attack(classifier, images(2, seed=1)), attack(classifier, x)
    inner, copies = [], []

    def callback(progress):
        inner.append(attack(classifier, images(2, seed=1)))
        inner.append(classifier.logits(x).detach())
        copies.append({name: tensor.clone() for name, tensor in classifier.state_dict().items()})

    assert torch.allclose(attack(classifier, x, callback=callback), outer, atol=1e-6)
    logits = classifier.logits(x).detach()
    for images_, read in zip(inner[::2], inner[1::2], strict=True):
        assert torch.allclose(images_, expected, atol=1e-6)
        assert torch.allclose(read, logits, atol=1e-6)
    for copied in copies:
        assert all(torch.equal(tensor, copied[name]) for name, tensor in classifier.state_dict().items())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_is_forked_while_another_thread_is_in_there_gets_in_too():
    network, inside, done = conv_network(), threading.Event(), threading.Event()

    def hold():
        with alone(network):
            inside.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait()
    try:
        child = os.fork()
        if not child:
            signal.alarm(10)
            with alone(network):
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        done.set()
        holder.join()
