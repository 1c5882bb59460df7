"""What operations tell of the axes of the tensors that they read and make, and how it goes on to others."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pellucid.core.flow import Flow

FIRST = nn.Conv2d(3, 8, 1).requires_grad_(False)


def told(function, size=8, inference=False):
    """The axis of units of what a function makes of images, `(2, 3, size, size)`."""
    images = torch.rand(2, 3, size, size)
    with torch.inference_mode(inference), Flow(images) as flow:
        made = function(images)
        return flow.units(flow.place(made), made.ndim)


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize(
    ("function", "axis"),
    [
        (lambda x: FIRST(x), 1),
        (lambda x: FIRST(x).permute(0, 2, 3, 1), 3),
        (lambda x: FIRST(x).transpose(1, 3).relu() + 1, 3),
        (lambda x: FIRST(x).flatten(2), 1),
        (lambda x: FIRST(x).flatten(2).transpose(1, 2), 2),
        (lambda x: FIRST(x).flatten(2).mT.unflatten(1, (2, 32)), 3),
        (lambda x: F.pad(F.avg_pool2d(FIRST(x), (1, 2))[:, :, 1:], (0, 1)), 1),
        (lambda x: torch.cat([FIRST(x).sin(), FIRST(x)], 1), 1),
        (lambda x: F.linear(x.permute(0, 2, 3, 1), torch.rand(8, 3), torch.rand(8)), 3),
        (lambda x: F.layer_norm(torch.rand(2, 4, 4, 8), [8]), 3),
        (lambda x: FIRST(x).flatten(1).unflatten(1, (16, 4, 8)), None),  # other groups than there were
        (lambda x: torch.rand(2, 8, 8, 8), None),
    ],
)
def test_the_axis_goes_where_operations_take_it(function, axis, inference):
    assert told(function, inference=inference) == axis


@pytest.mark.parametrize(("read", "axis"), [(lambda y: y.mean((2, 3)), 1), (lambda y: y.mean((1, 2)), 3)])
def test_what_reads_a_tensor_later_tells_of_it(read, axis):
    with Flow(torch.rand(2, 3, 8, 8)) as flow:
        made = torch.rand(2, 4, 4, 4)
        place = flow.place(made)
        read(made * 2)
    assert flow.units(place, 4) == axis


def test_what_does_not_agree_tells_nothing():
    images = torch.rand(2, 3, 8, 8)
    with Flow(images) as flow:
        made = FIRST(images)
        place = flow.place(made)
        F.linear(made, torch.rand(8, 8))  # along its rows
    assert flow.units(place, 4) is None


def test_memory_that_is_used_again_is_another_tensor():
    def function(x):
        for _ in range(20):
            FIRST(x)  # freed at once
        return torch.rand(2, 8, 8, 8)

    assert told(function) is None


def test_what_comes_from_the_images_is_known():
    images, other = torch.rand(2, 3, 8, 8), torch.rand(2, 3)
    with Flow(images) as flow:
        assert flow.comes_from_images(FIRST(images).flatten(1)[:, :3] + other)
        assert not flow.comes_from_images(other * 2)
