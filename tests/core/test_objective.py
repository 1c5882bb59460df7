import pytest
import torch
from helpers import images

from pellucid import Activation, Activations, CrossEntropy, Distance, InputError, Outside


@pytest.fixture
def activations():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return Activations(draw(3, 5), draw(3, 7), {"flat": draw(3, 6), "spatial": draw(3, 4, 2, 3)})


def test_cross_entropy_is_minus_the_log_of_the_softmax(activations):
    labels = torch.tensor([4, 0, 2])
    exponents = activations.logits.double().exp()
    expected = [-torch.log(exponents[i, labels[i]] / exponents[i].sum()).item() for i in range(3)]
    assert CrossEntropy(labels)(images(3), activations).tolist() == pytest.approx(expected, rel=1e-5)
    one_label = [-torch.log(row[1] / row.sum()).item() for row in exponents]
    assert CrossEntropy(1)(images(3), activations).tolist() == pytest.approx(one_label, rel=1e-5)


def test_activation_of_a_unit(activations):
    rows = activations.representation
    assert torch.equal(Activation(unit=6)(images(3), activations), rows[:, 6])
    units = torch.tensor([0, 3, 5])
    expected = [rows[i, units[i]].item() for i in range(3)]
    assert Activation(unit=units)(images(3), activations).tolist() == expected
    assert torch.equal(Activation(unit=2, layer="logits")(images(3), activations), activations.logits[:, 2])


def test_activation_of_a_channel_is_its_mean_over_positions(activations):
    channel = activations["spatial"][:, 3]
    expected = [sum(channel[i].flatten().tolist()) / 6 for i in range(3)]
    assert Activation(unit=3, layer="spatial")(images(3), activations).tolist() == pytest.approx(expected, rel=1e-5)


def test_activation_along_a_direction_is_the_dot_product(activations):
    direction = torch.arange(6.0)
    rows = activations["flat"]
    expected = [sum(rows[i, u].item() * u for u in range(6)) for i in range(3)]
    objective = Activation(layer="flat", direction=direction)
    assert objective(images(3), activations).tolist() == pytest.approx(expected, rel=1e-5)
    each = torch.stack([direction, -direction, 2 * direction])
    expected = [expected[0], -expected[1], 2 * expected[2]]
    assert Activation(layer="flat", direction=each)(images(3), activations).tolist() == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("options", [{}, {"unit": 1, "direction": torch.ones(7)}])
def test_activation_takes_a_unit_or_a_direction(options):
    with pytest.raises(InputError, match="either a unit or a direction"):
        Activation(**options)


@pytest.mark.parametrize("layer", ["representation", "spatial"])
def test_distance_is_relative_to_the_norm_of_the_target(layer, activations):
    target = torch.randn(activations[layer].shape, generator=torch.Generator().manual_seed(1))
    expected = []
    for own, other in zip(activations[layer].double(), target.double(), strict=True):
        expected.append((((own - other) ** 2).sum().sqrt() / (other**2).sum().sqrt()).item())
    assert Distance(target, layer=layer)(images(3), activations).tolist() == pytest.approx(expected, rel=1e-5)


def test_distance_is_0_at_the_target_and_1_from_the_zero_vector(activations):
    assert Distance(activations.representation)(images(3), activations).tolist() == [0, 0, 0]
    away = Activations(activations.logits, torch.zeros(3, 7))
    assert Distance(activations.representation)(images(3), away).tolist() == pytest.approx([1, 1, 1])


