import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pellucid import InputError, kaleidoscope


@given(st.integers(1, 4), st.integers(8, 64), st.integers(0, 5))
def test_patterns_are_images_with_a_mirror(count, size, seed):
    patterns = kaleidoscope(count, size, seed)
    assert patterns.shape == (count, 3, size, size)
    assert 0 <= patterns.min() < patterns.max() <= 1
    torch.testing.assert_close(patterns, patterns.flip(2), atol=1e-4, rtol=0)


def test_a_pattern_follows_from_its_number_and_the_seed():
    few, many = kaleidoscope(2, 32, seed=1), kaleidoscope(5, 32, seed=1)
    assert torch.equal(few, many[:2])
    assert not torch.allclose(many[0], many[1], atol=0.1)
    assert not torch.allclose(kaleidoscope(1, 32, seed=2), many[:1], atol=0.1)


@pytest.mark.parametrize(("count", "size"), [(0, 8), (1, 0)])
def test_nothing_is_no_pattern(count, size):
    with pytest.raises(InputError, match="at least 1"):
        kaleidoscope(count, size)
