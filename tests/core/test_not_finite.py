"""A network that yields numbers that are none: images stay images, and a warning says so."""

import pytest
import torch
from helpers import images
from torch import nn

from pellucid import L2, Adam, Classifier, CrossEntropy, Fourier, descend


class DarkIsUndefined(nn.Module):
    """The logits of an image with a dark corner are not numbers."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 2)

    def forward(self, values):
        return self.head(torch.stack([values.flatten(1).mean(1), (values[:, 0, 0, 0] - 0.5).log()], dim=1))


@pytest.mark.parametrize("options", [{}, {"keep_best": True}, {"parametrization": Fourier(), "optimizer": Adam()}])
def test_an_image_whose_loss_is_no_number_stays_where_it_is(options):
    start = images(3) / 4 + 0.7
    start[1, 0, 0, 0] = 0.1
    with pytest.warns(UserWarning, match="the loss of 1 of 3 images is not a finite number"):
        made = descend(Classifier(DarkIsUndefined()), CrossEntropy(0), start, ball=L2(0.1), steps=3, **options)
    assert made.images.isfinite().all()
    assert made.images.min() >= 0
    assert made.images.max() <= 1
    assert torch.allclose(made.images[1], start[1], atol=1e-5)
    assert not torch.allclose(made.images[0], start[0], atol=1e-3)
    assert made.loss[[0, 2]].isfinite().all()


class EdgeHasNone(nn.Module):
    """The gradient of the first column of pixels is not a number."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1, 2)

    def forward(self, values):
        edge = values[..., :1].detach() + 0 * (values[..., :1] - values[..., :1]).sqrt()  # 0 times an infinite slope
        return self.head(torch.cat([edge, values[..., 1:]], 3).flatten(1).mean(1, keepdim=True))


def test_a_pixel_without_a_gradient_stays_and_the_others_move():
    start = images(2) / 2 + 0.25
    made = descend(Classifier(EdgeHasNone()), CrossEntropy(0), start, ball=L2(0.5), steps=3).images
    assert torch.equal(made[..., :1], start[..., :1])
    assert bool(((made - start).flatten(1).norm(dim=1) > 0.4).all())
