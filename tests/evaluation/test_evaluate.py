import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from evaluation_helpers import SIDE, between, flat_classifier, gray_split, radii
from helpers import conv_classifier, forward_batches
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pellucid import (
    L2,
    Accuracies,
    Classifier,
    EvaluateRecipe,
    InputError,
    Linf,
    Outcomes,
    TransferabilityRecipe,
    evaluate,
    transferability,
)  # fmt: skip
from pellucid.data.dataset import Split
from pellucid.evaluation.accuracy import Evaluation
from pellucid.evaluation.pgd import PGD, random_points
from pellucid.evaluation.threat import fooled, inside


def always(number, class_names):
    """Two classes, of which it sees one in every image."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2))
    nn.init.zeros_(network[1].weight)
    network[1].bias.data = torch.eye(2)[number]
    return Classifier(network, class_names=class_names)


# Against the closed form


@pytest.mark.parametrize(("norm", "dual_norm"), [("l2", 2), ("linf", 1)])
def test_on_a_linear_classifier_every_accuracy_is_known(norm, dual_norm):
    classifier, split = flat_classifier(), gray_split(seed=10)
    distance = radii(classifier, split, dual_norm)
    eps = between(distance)
    result = evaluate(classifier, split, EvaluateRecipe(norm, eps, (20,)))
    assert result.count == 40
    assert result.clean == float((distance > 0).double().mean())
    for e in eps:
        assert result.robust[e] == {"pgd-20": float((distance > e).double().mean())}
    assert 0 < result.robust[eps[-1]]["pgd-20"] < result.robust[eps[0]]["pgd-20"] < result.clean < 1


@pytest.mark.parametrize(("norm", "dual_norm"), [("l2", 2), ("linf", 1)])
def test_a_bfloat16_attack_comes_to_the_float32_verdict(norm, dual_norm):
    classifier, split = flat_classifier(), gray_split(60)
    distance = radii(classifier, split, dual_norm)
    near = [(distance / e - 1).abs() < 0.1 for e in between(distance)]
    clear = ~torch.stack(near).any(0)
    split = Split(split.images[clear], split.labels[clear])
    recipe = EvaluateRecipe(norm, between(distance), (20,))
    assert (
        evaluate(classifier, split, recipe, precision="bfloat16").robust == evaluate(classifier, split, recipe).robust
    )


def test_an_image_that_only_bfloat16_sees_wrongly_counts_as_right():
    classifier = flat_classifier()
    with torch.no_grad():
        classifier.network[1].bias += 1000  # where bfloat16 has steps of 4
    split = gray_split()
    split = Split(split.images, classifier.logits(split.batch(slice(None))[0]).argmax(1))
    with torch.autocast("cpu", torch.bfloat16):
        seen = classifier.logits(split.batch(slice(None))[0]).argmax(1)
    assert (seen != split.labels).float().mean() > 0.2
    recipe = EvaluateRecipe("l2", (1e-5,), (3,))
    assert evaluate(classifier, split, recipe, precision="bfloat16").robust == {1e-5: {"pgd-3": 1.0}}


@pytest.mark.parametrize(("norm", "dual_norm"), [("l2", 2), ("linf", 1)])
@pytest.mark.parametrize("options", [{}, {"restarts": 3}, {"random_start": True, "step_size": 0.3}])
def test_an_image_falls_just_beyond_its_own_radius_and_not_within(norm, dual_norm, options):
    """0.99 and 1.01 times each image's own distance, in closed form."""
    classifier, split = flat_classifier(), gray_split(30)
    distance = radii(classifier, split, dual_norm)
    rows = (distance > 0.02 * distance.max()).nonzero()[:, 0]
    if "step_size" in options:  # in units of the distance
        options = {**options, "step_size": options["step_size"] * float(distance.max())}
    assert len(rows) >= 4
    for row in rows[:4].tolist():
        one = Split(split.images[row : row + 1], split.labels[row : row + 1])
        recipe = EvaluateRecipe(norm, (0.99 * float(distance[row]), 1.01 * float(distance[row])), (60,), **options)
        within, beyond = evaluate(classifier, one, recipe).robust.values()
        assert (within, beyond) == ({"pgd-60": 1.0}, {"pgd-60": 0.0})


