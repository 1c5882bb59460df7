"""Options of the loop: restarts, the best step, early stops, precision, compiling; and mistakes."""

import warnings

import pytest
import torch
from descend_helpers import attack, jitter, loss
from helpers import conv_classifier, forward_batches, images
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


def test_a_reader_of_other_layers_is_refused(classifier):
    settings = {"ball": L2(1.0), "steps": 1, "reader": classifier.reader()}
    with pytest.raises(InputError, match="does not read 0; give"):
        descend(classifier, -Activation(unit=1, layer="0"), images(1), **settings)


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
    [CrossEntropy(1) + Distance(torch.ones(2, 24)), Activation(unit=1, layer="1")],
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
        ({"restarts": 0}, "restarts must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"step_size": 0.0}, "step_size must be positive"),
        ({"step_size": float("nan")}, "step_size must be positive"),
        ({"ball": Unbounded()}, "needs a step_size"),
        ({"ball": L2()}, "needs a step_size"),
        ({"ball": 1.0}, "a float is no Ball; give one, such as"),
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
        (torch.rand(8, 8), "N, C, H, W"),
        (torch.rand(0, 3, 8, 8), "N of at least 1"),
        (torch.rand(1, 3, 8, 8) * 255, "divide 8-bit values by 255"),
        (torch.full((1, 3, 8, 8), float("nan")), r"values in \[0, 1\]"),
        ({"a": 1}, "images must be tensors, arrays, PIL images or paths, .* not dict"),
    ],
    ids=["no channels", "empty", "8 bits", "nan", "dict"],
)
def test_what_is_not_an_image_is_refused(start, message):
    with pytest.raises(InputError, match=message):
        attack(start)


def test_what_is_not_an_objective_is_refused():
    with pytest.raises(InputError, match=r"a function is no Objective; give one, such as"):
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
