import warnings

import numpy as np
import pytest
import torch
from helpers import conv_classifier, forward_batches, hooks_on, images
from torch import nn

from pellucid import (
    L2,
    Activation,
    Classifier,
    CrossEntropy,
    Distance,
    Fourier,
    InputError,
    Linf,
    Outside,
    Unbounded,
    descend,
)
from pellucid.core.batch import per_image


def jitter(images, generators):
    """A transform that draws from each image's own generator."""
    scale = torch.stack([torch.rand((), generator=g) for g in generators])
    return images * per_image(0.5 + scale, images)


def attack(x, classifier=None, **options):
    """An attack on class 0, with whatever options."""
    options = {"ball": L2(0.5), "steps": 4, **options}
    return descend(classifier or conv_classifier(), -CrossEntropy(0), x, **options)


def loss(images, classifier=None):
    """What `attack` lowers."""
    return (-CrossEntropy(0)(images, (classifier or conv_classifier()).eval()(images))).detach()


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


def test_it_works_within_no_grad():
    with torch.no_grad():
        within = attack(images(2))
        assert not torch.is_grad_enabled()
    assert torch.equal(within.images, attack(images(2)).images)


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
        {
            "stop": lambda x, activations: activations.logits[:, 0] < 2.0,
            "random_start": True,
            "transforms": [jitter],
        },
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


def test_the_tensors_of_an_objective_and_of_a_ball_go_with_their_images():
    labels, eps = torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5])
    directions = torch.eye(24)[:5]
    objective = CrossEntropy(labels) - Activation(direction=directions) + Activation(direction=torch.ones(24))
    classifier = conv_classifier()
    whole = descend(classifier, objective, images(5), ball=L2(eps), steps=4, batch_size=2)
    for i in range(5):
        single = (
            CrossEntropy(int(labels[i])) - Activation(direction=directions[i]) + Activation(direction=torch.ones(24))
        )
        alone = descend(classifier, single, images(5)[i : i + 1], ball=L2(float(eps[i])), steps=4)
        assert torch.allclose(alone.images[0], whole.images[i], atol=1e-4)


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


# Promise 4: step size, restarts, keep-best, early stop


@pytest.mark.parametrize("ball", [L2(0.4), Linf(torch.tensor([0.01, 0.2]))])
def test_the_default_step_is_two_and_a_half_times_the_radius_over_the_steps(ball):
    steps = []
    descent = attack(images(2), ball=ball, steps=10, callback=lambda progress: steps.append(progress.images))
    order = 2 if isinstance(ball, L2) else torch.inf
    first = torch.linalg.vector_norm((steps[0] - images(2)).flatten(1), order, dim=1)
    assert torch.allclose(first, torch.as_tensor(ball.eps) * 0.25, rtol=1e-3)
    assert torch.equal(descent.images, steps[-1])


def test_restarts_return_the_best_of_several_random_starts_for_each_image():
    losses, options = [], {"restarts": 4, "steps": 3, "ball": L2(1.0)}
    best = attack(images(5), callback=lambda progress: losses.append(progress.loss), **options)
    last = torch.stack(losses[2::3])
    assert torch.allclose(best.loss, last.min(0).values)
    assert (last[0] - last[1:]).abs().amax(1).min() > 1e-3
    assert len(last.argmin(0).unique()) > 1  # or "for each image" would not be tested
    assert torch.allclose(best.history[-1], best.loss)
    first = attack(images(5), random_start=True, steps=3, ball=L2(1.0))
    assert torch.allclose(first.loss, last[0])


def overshoot(**options):
    """Steps so long that the loss, a mean square, goes up and down."""
    objective = Outside(torch.zeros(4, 1, 8, 8), images(4, seed=3))
    options = {"ball": Unbounded(), "steps": 6, "step_size": 1.5, **options}
    return descend(conv_classifier(), objective, images(4), **options)


def test_keep_best_returns_the_best_point_evaluated():
    seen, losses = [images(4)], []

    def callback(progress):
        seen.append(progress.images)
        losses.append(progress.loss)

    descent = overshoot(keep_best=True, callback=callback)
    losses, points = torch.stack(losses), torch.stack(seen[:-1])
    best = losses.argmin(0)
    assert (best < 5).any()
    assert torch.equal(descent.loss, losses.min(0).values)
    assert torch.equal(descent.images, points[best, torch.arange(4)])
    assert not torch.equal(descent.images, overshoot().images)


def below(threshold):
    return lambda x, activations: activations.logits[:, 0] < threshold


