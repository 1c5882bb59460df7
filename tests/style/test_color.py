import math

import torch

from pellucid.style.color import YIQ, linear_transfer, luminance_transfer


def picture(seed, height=20, width=30):
    """Colors that are neither gray nor independent, away from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    mixing = 0.05 * torch.rand(3, 3, generator=generator)
    noise = torch.randn(3, height * width, generator=generator).clamp(-3, 3)
    return (0.5 + mixing @ noise).clamp(0, 1).reshape(1, 3, height, width)


def test_linear_transfer_gives_the_others_mean_and_covariance():
    moved, colors = linear_transfer(picture(0), picture(1, 11, 12)), picture(1, 11, 12)
    assert torch.allclose(moved.mean((2, 3)), colors.mean((2, 3)), atol=1e-4)
    assert torch.allclose(torch.cov(moved[0].flatten(1)), torch.cov(colors[0].flatten(1)), atol=2e-4)
    assert moved.shape == (1, 3, 20, 30)


def test_linear_transfer_of_gray_pictures_is_finite():
    gray = picture(0).mean(1, keepdim=True).expand(1, 3, 20, 30)
    for source, target in ((gray, picture(1)), (picture(1), gray), (torch.zeros(1, 3, 4, 4), picture(1))):
        moved = linear_transfer(source, target)
        assert moved.isfinite().all()
        assert torch.allclose(moved.mean((2, 3)), target.mean((2, 3)), atol=1e-3)


def test_luminance_transfer_keeps_the_lightness_of_one_and_the_colors_of_the_other():
    images, colors = picture(0), picture(1)
    mixed = luminance_transfer(images, colors)
    inside = ((mixed > 0) & (mixed < 1)).all(1).flatten()
    assert inside.float().mean() > 0.9
    found, ours, theirs = ((YIQ @ t[0].flatten(1))[:, inside] for t in (mixed, images, colors))
    assert torch.allclose(found[0], ours[0], atol=1e-5)
    assert torch.allclose(found[1:], theirs[1:], atol=1e-5)


def test_a_picture_with_its_own_colors_is_itself():
    image = picture(0)
    assert torch.allclose(luminance_transfer(image, image), image, atol=1e-5)
    assert torch.allclose(linear_transfer(image, image), image, atol=1e-4)
    assert math.isclose(float(YIQ[0].sum()), 1.0, rel_tol=1e-6)


def test_colors_that_no_screen_has_are_clamped():
    black_and_white = (picture(0) > 0.5).float()
    blue = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1).expand_as(black_and_white)
    for moved in (luminance_transfer(black_and_white, blue), linear_transfer(picture(0), black_and_white)):
        assert float(moved.min()) == 0
        assert float(moved.max()) == 1


def test_what_hardly_varies_is_not_magnified():
    gray = picture(0).mean(1, keepdim=True).expand(1, 3, 20, 30)
    noise = 3e-4 * torch.randn(1, 3, 20, 30, generator=torch.Generator().manual_seed(2))
    assert (linear_transfer(gray + noise, picture(1)) - linear_transfer(gray, picture(1))).abs().max() < 0.01
