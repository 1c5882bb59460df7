import pytest
import torch
from descend_helpers import attack, jitter, loss
from helpers import conv_classifier, forward_batches, hooks_on, images

from pellucid import L2, Activation, CrossEntropy, Distance, Fourier, Linf, Outside, Unbounded, descend

# The loop itself


@pytest.mark.parametrize(
    "ball", [L2(torch.tensor([0.1, 0.5, 0.9])), Linf(0.03), Unbounded()], ids=["L2", "Linf", "Unbounded"]
)
def test_it_is_projected_gradient_descent(ball):
    classifier, x = conv_classifier().eval(), images(3)
    expected, history = x, []
    for _ in range(5):
        expected = expected.detach().requires_grad_()
        losses = -CrossEntropy(0)(expected, classifier(expected))
        (gradient,) = torch.autograd.grad(losses.sum(), expected)
        history.append(losses.detach())
        expected = ball.project(expected.detach() + ball.step(gradient, 0.2), x)
    descent = attack(x, ball=ball, steps=5, step_size=0.2)
    assert torch.allclose(descent.images, expected, atol=1e-4)
    assert torch.allclose(descent.history, torch.stack(history), atol=1e-3)
    assert torch.equal(descent.loss, descent.history[-1])
    assert torch.equal(descent.start, x)
    assert (loss(descent.images) < loss(x)).all()


def test_the_ball_is_around_the_center():
    center = images(2, seed=1)
    descent = attack(images(2), center=center, ball=Linf(0.05), steps=2)
    assert ((descent.images - center).abs() <= 0.05 + 1e-6).all()


# Promise 1: one forward and one backward a step; modes and flags


def count_passes(**options):
    classifier, backwards = conv_classifier(), []
    handle = classifier.network[0].register_full_backward_hook(lambda *args: backwards.append(1))
    objective = (
        -CrossEntropy(0)
        + 2 * Distance(torch.ones(3, 24))
        - Activation(unit=1, layer="0")
        + 10 * Outside(torch.zeros(3, 1, 8, 8), images(3))
    )
    with forward_batches(classifier.network) as sizes:
        descent = descend(classifier, objective, images(3), ball=L2(0.5), **options)
    handle.remove()
    return descent, len(sizes), len(backwards)


@pytest.mark.parametrize(
    ("options", "passes"),
    [
        ({"steps": 1}, 1),
        ({"steps": 5}, 5),
        ({"steps": 5, "keep_best": True}, 5),
        ({"steps": 5, "restarts": 3}, 15),
        ({"steps": 5, "restarts": 2, "batch_size": 2}, 20),
        ({"steps": 5, "parametrization": Fourier()}, 5),
    ],
    ids=str,
)
def test_there_is_one_forward_and_one_backward_a_step_for_any_number_of_terms(options, passes):
    descent, forwards, backwards = count_passes(**options)
    assert (forwards, backwards) == (passes, passes)
    assert (descent.forwards, descent.backwards) == (passes, passes)


def test_the_network_is_not_touched_while_it_is_descended_on():
    classifier = conv_classifier().train()
    classifier.network[1].eval()
    classifier.network[0].bias.requires_grad_(False)
    objective = -CrossEntropy(1) - Activation(unit=0, layer="1", straight_through=True)

    def facts():
        return (
            [module.training for module in classifier.modules()],
            [parameter.requires_grad for parameter in classifier.parameters()],
            [value.tolist() for value in classifier.state_dict().values()],
            hooks_on(classifier),
        )

    before, seen = facts(), []
    descend(classifier, objective, images(2), ball=L2(1.0), steps=3, callback=lambda progress: seen.append(facts()))
    assert [*seen, facts()] == [before] * 4
    assert all(parameter.grad is None for parameter in classifier.parameters())


# Promise 2: no_grad, detached, no hooks, no global randomness


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_within_torchs_other_modes(mode):
    classifier = conv_classifier()
    with mode():
        x = images(3)
        within = descend(classifier, -CrossEntropy(torch.zeros(3).long()), x, ball=L2(0.5), steps=4)
        assert not torch.is_grad_enabled()
    assert torch.equal(within.images, attack(images(3)).images)


@pytest.mark.parametrize("options", [{}, {"keep_best": True}, {"restarts": 2}, {"parametrization": Fourier()}], ids=str)
def test_results_are_detached(options):
    start = images(2).requires_grad_()
    descent = attack(start, stop=lambda x, activations: activations.logits[:, 0] < -1e9, **options)
    for tensor in (descent.images, descent.loss, descent.history, descent.start):
        assert not tensor.requires_grad


def test_the_start_is_not_changed():
    start = images(2)
    attack(start, random_start=True)
    assert torch.equal(start, images(2))


def test_the_global_random_state_is_neither_used_nor_changed():
    options = {"random_start": True, "restarts": 2, "transforms": [jitter]}
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = attack(images(2), **options)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(attack(images(2), **options).images, first.images)
    assert not torch.allclose(attack(images(2), seed=1, **options).images, first.images, atol=1e-3)


# Promise 3: an image's result does not depend on the rest of the batch


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"random_start": True},
        {"restarts": 3, "random_start": True},
        {"transforms": [jitter], "random_start": True},
        {"keep_best": True, "restarts": 2, "transforms": [jitter]},
        {"parametrization": Fourier(), "ball": Unbounded(), "random_start": True},
        {"stop": lambda x, activations: activations.logits[:, 0] < 2.0, "random_start": True, "transforms": [jitter]},
    ],
    ids=["plain", "random start", "restarts", "transforms", "keep best", "Fourier", "stop"],
)
def test_an_image_alone_in_a_batch_and_in_a_split_batch_gives_the_same(options):
    whole = attack(images(5), **options)
    split = attack(images(5), batch_size=2, **options)
    alone = attack(images(5)[:1], **options)
    other_company = attack(torch.cat([images(5)[:1], images(3, seed=9)]), **options)
    assert torch.allclose(split.images, whole.images, atol=1e-4)
    assert torch.allclose(split.loss, whole.loss, atol=1e-4)
    assert torch.equal(split.stopped_at, whole.stopped_at)
    assert torch.allclose(alone.images, whole.images[:1], atol=1e-4)
    assert torch.allclose(other_company.images[0], whole.images[0], atol=1e-4)


def test_a_batch_that_does_not_fit_is_halved_and_tried_again():
    classifier, tried = conv_classifier(), []

    def memory(module, args):
        tried.append(len(args[0]))
        if len(args[0]) > 2:
            raise torch.cuda.OutOfMemoryError

    handle = classifier.network.register_forward_pre_hook(memory)
    descent = attack(images(7), classifier, steps=1, random_start=True)
    handle.remove()
    assert tried == [7, 4, 2, 2, 2, 1]
    assert torch.allclose(descent.images, attack(images(7), steps=1, random_start=True).images, atol=1e-5)