def test_images_stop_as_they_are_when_the_rule_first_holds_and_leave_the_batch():
    classifier, x = conv_classifier().eval(), images(6)
    points = [x]
    attack(x, classifier, steps=8, callback=lambda progress: points.append(progress.images))
    logits = torch.stack([classifier.logits(point)[:, 0] for point in points[:-1]]).detach()
    threshold = float(logits[3].sort().values[2:4].mean())  # between two images, so that rounding decides nothing
    holds = logits < threshold
    first = torch.where(holds.any(0), holds.int().argmax(0), 8)
    assert len(first.unique()) > 2
    with forward_batches(classifier.network) as sizes:
        descent = attack(x, classifier, steps=8, stop=below(threshold))
    assert torch.equal(descent.stopped_at, first)
    expected = torch.stack(points)[first, torch.arange(6)]
    assert torch.allclose(descent.images, expected, atol=1e-4)
    assert sizes == [int((first >= number).sum()) for number in range(8) if (first >= number).any()]
    assert descent.forwards == len(sizes)
    assert descent.stopped == ["steps" if at == 8 else "stop" for at in first.tolist()]
    rows = torch.arange(8)[:, None]
    assert torch.equal(descent.history.isnan(), rows > first)
    assert torch.equal(descent.loss, descent.history[first.clamp_max(7), torch.arange(6)])


@pytest.mark.parametrize(
    "options", [{}, {"parametrization": Fourier(), "ball": Unbounded()}], ids=["pixels", "Fourier"]
)
def test_what_belongs_to_an_image_stays_with_it_when_others_leave(options):
    labels, eps = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([0.3, 0.6, 0.9, 1.2, 0.9, 0.6])

    def run(**more):
        settings = {"ball": L2(eps), "steps": 8, "transforms": [jitter], **options, **more}
        return descend(conv_classifier(), CrossEntropy(labels), images(6), **settings)

    in_company, alone = (run(stop=below(0.5), batch_size=size) for size in (6, 1))
    assert len(alone.stopped_at.unique()) > 2
    assert torch.equal(in_company.stopped_at, alone.stopped_at)
    assert torch.allclose(in_company.images, alone.images, atol=1e-4)
    assert torch.allclose(in_company.loss, alone.loss, atol=1e-4)


def test_an_image_that_is_done_from_the_start_does_not_move():
    descent = attack(images(3), stop=lambda x, activations: torch.ones(len(x), dtype=torch.bool))
    assert torch.equal(descent.images, images(3))
    assert descent.stopped_at.tolist() == [0, 0, 0]
    assert descent.forwards == 1


def test_a_stopped_image_is_returned_even_where_another_was_better():
    calls = []

    def at_the_fourth(x, activations):
        calls.append(x)
        return torch.full((len(x),), len(calls) == 4)

    descent = overshoot(stop=at_the_fourth, keep_best=True)
    assert (descent.loss > descent.history[2]).any()
    assert torch.equal(descent.images, calls[3])
    assert torch.equal(descent.loss, descent.history[3])


# Promise 5: precision and compiling


def test_bfloat16_runs_the_network_in_half_and_the_ball_in_full():
    kinds, classifier = [], conv_classifier()
    handle = classifier.network[0].register_forward_hook(lambda module, args, output: kinds.append(output.dtype))
    descent = attack(images(3), classifier, ball=Linf(0.01), precision="bfloat16")
    handle.remove()
    assert set(kinds) == {torch.bfloat16}
    assert descent.images.dtype == descent.loss.dtype == torch.float32
    assert ((descent.images - images(3)).abs() <= 0.01 + 1e-6).all()
    assert len(descent.images.unique()) > 300  # bfloat16 has only 128 values from 0.25 to 0.5, and so on
    assert (loss(descent.images) < loss(images(3))).all()


@pytest.mark.parametrize(
    "objective",
    [
        CrossEntropy(1) + Distance(torch.ones(2, 24)),
        Activation(unit=1, layer="1"),
    ],
    ids=["two terms", "layer"],
)
def test_compiled_gives_the_same(objective, monkeypatch):
    compiled, backend = [], torch.compile

    def compile_without_code(function, **options):
        compiled.append(function)
        return backend(function, backend="aot_eager", **options)

    monkeypatch.setattr(torch, "compile", compile_without_code)
    plain = descend(conv_classifier(), objective, images(2), ball=L2(0.5), steps=3)
    assert not compiled
    fast = descend(conv_classifier(), objective, images(2), ball=L2(0.5), steps=3, compiled=True)
    assert len(compiled) == 1
    assert torch.allclose(fast.images, plain.images, atol=1e-4)


# Parametrizations