def test_outside_is_the_mean_square_of_what_changed_where_the_mask_is_0(activations):
    original, changed = images(3, seed=1), images(3, seed=2)
    mask = (torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    expected = []
    for i in range(3):
        total = 0.0
        for y in range(8):
            for x in range(8):
                if mask[i, 0, y, x] == 0:
                    total += ((changed[i, :, y, x] - original[i, :, y, x]) ** 2).sum().item()
        expected.append(total / (3 * 8 * 8))
    assert Outside(mask, original)(changed, activations).tolist() == pytest.approx(expected, rel=1e-5)


def test_objectives_add_subtract_scale_and_negate(activations):
    a, b, c = CrossEntropy(1), Activation(unit=2), Activation(unit=0, layer="flat")
    la, lb, lc = (term(images(3), activations) for term in (a, b, c))
    for objective, expected in [
        (a + b, la + lb),
        (a - b, la - lb),
        (-a, -la),
        (3 * a, 3 * la),
        (a * 3, 3 * la),
        (2 * (a - 0.5 * b) + 10 * c, 2 * la - lb + 10 * lc),
        (-(a - b - c), -la + lb + lc),
        (a / 4, la / 4),
        (sum([a, b, c]), la + lb + lc),
    ]:
        assert torch.allclose(objective(images(3), activations), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("combine", "message"),
    [
        (lambda a: a + 1, "only objectives are added to an objective or subtracted from it, not int"),
        (lambda a: 1 + a, "only objectives are added"),
        (lambda a: a * float("nan"), "by a finite number, not by nan"),
        (lambda a: a * "2x", "by a finite number, not by '2x'"),
        (lambda a: a * torch.ones(2), "by a finite number, not by tensor"),
        (lambda a: a * a, "by a finite number, not by CrossEntropy"),
        (lambda a: a / 0, "cannot be divided by 0"),
    ],
)
def test_objectives_go_with_objectives_and_finite_weights(combine, message):
    with pytest.raises(InputError, match=message):
        combine(CrossEntropy(1))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (CrossEntropy(5), "the classifier has classes 0 to 4, not 5"),
        (CrossEntropy(-100), "the classifier has classes 0 to 4, not -100"),
        (Activation(direction=torch.ones(1)), r"'representation' has 7 units.*not \(1,\)"),
        (Activation(layer="flat", direction=torch.ones(3, 7)), r"'flat' has 6 units.*not \(7,\)"),
        (Distance(torch.ones(3, 1)), r"yields \(7,\) for an image, and the target has \(1,\)"),
        (Activation(unit=-1), "units 0 to 6, not -1"),
        (Activation(direction=torch.full((7,), torch.nan)), "finite numbers"),
        (2 * Distance(torch.full((1, 7), torch.inf)), "finite numbers"),
        (Outside(torch.ones(3, 1, 8, 1), images(3)), r"mask is \(1, 8, 1\) for an image of \(3, 8, 8\)"),
        (Outside(torch.ones(3, 1, 8, 8), images(3, size=4)), r"Outside: original is \(3, 4, 4\)"),
    ],
)
def test_what_does_not_fit_the_activations_or_the_images_is_refused(objective, message, activations):
    refused = objective if isinstance(objective, Outside) else lambda images, activations: objective.check(activations)
    with pytest.raises(InputError, match=message):
        refused(images(3), activations)


def test_a_target_has_an_axis_of_images():
    with pytest.raises(InputError, match=r"a target is \(N, ...\), or \(1, ...\) for all images, not \(7,\)"):
        Distance(torch.ones(7))


def test_a_layer_of_five_axes_has_no_units():
    activations = Activations(torch.zeros(2, 3), torch.zeros(2, 3), {"deep": torch.zeros(2, 3, 4, 4, 4)})
    with pytest.raises(InputError, match="2 to 4 axes"):
        Activation(unit=0, layer="deep")(images(2), activations)


def test_a_sum_asks_for_the_layers_of_all_its_terms():
    objective = CrossEntropy(0) + 2 * (Activation(unit=0, layer="conv1") - Distance(torch.ones(1, 3), layer="fc"))
    assert objective.layers == {"conv1", "fc"}
    assert not objective.uses_straight_through
    assert (objective + Activation(unit=0, straight_through=True)).uses_straight_through


def test_select_takes_the_rows_of_every_term(activations):
    index = torch.tensor([2, 0])
    objective = (
        CrossEntropy(torch.tensor([4, 0, 2]))
        - Activation(unit=torch.tensor([0, 3, 5]))
        + 2 * Distance(torch.randn(3, 7, generator=torch.Generator().manual_seed(1)))
        + 3 * Outside(torch.zeros(3, 1, 8, 8), images(3, seed=5))
        + Activation(layer="flat", direction=torch.arange(6.0))
        + Activation(layer="flat", direction=torch.arange(18.0).reshape(3, 6))
        + CrossEntropy(1)
    )
    layers = {name: values[index] for name, values in activations.layers.items()}
    fewer = Activations(activations.logits[index], activations.representation[index], layers)
    whole = objective(images(3), activations)
    assert torch.allclose(objective.select(index)(images(3)[index], fewer), whole[index], rtol=1e-6)


def test_to_moves_every_tensor():
    objective = (CrossEntropy(torch.tensor([1])) + Outside(torch.ones(1), torch.ones(1))).to(torch.device("meta"))
    (label, outside) = objective.terms
    assert {t.device.type for t in (label.label, outside.mask, outside.original)} == {"meta"}
