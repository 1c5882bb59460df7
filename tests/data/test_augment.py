import pytest
import torch
import torch.nn.functional as F
from scipy.stats import ks_2samp
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional as tv

from pellucid.data.augment import (
    COLOR_VALUES,
    COLOR_VECTORS,
    Draws,
    color_jitter,
    crop_flip,
    crop_jitter,
    gray,
    lighting,
    madry_cifar,
    madry_imagenet,
    none,
    random_part,
    resized_crop,
    rotate,
)


class Given:
    """Draws that a test decides: each row of numbers in turn, the same for each of four images."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def __call__(self, count):
        taken, self.numbers = self.numbers[:count], self.numbers[count:]
        return torch.tensor(taken)[:, None].expand(-1, 4)


def draws(count, seed=1):
    return Draws(torch.Generator().manual_seed(seed), count)


def crop_flip_slowly(images, generator, padding):
    """The same, one pixel after the other."""
    count, _, height, width = images.shape
    down, right, mirror = torch.rand(3, count, generator=generator)
    result = torch.empty_like(images, dtype=torch.float32)
    for n in range(count):
        top, left = int(down[n] * (2 * padding + 1)) - padding, int(right[n] * (2 * padding + 1)) - padding
        for y in range(height):
            for x in range(width):
                from_y, from_x = y + top, (width - 1 - x if mirror[n] < 0.5 else x) + left
                from_y, from_x = reflected(from_y, height), reflected(from_x, width)
                result[n, :, y, x] = images[n, :, from_y, from_x] / 255
    return result


def reflected(position, length):
    position = abs(position)
    return position if position < length else 2 * (length - 1) - position


def pictures(count, height, width):
    return torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(0)).byte()


@pytest.mark.parametrize(("height", "width", "padding"), [(8, 8, 1), (8, 8, 3), (6, 9, 2), (5, 5, 0)])
def test_crops_equal_a_loop_over_pixels(height, width, padding):
    x = pictures(20, height, width)
    expected = crop_flip_slowly(x, torch.Generator().manual_seed(1), padding)
    assert torch.allclose(crop_flip(x, draws(20), padding), expected)


def test_the_padding_is_an_eighth_of_the_side():
    x = pictures(30, 16, 16)
    assert torch.allclose(crop_flip(x, draws(30)), crop_flip_slowly(x, torch.Generator().manual_seed(1), 2))


def test_every_shift_and_both_mirrorings_occur():
    ramp = torch.arange(64).byte().reshape(1, 1, 8, 8).expand(500, 3, 8, 8)
    assert len(torch.unique(crop_flip(ramp, draws(500), 1), dim=0)) == 3 * 3 * 2


def test_the_papers_border_is_black():
    white = torch.full((500, 3, 8, 8), 255).byte()
    assert float(crop_flip(white, draws(500), 2, mode="constant").amin()) == 0
    assert float(crop_flip(white, draws(500), 2).amin()) == 1


@pytest.mark.parametrize("augment", [none, crop_flip, resized_crop, crop_jitter, madry_cifar, madry_imagenet])
def test_images_come_out_as_floats_in_0_1_the_same_for_the_same_seed(augment):
    x = pictures(6, 16, 16)
    before = torch.get_rng_state()
    result = augment(x, draws(6))
    assert result.dtype == torch.float32
    assert 0 <= float(result.amin()) <= float(result.amax()) <= 1
    assert torch.equal(result, augment(x, draws(6)))
    assert augment is none or not torch.equal(result, augment(x, draws(6, seed=2)))
    assert torch.equal(torch.get_rng_state(), before)
    assert result.shape[2] == (14 if augment is madry_imagenet else 16)


@pytest.mark.parametrize("augment", [crop_flip, resized_crop, crop_jitter, madry_cifar, madry_imagenet])
def test_parts_of_a_batch_get_what_the_whole_batch_gives_them(augment):
    x = pictures(6, 16, 16)
    whole = augment(x, draws(6))
    for rows in (slice(0, 3), slice(3, 6)):
        part = augment(x[rows], Draws(torch.Generator().manual_seed(1), 6, rows))
        assert torch.allclose(part, whole[rows], atol=1e-6)


# Against torchvision


def test_gray_is_torchvisions():
    x = pictures(4, 5, 5).float() / 255
    assert torch.allclose(gray(x), tv.rgb_to_grayscale(x), atol=1e-3)


@pytest.mark.parametrize("numbers", [(0.1, 0.5, 0.5), (0.5, 0.9, 0.5), (0.5, 0.5, 0.2), (0.9, 0.2, 0.7)])
def test_color_jitter_is_torchvisions(numbers):
    x = pictures(4, 5, 5).float() / 255
    brightness, contrast, saturation = (1 + 0.25 * (2 * n - 1) for n in numbers)
    expected = tv.adjust_brightness(x, brightness)
    expected = tv.adjust_contrast(expected, contrast)
    expected = tv.adjust_saturation(expected, saturation)
    assert torch.allclose(color_jitter(x, Given(*numbers), 0.25), expected, atol=2e-3)


@pytest.mark.parametrize("number", [0.0, 0.5, 0.9])
def test_rotation_is_torchvisions(number):
    x = pictures(4, 9, 9).float() / 255
    angle = 2 * (2 * number - 1)
    expected = tv.rotate(x, angle, interpolation=tv.InterpolationMode.BILINEAR)
    ours = rotate(x, Given(number), 2)
    assert torch.allclose(ours[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-4)


def area_of(share):
    """The number that draws an area of this share."""
    return (share - 0.08) / 0.92


def test_a_resized_part_is_torchvisions():
    x = pictures(4, 16, 16).float() / 255
    expected = tv.resized_crop(x, 2, 3, 8, 8, [16, 16], antialias=False)
    # A part of 8 of 16 pixels: choose the area that is just so, and the corner at row 2, column 3.
    draw = Given(*[area_of(0.25)] * 10, *[0.5] * 10, 3 / 8, 2 / 8, 0.9)
    ours = random_part(x, draw, (16, 16))  # at its border it sees the pixels around the part, torchvision does not
    assert torch.allclose(ours[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-4)


def test_a_part_that_leaves_the_image_is_drawn_again():
    """Twice wider than the image, then 12 of 16 pixels wide and 9 high."""
    x = pictures(4, 16, 16).float() / 255
    areas, aspects = [0.99, 0.98, area_of(12 * 9 / 16**2)] + [0.5] * 7, [1.0, 0.0] + [1.0] * 8
    expected = tv.resized_crop(x, 0, 0, 9, 12, [16, 16], antialias=False)
    ours = random_part(x, Given(*areas, *aspects, 0.0, 0.0, 0.9), (16, 16))
    assert torch.allclose(ours[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-4)


def test_after_ten_draws_it_is_the_whole_image():
    x = pictures(4, 16, 16).float() / 255
    assert torch.allclose(random_part(x, Given(*[0.999] * 10, *[1.0] * 10, 0.3, 0.3, 0.9), (16, 16)), x, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 72)])
def test_parts_are_distributed_as_torchvisions(height, width):
    """Where parts lie and how large they are is read off ramps: their ends, for one channel across, for one down."""
    count = 1500
    ramps = torch.zeros(count, 3, height, width)
    ramps[:, 0] = (torch.arange(width) + 0.5) / width
    ramps[:, 1] = ((torch.arange(height) + 0.5) / height)[:, None]
    parts = random_part(ramps, draws(count), (height, width))
    across, down = parts[:, 0, height // 2], parts[:, 1, :, width // 2]
    # Between neighbors in the middle, because the border is repeated at the ends.
    wide = (across[:, width // 2 + 1] - across[:, width // 2 - 1]) / 2 * width
    high = (down[:, height // 2 + 1] - down[:, height // 2 - 1]) / 2 * height
    middle = (across[:, width // 2] + across[:, width // 2 - 1]) / 2
    ours = {"width": wide.abs(), "height": high, "middle": middle, "aspect": wide.abs() * width / (high * height)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # Of a larger image, so that torchvision's whole pixels are as good as continuous.
        boxes = [
            RandomResizedCrop.get_params(torch.empty(3, 16 * height, 16 * width), [0.08, 1.0], [3 / 4, 4 / 3])
            for _ in range(count)
        ]
    _, left, h, w = torch.tensor(boxes).double().T / 16
    theirs = {"width": w / width, "height": h / height, "middle": (left + w / 2) / width, "aspect": w / h}
    for name, values in ours.items():
        assert ks_2samp(values.numpy(), theirs[name].numpy()).pvalue > 0.01, name
    assert 0.45 < float((wide > 0).float().mean()) < 0.55


def test_lighting_moves_colors_along_the_principal_components():
    x = torch.full((20_000, 3, 1, 1), 0.5)
    shift = (lighting(x, draws(20_000), 0.05) - x)[:, :, 0, 0]
    expected = COLOR_VECTORS @ torch.diag((0.05 * COLOR_VALUES) ** 2) @ COLOR_VECTORS.T
    assert torch.allclose(shift.T @ shift / len(shift), expected, atol=4e-6)
    assert float(F.cosine_similarity(shift.T @ shift, expected * len(shift), dim=1).min()) > 0.99


def test_jittered_crops_keep_at_least_two_fifths_of_the_image():
    ramps = torch.zeros(200, 3, 32, 32)
    ramps[:] = (torch.arange(32) + 0.5) / 32
    parts = random_part(ramps, draws(200), (32, 32), least=0.4)
    width = (parts[:, 0, 16, 17] - parts[:, 0, 16, 15]).abs() * 16
    assert float(width.min()) > (0.4 * 3 / 4) ** 0.5 - 0.01
    assert float(width.min()) < 0.75