def test_the_paper_s_settings_can_be_said():
    """20 steps of 0.375 at eps 3: the same as the convention, 2.5 eps / steps, says; of 0.1 they do not get there."""
    classifier, split = flat_classifier(), gray_split()
    eps = between(radii(classifier, split, 2))[1]
    said = EvaluateRecipe(eps=(eps,), step_size=0.375 * eps / 3)
    assert evaluate(classifier, split, said).robust == evaluate(classifier, split, EvaluateRecipe(eps=(eps,))).robust
    with pytest.warns(UserWarning, match="20 steps of .* cannot reach the border"):
        short = evaluate(classifier, split, replace(said, step_size=eps / 1000))
    assert short.robust[eps]["pgd-20"] > evaluate(classifier, split, said).robust[eps]["pgd-20"]


# The verdict


@pytest.mark.parametrize("ball", [L2(0.5), Linf(0.05)])
def test_a_point_counts_if_it_is_an_image_of_the_ball(ball):
    center = torch.full((4, 3, 2, 2), 0.5)
    points = center.clone()
    points[0, 0, 0, 0] += ball.eps
    points[1, 0, 0, 0] += 1.01 * ball.eps
    points[2, 0, 0, 0] = math.nan
    assert inside(ball, points, center).tolist() == [True, False, False, True]
    dark = torch.zeros(2, 3, 2, 2)
    points = dark.clone()
    points[0, 0, 0, 0] = -0.01
    assert inside(ball, points, dark).tolist() == [False, True]


def test_what_an_attack_claims_is_projected_before_it_counts():
    classifier, split = flat_classifier(), gray_split()
    distance = radii(classifier, split, 2)
    rows = (distance > 0).nonzero()[:, 0]
    images, labels = split.batch(rows)
    plane = (classifier.network[1].weight[1] - classifier.network[1].weight[0]).detach()
    towards = -(plane / plane.norm()).reshape(1, 3, SIDE, SIDE) * (2 * labels - 1)[:, None, None, None]
    beyond = images + towards * (2 * distance[rows]).float()[:, None, None, None]
    assert fooled(classifier, beyond, images, labels, L2(10.0)).all()
    eps = between(distance)[1]
    assert torch.equal(fooled(classifier, beyond, images, labels, L2(eps)), distance[rows] < eps)
    assert not fooled(classifier, beyond * math.nan, images, labels, L2(10.0)).any()


def test_a_success_that_is_not_confirmed_is_attacked_again_to_the_end(monkeypatch):
    """The attack's network errs by a constant, as a fused layer may; the verdict's network does not."""
    classifier, split = flat_classifier(), gray_split()
    eps = between(radii(classifier, split, 2))[1]
    images, labels = split.batch(slice(None))
    right = radii(classifier, split, 2) > 0
    expected = PGD(20)(classifier, images[right], labels[right], torch.arange(int(right.sum())), L2(eps))

    def sees_all_wrongly(self, images, activations):
        return torch.ones(len(images), dtype=torch.bool)

    monkeypatch.setattr("pellucid.evaluation.pgd.Misclassified.__call__", sees_all_wrongly)
    held = PGD(20)(classifier, images[right], labels[right], torch.arange(int(right.sum())), L2(eps))
    assert torch.equal(held, expected)
    assert 0 < held.sum() < len(held)


# Against another library


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_accuracies_are_those_of_torchattacks(norm):
    """To be had in an environment of its own only: it pins what others need newer."""
    torchattacks = pytest.importorskip("torchattacks", reason="torchattacks is not installed")
    classifier, split = conv_classifier(seed=2).eval(), gray_split(200, size=8, classes=4)
    images, _ = split.batch(slice(None))
    labels = classifier.logits(images).argmax(1)
    eps = 0.9 if norm == "l2" else 0.1

    class Logits(nn.Module):
        def forward(self, images):
            return classifier.logits(images.flatten(1).view_as(images))  # gradients in the layout that it wants

    kind = torchattacks.PGDL2 if norm == "l2" else torchattacks.PGD
    attack = kind(Logits(), eps=eps, alpha=2.5 * eps / 20, steps=20, random_start=False)
    theirs = float((classifier.logits(attack(images, labels)).argmax(1) == labels).float().mean())
    ours = evaluate(classifier, Split(split.images, labels), EvaluateRecipe(norm, (eps,))).robust[eps]["pgd-20"]
    assert 0.1 < theirs < 0.9
    assert ours == pytest.approx(theirs, abs=0.003)