def test_fourier_lowers_the_loss_and_stays_in_the_ball():
    black = torch.zeros(2, 3, 8, 8)  # which no parameter decodes to exactly
    for ball in (Linf(1e-5), L2(0.01)):
        descent = attack(black, ball=ball, parametrization=Fourier())
        assert torch.equal(descent.images, ball.project(descent.images, black))
    descent = attack(images(2), ball=Unbounded(), steps=10, parametrization=Fourier())
    assert (loss(descent.images) < loss(images(2)) - 0.1).all()


# Callback


def test_the_callback_gets_the_progress_of_all_restarts_and_splits():
    seen = []
    attack(images(3), steps=2, restarts=2, batch_size=2, callback=seen.append)
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {progress.steps for progress in seen} == {8}
    assert [progress.index.tolist() for progress in seen] == [[0, 1]] * 4 + [[2]] * 4
    assert all(len(progress.images) == len(progress.loss) == len(progress.index) for progress in seen)


# Mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be"),
        ({"steps": 2.5}, "steps must be"),
        ({"restarts": 0}, "restarts must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"batch_size": -1}, "batch_size must be"),
        ({"step_size": 0.0}, "step_size must be positive"),
        ({"step_size": float("nan")}, "step_size must be positive"),
        ({"step_size": float("inf")}, "step_size must be positive"),
        ({"ball": Unbounded()}, "needs a step_size"),
        ({"ball": L2()}, "needs a step_size"),
        ({"ball": 1.0}, r"give a Ball such as L2\(1.0\), not float"),
        ({"precision": "bf16"}, "unknown precision 'bf16'; did you mean 'bfloat16'"),
        ({"center": torch.zeros(1, 3, 8, 8)}, "same shape"),
        ({"center": torch.full((2, 3, 8, 8), 2.0)}, "center must have values in"),
    ],
    ids=str,
)
def test_mistaken_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        attack(images(2), **options)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (torch.rand(3, 8, 8), "N, C, H, W"),
        (torch.rand(0, 3, 8, 8), "N of at least 1"),
        (torch.rand(1, 3, 8, 8) * 255, "divide 8-bit values by 255"),
        (torch.rand(1, 3, 8, 8) - 1, r"values in \[0, 1\]"),
        (torch.full((1, 3, 8, 8), float("nan")), r"values in \[0, 1\]"),
        (np.zeros((1, 3, 8, 8)), "images must be a torch.Tensor, not ndarray"),
    ],
    ids=["no batch", "empty", "8 bits", "negative", "nan", "numpy"],
)
def test_what_is_not_an_image_is_refused(start, message):
    with pytest.raises(InputError, match=message):
        attack(start)


def test_what_is_not_an_objective_is_refused():
    with pytest.raises(InputError, match=r"give a Objective such as CrossEntropy.*not function"):
        descend(conv_classifier(), lambda images, activations: images.sum(), images(1), ball=L2(1.0), steps=1)


def test_suspicious_settings_warn():
    with pytest.warns(UserWarning, match="8/255, not 8"):
        attack(images(1), ball=Linf(8.0))
    with pytest.warns(UserWarning, match="cannot reach the border"):
        attack(images(1), ball=L2(1.0), steps=2, step_size=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attack(images(1), ball=L2(), step_size=0.1)


def test_a_network_without_batch_norm_and_images_of_one_channel_will_do():
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    classifier = Classifier(network, mean=(0.5,), std=(0.5,))
    descent = attack(torch.full((2, 1, 4, 4), 0.5), classifier)
    assert descent.images.shape == (2, 1, 4, 4)
    assert (descent.images != 0.5).any()


def test_it_works_inside_inference_mode():
    expected, classifier = attack(images(3)).images, conv_classifier()
    with torch.inference_mode():
        x = images(3)
        descent = descend(classifier, -CrossEntropy(torch.zeros(3).long()), x, ball=L2(0.5), steps=4)
    assert torch.equal(descent.images, expected)


def test_a_radius_for_each_image_needs_as_many_as_there_are_images():
    with pytest.raises(InputError, match=r"L2: eps \(4,\) has 4 rows for 3 images"):
        attack(images(3), ball=L2(torch.tensor([0.1, 0.2, 0.3, 0.4])))


def test_a_restart_that_is_not_a_number_never_wins():
    seen = []

    class NanFirst(CrossEntropy):
        def __call__(self, images, activations):
            seen.append(1)
            losses = super().__call__(images, activations)
            return losses * float("nan") if len(seen) == 1 else losses

    descent = descend(conv_classifier(), NanFirst(0), images(2), ball=L2(0.5), steps=1, restarts=2)
    assert descent.loss.isfinite().all()


def test_compiled_refuses_straight_through():
    with pytest.raises(InputError, match="compiled"):
        descend(
            conv_classifier(), CrossEntropy(0, straight_through=True), images(1), ball=L2(0.5), steps=2, compiled=True
        )
