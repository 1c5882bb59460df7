"""Randomized smoothing against slow loops and closed forms."""

import pytest
import torch
from evaluation_helpers import flat_classifier
from helpers import close, conv_classifier, forward_batches, images
from torch import nn
from torch.nn import functional as F

from pellucid import L2, Classifier, CrossEntropy, Distance, InputError, RandomizedSmoothing, descend
from pellucid.zoo.models import fingerprint


class Recorded(nn.Module):
    """Passes everything on, and keeps what it was given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __deepcopy__(self, memo):
        return self

    def forward(self, values):
        self.seen.append(values.detach().clone())
        return values


def recorded(network):
    recorder = Recorded()
    return Classifier(nn.Sequential(recorder, *network)), recorder


def test_logits_gradient_and_representation_are_those_of_a_slow_loop():
    plain, recorder = recorded(conv_classifier().eval().network)
    smoothed, x = RandomizedSmoothing(plain, 0.3, samples=5, seed=4), images(2).requires_grad_()
    found = smoothed(x)
    (gradient,) = torch.autograd.grad(found.logits[:, 1].sum(), x)
    offsets = [seen - x.detach() for seen in recorder.seen]
    assert len(offsets) == 5
    total, features = 0, 0
    for offset in offsets:
        one = plain(x + offset)
        total, features = total + F.softmax(one.logits, 1) / 5, features + one.representation / 5
    expected = total.log()
    close(found.logits, expected)
    close(found.representation, features)
    close(gradient, torch.autograd.grad(expected[:, 1].sum(), x)[0])


def test_noise_is_gaussian_in_pairs_and_shared_by_the_images_of_a_pass():
    plain, recorder = recorded([nn.Flatten(), nn.Linear(12, 2)])
    x = torch.rand(3, 3, 2, 2)
    RandomizedSmoothing(plain, 0.25, samples=4000)(x)
    noise = torch.stack(recorder.seen) - x
    assert torch.allclose(noise[:2000], -noise[2000:], atol=1e-6)
    assert torch.allclose(noise[:, :1].expand_as(noise), noise, atol=1e-6)
    values = noise[:2000, 0].flatten(1) / 0.25
    assert torch.allclose(values.T.cov(), torch.eye(12), atol=0.15)
    assert float((values.abs() < 1).float().mean()) == pytest.approx(0.6827, abs=0.01)


def test_a_saturated_linear_classifier_has_the_known_probability():
    """With steep logits softmax is a step, and its mean is Φ(distance / σ)."""
    classifier, x = flat_classifier(), torch.full((1, 3, 4, 4), 0.5)
    plane = (classifier.network[1].weight[1] - classifier.network[1].weight[0]).detach()
    x = x + 0.2 * (plane / plane.norm()).reshape(3, 4, 4)
    with torch.no_grad():
        classifier.network[1].weight.mul_(1000)
        classifier.network[1].bias.mul_(1000)
    found = RandomizedSmoothing(classifier, 0.25, samples=4000)(x).logits.exp()[0, 1]
    assert float(found) == pytest.approx(float(torch.special.ndtr(torch.tensor(0.8))), abs=0.015)


def test_every_step_has_fresh_noise_and_predictions_always_the_same():
    plain, recorder = recorded(conv_classifier().eval().network)
    smoothed, x = RandomizedSmoothing(plain, 0.3, samples=2), images(1)
    read = smoothed.reader()
    for _ in range(2):
        read(x)
    first, again = recorder.seen[0], recorder.seen[2]
    assert not torch.equal(first, again)
    recorder.seen.clear()
    for _ in range(2):
        smoothed.predict(x)
    assert torch.equal(recorder.seen[0], recorder.seen[2])
    assert torch.equal(recorder.seen[0], first)
    recorder.seen.clear()
    RandomizedSmoothing(plain, 0.3, samples=2, seed=1).predict(x)
    assert not torch.equal(recorder.seen[0], first)


def test_no_image_depends_on_the_ones_beside_it():
    smoothed, x = RandomizedSmoothing(conv_classifier().eval(), 0.3, samples=4), images(4)
    options = {"ball": L2(1.0), "steps": 6}
    together = descend(smoothed, CrossEntropy(2), x, **options).images
    alone = torch.cat([descend(smoothed, CrossEntropy(2), one[None], **options).images for one in x])
    close(together, alone)


def test_a_descent_lowers_the_smoothed_loss_in_as_many_passes_as_it_says():
    classifier = conv_classifier().eval()
    smoothed, x = RandomizedSmoothing(classifier, 0.2, samples=3), images(2)
    descent = descend(smoothed, CrossEntropy(1), x, ball=L2(2.0), steps=5)
    assert descent.forwards == 5
    assert bool((smoothed(descent.images).logits[:, 1] > smoothed(x).logits[:, 1]).all())
    descend(smoothed, Distance(smoothed(x[:1]).representation.detach()), x, ball=L2(1.0), steps=2)
    with forward_batches(classifier.network) as passes:
        smoothed.logits(x)
    assert passes == [2, 2, 2]


def test_it_is_another_classifier_with_the_same_names_and_weights():
    classifier = conv_classifier()
    classifier.class_names = ["a", "b", "c", "d"]
    smoothed = RandomizedSmoothing(classifier, 0.2)
    assert smoothed.network is classifier.network
    assert smoothed.label("c") == 2
    assert torch.equal(smoothed.mean, classifier.mean)
    assert len({fingerprint(one) for one in (classifier, smoothed, RandomizedSmoothing(classifier, 0.3))}) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": 0.0}, "sigma must be positive"),
        ({"sigma": float("nan")}, "sigma must be a finite number"),
        ({"sigma": 0.2, "samples": 0}, "samples must be a whole number of at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        RandomizedSmoothing(conv_classifier(), **settings)
