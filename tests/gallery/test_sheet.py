import pytest
import torch

from pellucid import InputError
from pellucid.gallery.sheet import GAP, LINE, Row, sheet


def test_pixels_are_shown_as_squares_of_their_color_and_rows_below_each_other():
    red, blue = (torch.tensor(color).reshape(1, 3, 1, 1).expand(2, 3, 4, 4) for color in ([1.0, 0, 0], [0, 0, 1.0]))
    page = sheet([Row("", red), Row("", blue)], side=8)
    assert page.shape == (3, 8 + GAP + 8, 8 + GAP + 8)
    assert (page[:, :8, :8] == torch.tensor([1.0, 0, 0])[:, None, None]).all()
    assert (page[:, 8 + GAP :, 8 + GAP :] == torch.tensor([0, 0, 1.0])[:, None, None]).all()
    assert (page[:, 8 : 8 + GAP] == 1).all()


def test_labels_stand_left_and_captions_above():
    black = torch.zeros(2, 3, 32, 32)
    plain, labeled = sheet([Row("", black)], side=32), sheet([Row("start", black, ["cat", "dog"])], side=32)
    assert labeled.shape[1] == plain.shape[1] + LINE
    margin = labeled.shape[2] - plain.shape[2]
    assert margin > 0
    assert torch.equal(labeled[:, LINE:, margin:], plain)
    assert labeled[:, :LINE, margin:].min() < 0.5  # the captions' ink
    assert labeled[:, LINE:, :margin].min() < 0.5


def test_rows_may_have_different_lengths_and_one_channel():
    page = sheet([Row("a", torch.zeros(3, 1, 8, 8)), Row("b", torch.zeros(1, 3, 8, 8))], side=8)
    assert (page[:, -8:, -8:] == 1).all()


def test_sums_that_begin_alike_do_not_look_alike():
    words = ["2 * stage3:5 - logits:dog", "2 * stage3:5 - logits:cat"]
    one, other = (sheet([Row("", torch.zeros(1, 3, 64, 64), [word])], side=64) for word in words)
    assert not torch.equal(one, other)


def test_mistakes_are_told():
    with pytest.raises(InputError, match="1 captions for 2 images in row 'a'"):
        sheet([Row("a", torch.zeros(2, 3, 8, 8), ["x"])])
