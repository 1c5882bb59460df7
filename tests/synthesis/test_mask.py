import pytest
import torch

from pellucid import InputError, box_mask, patch_mask
from pellucid.base.blur import blurred


def test_a_box_is_left_top_width_height():
    mask = box_mask((3, 4), (1, 0, 2, 1))
    assert mask.tolist() == [[[[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]]]


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, 0, 0, 2), (0, 0, 2, -1), (3, 0, 2, 1), (0, 2, 1, 2)])
def test_a_box_that_is_not_inside_is_refused(box):
    with pytest.raises(InputError, match="is not inside an image of 4 x 3"):
        box_mask((3, 4), box)


@pytest.mark.parametrize("patch", [1, 3, 5])
def test_patches_are_whole_squares_at_places_of_their_own(patch):
    masks = patch_mask(80, (5, 9), patch)
    assert masks.shape == (80, 1, 5, 9)
    places = set()
    for mask in masks[:, 0]:
        rows, columns = (mask.sum(d).nonzero().flatten() for d in (1, 0))
        assert mask.sum() == patch**2 == len(rows) * len(columns)
        assert rows[-1] - rows[0] == columns[-1] - columns[0] == patch - 1
        places.add((int(rows[0]), int(columns[0])))
    assert {top for top, _ in places} == set(range(5 - patch + 1))
    assert {left for _, left in places} == set(range(9 - patch + 1))


def test_a_patch_depends_on_the_seed_and_not_on_how_many_there_are():
    assert torch.equal(patch_mask(9, (8, 8), 2, seed=4)[:3], patch_mask(3, (8, 8), 2, seed=4))
    assert not torch.equal(patch_mask(9, (8, 8), 2, seed=4), patch_mask(9, (8, 8), 2, seed=5))


@pytest.mark.parametrize("patch", [0, -2, 6])
def test_a_patch_that_does_not_fit_is_refused(patch):
    with pytest.raises(InputError, match=f"a patch of {patch} pixels does not fit an image of 9 x 5"):
        patch_mask(1, (5, 9), patch)


def test_a_feathered_mask_falls_across_the_edge_and_is_full_at_the_border_of_the_image():
    soft = blurred(box_mask((20, 20), (0, 0, 10, 20)), 2.0)[0, 0]
    assert torch.allclose(soft, soft[:1].expand(20, -1), atol=1e-6)
    assert (soft[0].diff() <= 1e-6).all()
    assert soft[0, [0, 19]].tolist() == pytest.approx([1, 0], abs=1e-6)
    assert float(soft[0, 9] + soft[0, 10]) == pytest.approx(1, abs=1e-6)
    hard = box_mask((8, 8), (1, 2, 3, 4))
    assert torch.equal(blurred(hard, 0.0), hard)
