import pytest
import torch

from pellucid.data.draw import drawn

SORTED = torch.arange(12).repeat_interleave(100)
ROUND = torch.arange(1200) % 12
UNEVEN = torch.tensor([0] * 900 + [1] * 90 + [2] * 10)


@pytest.mark.parametrize("labels", [SORTED, ROUND, UNEVEN])
@pytest.mark.parametrize("count", [1, 7, 12, 60, 100, 599])
def test_each_class_has_its_share_rounded_up_or_down(labels, count):
    numbers = drawn(labels, count, seed=3)
    shares = labels.bincount() * count / len(labels)
    assert ((labels[numbers].bincount(minlength=len(shares)) - shares).abs() < 1).all()
    assert len(numbers) == len(numbers.unique()) == count
    assert torch.equal(numbers, numbers.sort().values)


def test_every_image_is_as_likely_as_any_other():
    times = torch.stack([torch.bincount(drawn(UNEVEN, 100, seed), minlength=1000) for seed in range(2000)]).sum(0)
    assert abs(times.double().std() / (2000 * 0.1 * 0.9) ** 0.5 - 1) < 0.15  # a binomial's spread around 200
    assert 180 < times[990:].double().mean() < 220


def test_all_are_taken_where_there_are_no_more():
    assert drawn(ROUND, None, 0).tolist() == drawn(ROUND, 5000, 0).tolist() == list(range(1200))
    assert drawn(ROUND, 50, 0).tolist() != drawn(ROUND, 50, 1).tolist()
