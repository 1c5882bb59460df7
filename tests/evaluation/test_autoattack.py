"""AutoAttack against pyautoattack's own evaluation, the closed form, and the promises that hold for every attack."""

import sys

import pytest
import torch
from evaluation_helpers import between, flat_classifier, gray_split, radii
from helpers import conv_classifier

from pellucid import L2, EvaluateRecipe, InputError, Linf, evaluate
from pellucid.data.dataset import Split
from pellucid.evaluation.autoattack import ATTACKS, STANDARD, AutoAttack

pyautoattack = pytest.importorskip("pyautoattack", reason="pyautoattack is not installed")


@pytest.fixture(scope="module")
def seen():
    """A small network, and 12 images with the labels that it sees in them."""
    classifier = conv_classifier(seed=2).eval()
    split = gray_split(12, size=8, classes=4)
    images, _ = split.batch(slice(None))
    return classifier, images, classifier.predict(images)


@pytest.mark.parametrize(
    ("ball", "attacks"),
    [(L2(0.95), ("apgd-ce", "apgd-t")), (Linf(0.1), ("apgd-ce", "apgd-t")), (L2(0.95), ("fab-t",))],
)
def test_it_comes_to_what_pyautoattack_comes_to(seen, ball, attacks):
    classifier, images, labels = seen
    held = AutoAttack(attacks, 4)(classifier, images, labels, torch.arange(12), ball)
    norm = "L2" if isinstance(ball, L2) else "Linf"
    theirs = pyautoattack.AutoAttack(classifier.logits, norm=norm, eps=ball.eps, seed=0)
    theirs.attacks_to_run = list(attacks)
    theirs.apgd_targeted.n_target_classes = theirs.fab.n_target_classes = 3
    with torch.random.fork_rng(devices=[]):
        points, _ = theirs.run_standard_evaluation(images, labels)
    assert torch.equal(held, classifier.predict(points) == labels)
    assert 0 < held.sum() < 12


def test_on_a_linear_classifier_it_breaks_what_lies_beyond_the_closed_form():
    classifier, split = flat_classifier(), gray_split(40)
    distance = radii(classifier, split, 2)
    eps = between(distance)[1]
    result = evaluate(classifier, split, EvaluateRecipe(eps=(eps,), steps=(), autoattack=("apgd-ce",)))
    assert result.robust == {eps: {"autoattack-apgd-ce": float((distance > eps).double().mean())}}


def test_it_gets_what_pgd_has_not_broken_and_each_attack_what_the_one_before_it_has_not(seen, monkeypatch):
    classifier, images, labels = seen
    given = []
    attack = AutoAttack._attack

    def counting(self, name, *args):
        perturb = attack(self, name, *args)
        return lambda x, y: given.append((name, len(x))) or perturb(x, y)

    monkeypatch.setattr(AutoAttack, "_attack", counting)
    split = Split((images * 255).round().byte(), labels)
    recipe = EvaluateRecipe(eps=(0.95,), steps=(1,), autoattack=("apgd-ce", "apgd-t"))
    result = evaluate(classifier, split, recipe)
    assert list(result.robust[0.95]) == ["pgd-1", "autoattack-apgd-ce,apgd-t"]
    assert given[0] == ("apgd-ce", round(12 * result.robust[0.95]["pgd-1"]))
    assert 0 < given[0][1] < 12
    assert all(count <= given[0][1] for _, count in given)


def test_a_success_that_float32_does_not_confirm_does_not_count(seen, monkeypatch):
    classifier, images, labels = seen

    def far_away(self, name, *args):
        return lambda x, y: torch.rand_like(x) * 100  # as an attack that forgets the ball would

    monkeypatch.setattr(AutoAttack, "_attack", far_away)
    assert AutoAttack(("apgd-ce",), 4)(classifier, images, labels, torch.arange(12), L2(1e-4)).all()


def test_it_leaves_random_state_gradients_and_modes_as_they_were(seen):
    classifier, images, labels = seen
    classifier.train()
    classifier.zero_grad(set_to_none=True)
    torch.manual_seed(5)
    before, mean = torch.get_rng_state(), classifier.network[1].running_mean.clone()
    AutoAttack(("fab-t",), 4)(classifier, images[:2], labels[:2], torch.arange(2), L2(0.5))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None and p.requires_grad for p in classifier.parameters())
    assert classifier.network.training
    assert torch.equal(classifier.network[1].running_mean, mean)
    classifier.eval()


def test_no_images_are_not_attacked(seen):
    classifier, images, labels = seen
    assert len(AutoAttack(STANDARD, 4)(classifier, images[:0], labels[:0], torch.arange(0), L2(0.5))) == 0


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_runs_and_its_settings_are_the_published_ones(seen, name):
    classifier, _, _ = seen
    attack = AutoAttack((name,), 4)._attack(name, classifier.logits, L2(0.5), torch.device("cpu")).__self__
    assert (attack.norm, attack.eps, attack.seed, attack.n_restarts) == ("L2", 0.5, 0, 1)
    if name == "square":
        assert attack.n_queries == 5000
    else:
        assert attack.n_iter == 100
    if name.endswith("-t"):
        assert attack.n_target_classes == 3
    if name.startswith("fab"):
        assert attack.targeted == (name == "fab-t")
    if name in ("apgd-ce", "apgd-dlr"):
        assert attack.loss == name[5:]


def test_its_name_says_what_ran():
    assert AutoAttack(STANDARD, 10).name == "autoattack-standard"
    assert AutoAttack(("apgd-ce", "apgd-t"), 10).name == "autoattack-apgd-ce,apgd-t"


# Errors


def test_an_attack_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="unknown attack of AutoAttack 'apgd'; did you mean 'apgd-"):
        EvaluateRecipe(autoattack=("apgd",))


def test_an_attack_that_needs_more_classes_is_refused_before_the_work():
    recipe = EvaluateRecipe(autoattack=("standard",))
    with pytest.raises(InputError, match="apgd-t needs 4 classes or more"):
        evaluate(flat_classifier(), gray_split(), recipe)


def test_without_pyautoattack_one_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(InputError, match=r"AutoAttack needs pyautoattack: pip install 'pellucid\[eval\]'"):
        evaluate(conv_classifier(), gray_split(size=8, classes=4), EvaluateRecipe(autoattack=("standard",)))
