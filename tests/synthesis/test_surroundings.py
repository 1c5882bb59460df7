import pytest
import torch
import torch.nn.functional as F
from helpers import close, images
from torch import nn

from pellucid import Classifier, InpaintRecipe, InputError, box_mask, inpaint, load
from pellucid.core.batch import norms
from pellucid.synthesis.membrane import membrane
from pellucid.synthesis.surroundings import copied, nearest, pyramid


def test_a_membrane_has_the_mean_of_its_neighbors_everywhere_in_the_hole():
    batch, mask = images(3, size=12), box_mask((12, 12), (3, 0, 6, 7))
    found = membrane(batch, mask.expand(3, -1, -1, -1))
    padded = F.pad(found, (1, 1, 1, 1), mode="replicate")
    mean = (padded[:, :, :-2, 1:-1] + padded[:, :, 2:, 1:-1] + padded[:, :, 1:-1, :-2] + padded[:, :, 1:-1, 2:]) / 4
    inside = mask.bool().expand_as(found)
    assert (found - mean)[inside].abs().max() < 2e-3
    assert torch.equal(found[~inside], batch[~inside])


def test_a_membrane_does_not_read_the_hole():
    batch, mask = images(1), box_mask((8, 8), (2, 2, 4, 4))
    assert torch.equal(membrane(batch, mask), membrane(batch * (1 - mask), mask))


def slow_nearest(found, hole):
    _, height, width = found.shape
    padded = F.pad(found[None], (1, 1, 1, 1), mode="replicate")[0]
    patch = {(y, x): padded[:, y : y + 3, x : x + 3] for y in range(height) for x in range(width)}
    touched = F.max_pool2d(hole[None, None], 3, 1, 1)[0, 0]
    free = [at for at in patch if touched[at] == 0]
    return [
        min(free, key=lambda other, at=at: float((patch[at] - patch[other]).square().sum())) if hole[at] else at
        for at in patch
    ]


def test_the_nearest_visible_patch_is_found():
    found, hole = torch.randn(2, 5, 7, 6), torch.zeros(2, 1, 7, 6)
    hole[0, :, 2:4, 1:3] = hole[1, :, 5:, 3:] = 1
    source = nearest(found, hole)
    for row in range(2):
        assert [divmod(int(s), 6) for s in source[row].flatten()] == slow_nearest(found[row], hole[row, 0])


def test_nothing_to_copy_from_is_one_line():
    with pytest.raises(InputError, match="--surroundings 0"):
        nearest(torch.randn(1, 2, 4, 4), box_mask((4, 4), (1, 1, 3, 3)))


@pytest.mark.parametrize("side", [4, 8, 2])
def test_layers_of_every_fineness_follow_the_same_correspondence(side):
    source = torch.arange(16).reshape(1, 4, 4).clone()
    source[0, :2, :2] = torch.tensor([[10, 11], [14, 15]])  # the upper left quarter copies the lower right one
    values = torch.randn(1, 3, side, side)
    half, expected = side // 2, values.clone()
    expected[:, :, :half, :half] = values[:, :, half:, half:]
    assert torch.equal(copied(values, source), expected)


def test_the_pyramid_has_the_last_layer_of_every_stride():
    levels = pyramid(load("natural20-l2-2.0", "cpu"), torch.rand(1, 3, 128, 128))
    assert [level.stride for level in levels][:4] == [1, 2, 4, 8]
    assert levels[0].layer == "stem.2"


def test_a_network_without_maps_is_refused_with_the_remedy():
    flat = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)))
    with pytest.raises(InputError, match="--surroundings 0"):
        inpaint(flat, images(1), box_mask((8, 8), (0, 0, 2, 2)))


def test_images_that_are_too_large_to_be_searched_are_refused_with_the_remedy():
    fine = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    photo, mask = torch.rand(1, 3, 72, 72), box_mask((72, 72), (0, 0, 8, 8))
    with pytest.raises(InputError, match=r"72 x 72 px are too large .* --surroundings 0"):
        inpaint(Classifier(fine), photo, mask)
    assert inpaint(Classifier(fine), photo, mask, steps=1, surroundings=0).forwards == 1


def test_a_pattern_goes_on_into_the_hole():
    """Stripes, whose filling everybody knows: much nearer to them than the membrane, and no pixel outside moves."""
    classifier = load("natural20-l2-2.0", "cpu")
    stripes = ((torch.arange(128) // 16) % 2).float().mul(0.6).add(0.2).expand(1, 3, 128, 128)
    mask = box_mask((128, 128), (48, 48, 32, 32))
    made = inpaint(classifier, stripes * (1 - mask), mask, recipe=InpaintRecipe(steps=72, label_weight=0.0))
    before, after = ((images - stripes) * mask for images in (made.start, made.images))
    assert float(norms(after)) < 0.6 * float(norms(before))
    close(made.images * (1 - mask), stripes * (1 - mask))
    assert made.history.shape[0] == made.forwards == int(made.stopped_at) == 72
