import pytest
import torch

from pellucid.data.augment import crop_flip


def crop_flip_slowly(images, generator, padding):
    """The same, one pixel after the other."""
    count, _, height, width = images.shape
    down, right, mirror = torch.rand(3, count, generator=generator)
    result = torch.empty_like(images)
    for n in range(count):
        top, left = int(down[n] * (2 * padding + 1)) - padding, int(right[n] * (2 * padding + 1)) - padding
        for y in range(height):
            for x in range(width):
                from_y, from_x = y + top, (width - 1 - x if mirror[n] < 0.5 else x) + left
                from_y, from_x = reflected(from_y, height), reflected(from_x, width)
                result[n, :, y, x] = images[n, :, from_y, from_x]
    return result


def reflected(position, length):
    position = abs(position)
    return position if position < length else 2 * (length - 1) - position


def pictures(count, height, width):
    return torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize(("height", "width", "padding"), [(8, 8, 1), (8, 8, 3), (6, 9, 2), (5, 5, 0)])
def test_it_equals_a_loop_over_pixels(height, width, padding):
    x = pictures(20, height, width)
    fast = crop_flip(x, torch.Generator().manual_seed(1), padding)
    assert torch.equal(fast, crop_flip_slowly(x, torch.Generator().manual_seed(1), padding))


def test_the_padding_is_an_eighth_of_the_side():
    x = pictures(30, 16, 16)
    expected = crop_flip_slowly(x, torch.Generator().manual_seed(1), 2)
    assert torch.equal(crop_flip(x, torch.Generator().manual_seed(1)), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_the_type_stays(dtype):
    x = pictures(4, 8, 8).to(dtype)
    result = crop_flip(x, torch.Generator().manual_seed(0))
    assert result.dtype == dtype
    assert torch.equal(result, crop_flip(pictures(4, 8, 8), torch.Generator().manual_seed(0)).to(dtype))


def test_every_shift_and_both_mirrorings_occur():
    ramp = torch.arange(64.0).reshape(1, 1, 8, 8).expand(500, 3, 8, 8)
    results = crop_flip(ramp, torch.Generator().manual_seed(0), 1)
    assert len(torch.unique(results, dim=0)) == 3 * 3 * 2


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    crop_flip(pictures(4, 8, 8), torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
