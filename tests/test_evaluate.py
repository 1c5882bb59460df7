import math

import pytest
import torch
from helpers import conv_classifier, forward_batches
from torch import nn

from pellucid import Accuracies, Classifier, EvaluateRecipe, InputError, evaluate
from pellucid.data.dataset import Split

SIDE = 4


def flat_classifier(seed=0):
    """Linear, of two classes, with its plane through gray."""
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.randn(2, 3 * SIDE**2, generator=generator))
        network[1].bias.copy_(-0.5 * network[1].weight.sum(1))
    return Classifier(network)


def gray_split(count=40, seed=1, size=SIDE, classes=2):
    """Images near gray, far from black and white, with random labels."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(100, 156, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    return Split(images, torch.randint(classes, (count,), generator=generator))


def radii(classifier, split, dual_norm):
    """How far each image is from being seen wrongly, in closed form; below 0 if it is already."""
    layer = classifier.network[1]
    plane = (layer.weight[1] - layer.weight[0]).detach().double()
    bias = float(layer.bias.detach().diff())
    margins = (split.images.flatten(1).double() / 255) @ plane + bias
    return margins * (2 * split.labels - 1) / torch.linalg.vector_norm(plane, dual_norm)


def between(values):
    """Radii with a share of `values` on either side, each in the middle of the widest gap nearby."""
    values = values[values > 0].sort().values
    found = []
    for share in (0.3, 0.6, 0.9):
        at = int(share * len(values))
        ratios = values[at - 1 : at + 2] / values[at - 2 : at + 1]
        gap = at - 2 + int(ratios.argmax())
        found.append(float((values[gap] * values[gap + 1]).sqrt()))
    return tuple(found)


# Against the closed form


@pytest.mark.parametrize(("norm", "dual_norm"), [("l2", 2), ("linf", 1)])
@pytest.mark.parametrize("seed", [0, 1])
def test_on_a_linear_classifier_every_accuracy_is_known(norm, dual_norm, seed):
    classifier, split = flat_classifier(seed), gray_split(seed=seed + 10)
    distance = radii(classifier, split, dual_norm)
    eps = between(distance)
    result = evaluate(classifier, split, EvaluateRecipe(norm, eps, (20,)))
    assert result.count == 40
    assert result.clean == float((distance > 0).double().mean())
    for e in eps:
        assert result.robust[e] == {20: float((distance > e).double().mean())}
    assert 0 < result.robust[eps[-1]][20] < result.robust[eps[0]][20] < result.clean < 1


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
    assert evaluate(classifier, split, recipe, precision="bfloat16").robust == {1e-5: {3: 1.0}}


# Properties


def test_more_steps_never_raise_the_accuracy_and_can_lower_it():
    classifier = conv_classifier()
    split = gray_split(60, size=8, classes=4)
    split = Split(split.images, classifier.logits(split.batch(slice(None))[0]).argmax(1))
    steps = (10, 1, 3, 1)
    result = evaluate(classifier, split, EvaluateRecipe("linf", (0.01, 0.03, 0.06), steps))
    assert result.clean == 1
    for by_steps in result.robust.values():
        assert list(by_steps) == [1, 3, 10]
        assert by_steps[1] >= by_steps[3] >= by_steps[10]
    assert any(by_steps[1] > by_steps[10] for by_steps in result.robust.values())


@pytest.mark.parametrize("batch_size", [1, 7, 40])
def test_the_batch_size_does_not_matter(batch_size):
    classifier, split = flat_classifier(), gray_split()
    eps = between(radii(classifier, split, 2))
    expected = evaluate(classifier, split, EvaluateRecipe("l2", eps, (5, 20)))
    made = evaluate(classifier, split, EvaluateRecipe("l2", eps, (5, 20), batch_size=batch_size))
    assert (made.clean, made.robust) == (expected.clean, expected.robust)


@pytest.mark.parametrize(("count", "expected"), [(None, 40), (7, 7), (99, 40)])
def test_only_the_first_so_many_images_count(count, expected):
    classifier, split = flat_classifier(), gray_split()
    result = evaluate(classifier, split, EvaluateRecipe("l2", (1e-6,), (1,), count))
    right = radii(classifier, split, 2)[:expected] > 0
    assert result.count == expected
    assert result.clean == float(right.double().mean())


def test_a_classifier_that_is_always_wrong_is_never_attacked():
    classifier, split = flat_classifier(), gray_split()
    split = Split(split.images, 1 - classifier.logits(split.batch(slice(None))[0]).argmax(1))
    with forward_batches(classifier.network) as passes:
        result = evaluate(classifier, split, EvaluateRecipe("l2", (0.5,), (20,)))
    assert (result.clean, result.robust) == (0.0, {0.5: {20: 0.0}})
    assert passes == [40]


def test_progress_is_told_and_ends_at_one():
    shares = []
    recipe = EvaluateRecipe("l2", (0.1,), (1,), batch_size=15)
    evaluate(flat_classifier(), gray_split(), recipe, callback=shares.append)
    assert shares == [15 / 40, 30 / 40, 1.0]


def test_the_result_as_json():
    result = Accuracies(400, 2 / 3, {0.25: {20: 0.5}, 1.0: {20: 0.123456}}, {"norm": "l2"})
    assert result.to_json() == {
        "images": 400,
        "clean": 0.6667,
        "robust": {"0.25": {"pgd-20": 0.5}, "1": {"pgd-20": 0.1235}},
        "norm": "l2",
    }
    assert result.margin(0.5) == pytest.approx(1.96 * 0.5 / 20)
    assert result.margin(1.0) == 0


# Errors


@pytest.mark.parametrize("eps", [(), (0.0,), (0.5, -1.0), (math.nan,), (math.inf,)])
def test_radii_that_cannot_be_are_refused(eps):
    with pytest.raises(InputError, match="eps must be positive"):
        EvaluateRecipe(eps=eps)


@pytest.mark.parametrize("field", ["steps", "batch_size", "count"])
@pytest.mark.parametrize("value", [0, -5, 1.5])
def test_numbers_below_one_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field} must be a whole number of at least 1"):
        EvaluateRecipe(**{field: (value,) if field == "steps" else value})


def test_no_images_are_refused():
    with pytest.raises(InputError, match="no images to evaluate on"):
        evaluate(flat_classifier(), gray_split(0))


def test_images_of_another_size_are_refused():
    classifier = flat_classifier()
    classifier.card["size"] = SIDE
    with pytest.raises(InputError, match="the images are 8 x 8 and the classifier takes 4 px"):
        evaluate(classifier, gray_split(size=8))


def test_labels_that_the_classifier_does_not_have_are_refused():
    with pytest.raises(InputError, match="labels go up to 4, the classifier has 2 classes"):
        evaluate(flat_classifier(), gray_split(classes=5))