# Random starts


def test_a_random_start_depends_on_the_image_and_the_seed_and_not_on_the_batch():
    images = gray_split(6).batch(slice(None))[0]
    points = random_points(L2(0.5), images, torch.arange(6), seed=3)
    assert torch.equal(random_points(L2(0.5), images[[4, 2]], torch.tensor([4, 2]), seed=3), points[[4, 2]])
    assert not torch.equal(random_points(L2(0.5), images, torch.arange(6), seed=4), points)
    assert inside(L2(0.5), points, images).all()
    assert torch.pdist((points - images).flatten(1)).min() > 0.1


def test_attacks_with_random_starts_do_not_depend_on_the_batch_either():
    classifier, split = conv_classifier(seed=1).eval(), gray_split(30, size=8, classes=4)
    split = Split(split.images, classifier.logits(split.batch(slice(None))[0]).argmax(1))
    recipe = EvaluateRecipe("linf", (0.055, 0.06), (1,), random_start=True, restarts=2)
    expected = evaluate(classifier, split, recipe)
    made = evaluate(classifier, split, replace(recipe, batch_size=7))
    assert (made.clean, made.robust) == (expected.clean, expected.robust)


def test_a_restart_gets_what_is_still_right(monkeypatch):
    given = []

    def breaks_the_first(self, classifier, images, labels, start, ball):
        given.append((images == start).all().item())
        assert len(images) == 6 - len(given)
        return torch.arange(len(images)) == 0

    monkeypatch.setattr(PGD, "_breaks", breaks_the_first)
    images, labels = gray_split(5).batch(slice(None))
    held = PGD(1, restarts=3)(flat_classifier(), images, labels, torch.arange(5), L2(0.5))
    assert held.tolist() == [False, False, False, True, True]
    assert given == [True, False, False]


