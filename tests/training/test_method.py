"""The methods of adversarial training against slow restatements of their equations."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from helpers import conv_classifier, images
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from pellucid import Classifier, CrossEntropy
from pellucid.core.reading import Activations
from pellucid.training.method import METHODS, Divergence, Learner, StepContext, perturb
from pellucid.training.recipe import Attack, TrainRecipe

LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def learner(recipe, classifier=None):
    classifier = classifier or conv_classifier()

    def forward(x):
        return classifier.train().logits(x)

    return Learner(classifier, forward, recipe)


def resnet_classifier():
    """Its norms are fused where an attack reads it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Classifier(ResNet(BasicBlock, [1, 1, 1, 1], num_classes=4))


def cumulative_classifier():
    """Its norms average over all batches."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=None), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return Classifier(nn.Sequential(network, nn.Flatten(), nn.Linear(8, 4)))


def lower_by_sgd(learner, losses, rate=0.1):
    """What the training loop does with a method: (loss, logits) of each step."""
    optimizer = torch.optim.SGD(learner.classifier.network.parameters(), rate)
    seen = []
    for loss, logits in losses:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append((float(loss), logits.detach()))
    return seen


@pytest.mark.parametrize(("norm", "eps"), [("l2", 0.4), ("linf", 0.03)])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("random_start", [False, True])
def test_perturbed_images_are_in_the_ball_and_have_a_higher_loss(norm, eps, steps, random_start):
    classifier, x = conv_classifier().eval(), images(6)
    attack = Attack(eps=eps, norm=norm, steps=steps, random_start=random_start)
    worse = perturb(classifier, -CrossEntropy(LABELS), x, StepContext(attack))
    distance = torch.linalg.vector_norm((worse - x).flatten(1), 2 if norm == "l2" else math.inf, dim=1)
    assert (distance <= eps * (1 + 1e-5)).all()
    assert (distance > eps / 4).all()
    assert worse.min() >= 0
    assert worse.max() <= 1
    before, after = (F.cross_entropy(classifier.logits(im), LABELS, reduction="none") for im in (x, worse))
    assert (after > before).all()


def test_random_starts_belong_to_the_image_and_not_to_the_part_of_the_batch():
    classifier, x = conv_classifier().eval(), images(6)
    attack = Attack(eps=0.4, random_start=True)
    whole = perturb(classifier, -CrossEntropy(LABELS), x, StepContext(attack, seed=3))
    tail = perturb(classifier, -CrossEntropy(LABELS[4:]), x[4:], StepContext(attack, seed=3, first=4))
    assert torch.allclose(whole[4:], tail, atol=1e-6)
    assert not torch.allclose(whole, perturb(classifier, -CrossEntropy(LABELS), x, StepContext(attack, seed=4)))


def test_pgd_is_the_cross_entropy_at_the_perturbed_images():
    x, recipe = images(6), TrainRecipe(attack=Attack(eps=0.4, steps=2))
    ours = learner(recipe)
    worst = perturb(copy.deepcopy(ours.classifier).eval(), -CrossEntropy(LABELS), x, StepContext(recipe.attack))
    expected = F.cross_entropy(copy.deepcopy(ours.classifier).train().logits(worst), LABELS)
    ((loss, logits),) = METHODS["pgd"](ours, x, LABELS, StepContext(recipe.attack))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert logits.shape == (6, 4)
    ((loss, _),) = METHODS["pgd"](ours, x, LABELS, StepContext(Attack()))
    assert float(loss) == pytest.approx(float(F.cross_entropy(ours.forward(x), LABELS)))


@pytest.mark.parametrize("make", [conv_classifier, resnet_classifier, cumulative_classifier])
@pytest.mark.parametrize("method", ["pgd", "trades"])
def test_all_attacks_of_a_run_share_one_twin_and_find_what_a_new_one_finds(make, method, monkeypatch):
    x, attack = images(6, 32), Attack(eps=0.4, steps=2, random_start=True)
    ours, context = learner(TrainRecipe(method=method, attack=attack), make()), StepContext(attack)
    made, reader = [], Classifier.reader
    monkeypatch.setattr(Classifier, "reader", lambda self: made.append(self) or reader(self))
    for _ in range(3):
        lower_by_sgd(ours, METHODS[method](ours, x, LABELS, context))
    assert made == [ours.classifier]
    monkeypatch.undo()
    assert torch.equal(
        ours.perturb(-CrossEntropy(LABELS), x, context), perturb(ours.classifier, -CrossEntropy(LABELS), x, context)
    )


def test_divergence_is_the_kl_divergence():
    p, logits = torch.rand(5, 4).softmax(1), torch.randn(5, 4)
    ours = Divergence(p)(torch.zeros(5, 1, 1, 1), Activations(logits, logits, {}))
    q = logits.softmax(1)
    assert torch.allclose(ours, (p * (p / q).log()).sum(1), atol=1e-6)
    assert float(Divergence(q)(None, Activations(logits, logits, {})).abs().max()) < 1e-6


def test_trades_is_cross_entropy_plus_beta_divergences():
    x, attack = images(6), Attack(eps=0.4, steps=2, random_start=True)
    ours = learner(TrainRecipe(method="trades", beta=3.0, attack=attack))
    reference = copy.deepcopy(ours.classifier)
    with torch.no_grad():
        p = reference.eval().logits(x).softmax(1)
    worst = perturb(reference, -Divergence(p), x, StepContext(attack, seed=5))
    clean, moved = reference.train().logits(torch.cat([x, worst])).chunk(2)
    p, q = clean.softmax(1), moved.softmax(1)
    expected = F.cross_entropy(clean, LABELS) + 3.0 * (p * (p / q).log()).sum(1).mean()
    ((loss, logits),) = METHODS["trades"](ours, x, LABELS, StepContext(attack, seed=5))
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert torch.allclose(logits, moved, atol=1e-5)


def test_free_moves_weights_and_images_with_the_same_backward():
    x, attack = images(6), Attack(eps=0.4, step_size=0.2)
    ours = learner(TrainRecipe(method="free", replays=3, attack=attack))
    other = copy.deepcopy(ours.classifier)
    seen = lower_by_sgd(ours, METHODS["free"](ours, x, LABELS, StepContext(attack)))
    optimizer = torch.optim.SGD(other.network.parameters(), 0.1)
    offset = torch.zeros_like(x)
    for loss, _ in seen:
        moved = (x + offset).requires_grad_()
        expected = F.cross_entropy(other.train().logits(moved), LABELS)
        assert loss == pytest.approx(float(expected), rel=1e-4)
        optimizer.zero_grad()
        expected.backward()
        optimizer.step()
        step = moved.grad / moved.grad.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * 0.2
        offset = offset + step
        norm = offset.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        offset = (x + offset * (0.4 / norm).clamp_max(1)).clamp(0, 1) - x
    assert len(seen) == 3
    assert torch.allclose(ours.offset, offset, atol=1e-4)
    ours_weights, expected_weights = ours.classifier.network.state_dict(), other.network.state_dict()
    assert all(torch.allclose(ours_weights[n], expected_weights[n], atol=1e-4) for n in ours_weights)


def test_free_goes_on_from_the_offset_of_the_batch_before():
    attack = Attack(eps=0.4, step_size=0.3)
    ours = learner(TrainRecipe(method="free", replays=1, attack=attack))
    lower_by_sgd(ours, METHODS["free"](ours, images(6), LABELS, StepContext(attack)))
    first = ours.offset.clone()
    with torch.no_grad():
        moved = copy.deepcopy(ours.classifier).train().logits(images(6, seed=1) + first)
    ((loss, _),) = lower_by_sgd(ours, METHODS["free"](ours, images(6, seed=1), LABELS, StepContext(attack)))
    assert loss == pytest.approx(float(F.cross_entropy(moved, LABELS)), rel=1e-4)


def test_noise_is_one_pass_over_images_with_gaussian_noise_of_their_own():
    ours, x = learner(TrainRecipe(method="noise", sigma=0.25)), torch.rand(6, 3, 40, 40)
    seen = []
    ours.forward = lambda images: seen.append(images) or ours.classifier.train().logits(images)
    ((loss, logits),) = METHODS["noise"](ours, x, LABELS, StepContext(Attack(), seed=3))
    assert float(loss) == pytest.approx(float(F.cross_entropy(logits, LABELS)))
    (noisy,) = seen
    assert float((noisy - x).std()) == pytest.approx(0.25, rel=0.02)
    assert float((noisy - x).mean()) == pytest.approx(0, abs=0.01)
    list(METHODS["noise"](ours, x[2:], LABELS[2:], StepContext(Attack(), seed=3, first=2)))  # another process's part
    assert torch.equal(seen[1], noisy[2:])
    list(METHODS["noise"](ours, x, LABELS, StepContext(Attack(), seed=4)))
    assert not torch.equal(seen[2], noisy)
