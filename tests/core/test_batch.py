"""One row is meant for all images, N rows for N images; anything else is refused before the first step."""

import pytest
import torch
from helpers import conv_classifier, images

from pellucid import (
    L2,
    Activation,
    CrossEntropy,
    Distance,
    Exceeds,
    InputError,
    Inside,
    Misclassified,
    Near,
    Outside,
    Reaches,
    Unbounded,
    descend,
)

COUNT = 4


def run(objective=None, ball=None, count=COUNT, **options):
    """A descent on two images at a time, so that rows are selected."""
    options = {"steps": 3, "step_size": 0.1, "batch_size": 2, **options}
    return descend(conv_classifier(5), objective or CrossEntropy(1), images(count), ball=ball or L2(0.3), **options)


def target(rows):
    return images(rows, seed=1).flatten(1)[:, :24]


def mask(rows):
    """The left half of images of 8 x 8 pixels."""
    return (torch.arange(8) < 4).float().expand(rows, 1, 8, 8)


OBJECTIVES = {
    "label": lambda rows: CrossEntropy(torch.ones(rows).long()),
    "unit": lambda rows: Activation(unit=torch.ones(rows).long()),
    "direction": lambda rows: -Activation(direction=torch.ones(rows, 24)),
    "target": lambda rows: CrossEntropy(1) + 2 * Distance(target(1).repeat(rows, 1)),
    "mask": lambda rows: CrossEntropy(1) + Outside(mask(rows), images(1).repeat(COUNT, 1, 1, 1)),
    "original": lambda rows: CrossEntropy(1) + Outside(mask(COUNT), images(1).repeat(rows, 1, 1, 1)),
}
BALLS = {
    "eps": lambda rows: L2(torch.full((rows,), 0.2)),
    "mask": lambda rows: Inside(L2(0.3), mask(rows)),
    "eps of the ball": lambda rows: Inside(L2(torch.full((rows,), 0.2)), mask(COUNT)),
}
STOPS = {
    "label": lambda rows: Misclassified(torch.ones(rows).long()),
    "unit": lambda rows: Exceeds(torch.ones(rows).long()),
    "unit to reach": lambda rows: Reaches(torch.ones(rows).long(), 0.1),
    "target": lambda rows: Near(Distance(target(1).repeat(rows, 1)), 0.5),
}
CASES = [
    pytest.param(name, make, id=f"{name}: {what}")
    for name, makes in {"objective": OBJECTIVES, "ball": BALLS, "stop": STOPS}.items()
    for what, make in makes.items()
]


@pytest.mark.parametrize(("name", "make"), CASES)
def test_one_row_is_meant_for_all_images(name, make):
    assert torch.equal(run(**{name: make(1)}).images, run(**{name: make(COUNT)}).images)


def test_one_radius_gives_every_image_the_default_step():
    one, each = (run(ball=L2(torch.full((rows,), 0.2)), step_size=None) for rows in (1, COUNT))
    assert torch.equal(one.images, each.images)


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize(("name", "make"), CASES)
def test_another_number_of_rows_is_refused(name, make, rows):
    with pytest.raises(InputError, match=f"has {rows} rows for 4 images; give one row for all, or one for each"):
        run(**{name: make(rows)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": CrossEntropy(torch.tensor([0, 1, 2, 7]))}, "classes 0 to 4, not 7"),
        ({"objective": CrossEntropy(torch.tensor([-100]))}, "classes 0 to 4, not -100"),
        ({"objective": CrossEntropy(torch.ones(4))}, r"give int64 of \(N,\), not torch.float32"),
        ({"objective": Activation(unit=torch.tensor([0, 1, 2, 24]))}, "units 0 to 23, not 24"),
        ({"objective": Activation(unit=torch.tensor([6] * 4), layer="0")}, "layer '0' has units 0 to 5, not 6"),
        ({"stop": Misclassified(torch.tensor([0, 1, 2, 5]))}, "classes 0 to 4, not 5"),
        ({"stop": Reaches(torch.tensor([-1]))}, "units 0 to 23, not -1"),
        (
            {"ball": Inside(Unbounded(), torch.ones(4, 1, 8, 7))},
            r"Inside: mask is \(1, 8, 7\) for an image of \(3, 8, 8\)",
        ),
    ],
)
def test_what_the_network_does_not_have_is_refused_in_the_first_step(options, message):
    """Also where it belongs to an image of a later split."""
    seen = []
    with pytest.raises(InputError, match=message):
        run(**options, callback=seen.append)
    assert seen == []