def test_restarts_help_where_the_image_itself_has_no_gradient():
    """Flat around the image: only pixels that a random start makes brighter than 0.4 have a slope."""

    class Bowl(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(1, 2)
            with torch.no_grad():
                self.head.weight.copy_(torch.tensor([[-1.0], [1.0]]))
                self.head.bias.copy_(torch.tensor([0.03, -0.03]))

        def forward(self, x):
            return self.head((x - 0.4).relu().mean((1, 2, 3))[:, None])

    split = Split(torch.full((8, 3, 4, 4), 77, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    recipe = EvaluateRecipe("linf", (0.3,), (10,))
    classifier = Classifier(Bowl())
    assert evaluate(classifier, split, recipe).robust[0.3]["pgd-10"] == 1.0
    assert evaluate(classifier, split, replace(recipe, restarts=2)).robust[0.3]["pgd-10"] == 0.0
    assert evaluate(classifier, split, replace(recipe, random_start=True)).robust[0.3]["pgd-10"] == 0.0


# Parts


@given(st.lists(st.integers(1, 39), max_size=4), st.randoms(use_true_random=False))
def test_parts_in_any_order_make_the_whole(cuts, random):
    whole = Outcomes(
        torch.arange(40),
        torch.arange(40) % 3 > 0,
        {0.5: {"pgd-1": torch.arange(40) % 4 == 1, "autoattack-standard": torch.arange(40) % 8 == 1}},
    )
    bounds = [0, *sorted(cuts), 40]
    slices = [slice(a, b) for a, b in pairwise(bounds) if b > a]
    random.shuffle(slices)
    robust = whole.robust[0.5]
    parts = [
        Outcomes(whole.index[s], whole.clean[s], {0.5: {name: held[s] for name, held in robust.items()}})
        for s in slices
    ]
    joined = Outcomes.joined(parts)
    assert torch.equal(joined.index, whole.index)
    assert joined.accuracies() == whole.accuracies()
    assert all(torch.equal(joined.robust[0.5][name], held) for name, held in robust.items())


def test_parts_that_overlap_are_refused():
    part = Outcomes(torch.tensor([0, 1]), torch.tensor([True, False]))
    with pytest.raises(InputError, match="parts of an evaluation overlap"):
        Outcomes.joined([part, Outcomes(torch.tensor([1]), torch.tensor([True]))])


def test_an_evaluation_in_parts_is_the_evaluation():
    classifier, split = flat_classifier(), gray_split()
    recipe = EvaluateRecipe(eps=between(radii(classifier, split, 2)), steps=(5, 20), count=37, batch_size=8)
    evaluation = Evaluation(classifier, split, recipe)
    first, second = ([evaluation.outcomes(s) for s in evaluation.spans()[rank::2]] for rank in (0, 1))
    joined = Outcomes.joined([*second, *first])
    assert joined.accuracies(evaluation.settings()) == evaluate(classifier, split, recipe)
    distance = radii(classifier, split, 2)[evaluation.index]
    assert torch.equal(joined.clean, distance > 0)
    for eps, by_attack in joined.robust.items():
        assert torch.equal(by_attack["pgd-20"], distance > eps)


# Properties


def test_what_an_attack_has_broken_is_not_attacked_again(monkeypatch):
    attacked = []
    call = PGD.__call__

    def counting(self, classifier, images, labels, index, ball):
        attacked.append((self.steps, index.tolist()))
        return call(self, classifier, images, labels, index, ball)

    monkeypatch.setattr(PGD, "__call__", counting)
    classifier, split = flat_classifier(), gray_split()
    distance = radii(classifier, split, 2)
    eps = between(distance)[1]
    evaluate(classifier, split, EvaluateRecipe(eps=(eps,), steps=(40, 20)))
    assert attacked == [
        (20, (distance > 0).nonzero()[:, 0].tolist()),
        (40, (distance > eps).nonzero()[:, 0].tolist()),
    ]


def test_a_classifier_in_train_mode_is_measured_in_eval_mode_and_stays_as_it_was():
    classifier, split = conv_classifier(), gray_split(20, size=8, classes=4)
    classifier.eval()
    recipe = EvaluateRecipe(eps=(0.1,), steps=(2,))
    expected, before = evaluate(classifier, split, recipe), classifier.network[1].running_mean.clone()
    classifier.train()
    assert evaluate(classifier, split, recipe) == expected
    assert classifier.network[1].training
    assert torch.equal(classifier.network[1].running_mean, before)


def test_more_steps_never_raise_the_accuracy_and_can_lower_it():
    classifier = conv_classifier(seed=1).eval()
    split = gray_split(60, size=8, classes=4)
    split = Split(split.images, classifier.logits(split.batch(slice(None))[0]).argmax(1))
    steps = (10, 1, 3, 1)
    result = evaluate(classifier, split, EvaluateRecipe("linf", (0.04, 0.05, 0.06), steps))
    assert result.clean == 1
    for by_steps in result.robust.values():
        assert list(by_steps) == ["pgd-1", "pgd-3", "pgd-10"]
        assert by_steps["pgd-1"] >= by_steps["pgd-3"] >= by_steps["pgd-10"]
    assert any(by_steps["pgd-1"] > by_steps["pgd-10"] for by_steps in result.robust.values())


def test_the_batch_size_does_not_matter():
    classifier, split = flat_classifier(), gray_split()
    eps = between(radii(classifier, split, 2))
    expected = evaluate(classifier, split, EvaluateRecipe("l2", eps, (5, 20)))
    made = evaluate(classifier, split, EvaluateRecipe("l2", eps, (5, 20), batch_size=7))
    assert (made.clean, made.robust) == (expected.clean, expected.robust)


@pytest.mark.parametrize(("count", "expected"), [(None, 40), (8, 8), (99, 40)])
def test_a_part_of_images_that_are_sorted_by_class_has_all_classes(count, expected):
    classifier = always(0, None)
    split = Split(gray_split().images, torch.arange(40) // 20)
    result = evaluate(classifier, split, EvaluateRecipe("l2", (1e-6,), (1,), count=count))
    assert (result.count, result.clean) == (expected, 0.5)


def test_classes_without_an_image_are_named():
    split = Split(gray_split(3).images, [0, 0, 0])
    classifier = always(0, ["cat", "dog"])
    with pytest.warns(UserWarning, match="1 of 2 classes .* dog"):
        evaluate(classifier, split, EvaluateRecipe("l2", (1e-6,), (1,)))
    with pytest.warns(UserWarning, match="1 of 2 classes .* dog"):
        transferability({"a": classifier, "b": classifier}, split, TransferabilityRecipe(steps=1))


def test_a_classifier_that_is_always_wrong_is_never_attacked():
    classifier, split = flat_classifier(), gray_split()
    split = Split(split.images, 1 - classifier.logits(split.batch(slice(None))[0]).argmax(1))
    with forward_batches(classifier.network) as passes:
        result = evaluate(classifier, split, EvaluateRecipe("l2", (0.5,), (20,)))
    assert (result.clean, result.robust) == (0.0, {0.5: {"pgd-20": 0.0}})
    assert passes == [1, 40]  # one image, to see whether the network takes it


def test_progress_is_told_and_ends_at_one():
    shares = []
    recipe = EvaluateRecipe("l2", (0.1,), (1,), batch_size=15)
    evaluate(flat_classifier(), gray_split(), recipe, callback=shares.append)
    assert shares == [15 / 40, 30 / 40, 1.0]


def test_the_result_as_json():
    result = Accuracies(400, 2 / 3, {0.25: {"pgd-20": 0.5}, 1.0: {"pgd-20": 0.123456}}, {"norm": "l2"})
    assert result.to_json() == {
        "images": 400,
        "clean": 0.6667,
        "robust": {"0.25": {"pgd-20": 0.5}, "1": {"pgd-20": 0.1235}},
        "intervals": {
            "clean": [0.6191, 0.7111],
            "robust": {"0.25": {"pgd-20": [0.4512, 0.5488]}, "1": {"pgd-20": [0.0948, 0.1593]}},
        },
        "norm": "l2",
    }


@given(st.integers(1, 5000).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count))))
def test_the_ends_of_an_interval_are_the_shares_that_the_measured_one_is_just_compatible_with(drawn):
    """Wilson's interval inverts the test of a share q: |p - q| = 1.96 √(q (1 - q) / n)."""
    count, right = drawn
    p = right / count
    low, high = Accuracies(count, p).interval(p)
    for q in (low, high):
        assert abs(p - q) == pytest.approx(1.959964 * math.sqrt(q * (1 - q) / count), abs=1e-6)
    assert -1e-12 < low <= p + 1e-12
    assert p - 1e-12 <= high < 1 + 1e-12
    assert high - low > 0


# Errors


@pytest.mark.parametrize("eps", [(), (0.0,), (0.5, -1.0), (math.nan,), (math.inf,)])
def test_radii_that_cannot_be_are_refused(eps):
    with pytest.raises(InputError, match="eps must be positive"):
        EvaluateRecipe(eps=eps)


def test_a_cube_that_holds_every_image_is_refused():
    with pytest.raises(InputError, match=r"an linf eps of 8 allows any image, .*did you mean 8/255\?"):
        EvaluateRecipe("linf", (0.03, 8.0))
    EvaluateRecipe("linf", (float(Fraction(8, 255)),))
    EvaluateRecipe("l2", (8.0,))


@pytest.mark.parametrize("size", [0.0, -1.0, math.nan, math.inf])
def test_a_step_size_that_is_not_positive_is_refused(size):
    with pytest.raises(InputError, match="step_size must be positive"):
        EvaluateRecipe(step_size=size)


@pytest.mark.parametrize("field", ["steps", "batch_size", "count", "restarts"])
@pytest.mark.parametrize("value", [0, -5, 1.5])
def test_numbers_below_one_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field} must be a whole number"):
        EvaluateRecipe(**{field: (value,) if field == "steps" else value})


def test_no_images_are_refused():
    with pytest.raises(InputError, match="no images to evaluate on"):
        evaluate(flat_classifier(), gray_split(0))


def test_images_of_another_size_are_refused():
    classifier = flat_classifier()
    classifier.card["size"] = SIDE
    with pytest.raises(InputError, match="the images are 8 x 8 and the classifier takes 4 px"):
        evaluate(classifier, gray_split(size=8))
