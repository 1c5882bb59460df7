"""Each check catches a classifier built to be caught, and accuses no honest one."""

import pytest
import torch
from helpers import conv_network, images
from torch import nn

from pellucid import L2, Accuracies, Classifier, EvaluateRecipe, Linf, sanity
from pellucid.data.dataset import Split
from pellucid.evaluation.sanity import (
    CHECKS,
    Sample,
    better_under_attack,
    depends_on_the_batch,
    not_converged,
    not_repeatable,
    rises_with_eps,
    vanishing_gradients,
    weaker_than_noise,
)


class Rounded(nn.Module):
    """Quantizes its input, as some defenses do: right where the image is, and flat everywhere."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network((x * 20).round() / 20)


class Reversed(torch.autograd.Function):
    """The identity, with its gradient reversed."""

    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return -gradient


class Misleading(Rounded):
    def forward(self, x):
        return self.network(Reversed.apply(x))


class Curved(Rounded):
    """Its first layer looks at the image through a fine ripple: a step goes wrong unless it is short."""

    def forward(self, x):
        return self.network(x + 0.05 * torch.sin(150 * x))


class BatchMean(Rounded):
    def forward(self, x):
        return self.network(x - x.mean(0, keepdim=True))


class Noisy(Rounded):
    def forward(self, x):
        return self.network(nn.functional.dropout(x, 0.2))  # that of nn.Module.eval() it knows nothing


class Counting(Rounded):
    def __init__(self, network):
        super().__init__(network)
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean((0, 2, 3))
        return self.network(x)


def sample(kind=None, ball=None, steps=10, seed=0, confident=1.0):
    """24 images that the honest network sees as their labels, and a classifier that wraps it."""
    network = conv_network(seed=seed).eval()
    with torch.no_grad():
        network[-1].bias -= network(images(100)).mean(0)
        network[-1].weight *= confident
        network[-1].bias *= confident
        labels = network(images(24)).argmax(1)
    classifier = Classifier(network if kind is None else kind(network)).eval()
    return Sample(classifier, images(24), labels, ball or Linf(0.02), steps)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("ball", [L2(0.1), L2(0.5), Linf(0.01), Linf(0.1)])
def test_an_honest_classifier_is_not_accused(ball, seed):
    assert [check(sample(ball=ball, seed=seed)) for check in CHECKS] == [None] * len(CHECKS)


def test_a_quantized_input_has_no_gradient():
    message = vanishing_gradients(sample(Rounded))
    assert message.startswith("the gradient vanishes for 100% of the images")


def test_a_saturated_softmax_has_no_gradient():
    assert "the gradient vanishes" in vanishing_gradients(sample(confident=1e5))
    assert vanishing_gradients(sample(confident=10)) is None


def test_images_seen_wrongly_do_not_count_as_gradients_that_vanish():
    wrong = sample(Rounded)
    assert vanishing_gradients(Sample(wrong.classifier, wrong.images, wrong.labels + 1, wrong.ball, 10)) is None


def test_an_attack_that_goes_the_wrong_way_makes_the_classifier_better():
    honest, misled = sample(), sample(Misleading, Linf(0.1))
    labels = honest.labels.clone()
    labels[::2] = (labels[::2] + 1) % 4
    misled = Sample(misled.classifier, misled.images, labels, misled.ball, 10)
    assert "robust accuracy is above clean accuracy" in better_under_attack(misled)
    assert better_under_attack(Sample(honest.classifier, honest.images, labels, misled.ball, 10)) is None


def test_noise_that_breaks_more_than_the_attack_is_seen():
    message = weaker_than_noise(sample(Rounded, Linf(0.15)))
    assert message.startswith("PGD is weaker than noise: of 24 images 23 withstand it and 5 withstand")


def test_too_few_steps_are_seen():
    message = not_converged(sample(Curved, Linf(0.04), steps=2))
    assert message.startswith("PGD has not converged: of 24 images")
    assert "withstand 10; take more --steps" in message


def test_a_loss_that_still_rises_is_seen_where_the_accuracy_does_not_fall():
    """Steps too short to get anywhere: the loss of five times as many is far higher, and all images withstand both."""
    slow = sample(ball=Linf(0.02), steps=2, confident=30)
    sure = slow.held(slow.after(10, None))
    slow = Sample(slow.classifier, slow.images[sure], slow.labels[sure], slow.ball, 2, step_size=1e-4)
    with pytest.warns(UserWarning, match="cannot reach the border"):
        assert slow.held(slow.attacked).all()
    assert slow.held(slow.after(10, None)).all()
    assert not_converged(slow).startswith("PGD's loss has not converged")


def test_a_classifier_that_looks_at_the_batch_is_seen():
    assert "depend on what else is in the batch" in depends_on_the_batch(sample(BatchMean))


def test_a_classifier_that_stays_random_in_eval_mode_is_seen():
    with torch.random.fork_rng(devices=[]):
        assert "other logits the second time" in not_repeatable(sample(Noisy))


def test_a_classifier_that_changes_itself_in_eval_mode_is_seen():
    message = not_repeatable(sample(Counting))
    assert message == "a pass in eval mode changes the network (network.mean): something stays in train mode"


def test_batch_norm_in_train_mode_is_seen():
    caught = sample()
    caught.classifier.network[1].track_running_stats = False
    caught.classifier.network[1].running_mean = caught.classifier.network[1].running_var = None
    assert depends_on_the_batch(caught) is not None


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.9, 0.5, 0.1], None),
        ([0.9, 0.9, 0.9], None),
        ([0.5, 0.503, 0.1], None),
        ([0.5, 0.3, 0.4], "pgd-20 leaves 30.0% at eps 0.5 and 40.0% at eps 1"),
    ],
)
def test_a_robust_accuracy_that_rises_with_eps_is_seen(shares, expected):
    robust = {eps: {"pgd-20": share} for eps, share in zip((1.0, 0.5, 0.25), reversed(shares), strict=True)}
    message = rises_with_eps(Accuracies(1000, 0.95, robust))
    assert message == expected if expected is None else expected in message


def test_all_signs_of_a_data_set_at_once():
    caught = sample(Rounded, Linf(0.15))
    split = Split((images(24) * 255).round().byte(), caught.labels)
    recipe = EvaluateRecipe("linf", (0.15,), (5,))
    signs = sanity(caught.classifier, split, recipe)
    assert [sign.split(":")[0] for sign in signs] == [
        "the gradient vanishes for 100% of the images",
        "PGD is weaker than noise",
    ]
    assert sanity(sample().classifier, split, recipe) == []
