import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from pellucid import InputError
from pellucid.data.picture import Picture, read_picture, write_picture

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def channels(count=3, height=6, width=9, seed=0):
    values = torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed))
    return (values * 65535).round() / 65535


def test_8_bits_keep_their_profile_and_transparency(tmp_path):
    pixels = (channels() * 255).round() / 255
    alpha = (channels(1, seed=1) * 255).round() / 255
    for suffix in (".png", ".tif"):
        write_picture(tmp_path / f"plain{suffix}", Picture(pixels, alpha, PROFILE))
        found = read_picture(tmp_path / f"plain{suffix}")
        assert torch.allclose(found.pixels, pixels, atol=1e-6)
        assert torch.allclose(found.alpha, alpha)
        assert found.profile == PROFILE
    write_picture(tmp_path / "plain.jpg", Picture(pixels, alpha, PROFILE))
    found = read_picture(tmp_path / "plain.jpg")
    assert (found.alpha, found.profile) == (None, PROFILE)
    assert (found.pixels - (pixels * alpha + 1 - alpha)).abs().mean() < 0.05  # over white, where there is no alpha


def test_colors_are_those_of_the_file_at_every_transparency(tmp_path):
    """Nothing of what a picture may lie on is in them: written with the same alpha, they would have it twice."""
    colors = torch.tensor([0.2, 0.6, 0.0])[:, None, None].expand(3, 4, 256).contiguous()
    alpha = torch.arange(256).div(255).expand(1, 4, 256)
    for suffix in (".png", ".tif", ".webp"):
        write_picture(tmp_path / f"ramp{suffix}", Picture(colors, alpha))
        assert (read_picture(tmp_path / f"ramp{suffix}").pixels[:, :, 32:] - colors[:, :, 32:]).abs().max() < 0.05


def test_what_is_wholly_transparent_has_the_colors_around_it(tmp_path):
    colors, alpha = torch.zeros(3, 20, 30), torch.zeros(1, 20, 30)
    colors[0, :, :10], alpha[:, :, :10] = 0.8, 1.0
    write_picture(tmp_path / "hole.png", Picture(colors, alpha))
    found = read_picture(tmp_path / "hole.png").pixels
    assert torch.allclose(found, torch.tensor([0.8, 0.0, 0.0])[:, None, None], atol=1e-2)
    write_picture(tmp_path / "none.png", Picture(colors, 0 * alpha))
    assert (read_picture(tmp_path / "none.png").pixels == 1).all()


def test_a_gray_picture_of_16_bits_is_exact(tmp_path):
    values = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1000
    Image.fromarray(values).save(tmp_path / "gray.png")
    found = read_picture(tmp_path / "gray.png")
    assert torch.allclose(found.pixels[1], torch.from_numpy(values / 65535).float())


def test_a_jpeg_keeps_fine_colors(tmp_path):
    """Every second column is red: at half the resolution of colors both would be pink."""
    pixels = torch.ones(3, 16, 16)
    pixels[1:, :, ::2] = 0
    write_picture(tmp_path / "fine.jpg", Picture(pixels))
    assert (read_picture(tmp_path / "fine.jpg").pixels - pixels).abs().mean() < 0.05


def test_a_profile_of_inks_is_not_kept(tmp_path):
    ink = PROFILE[:16] + b"CMYK" + PROFILE[20:]
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(tmp_path / "ink.jpg", icc_profile=ink)
    assert read_picture(tmp_path / "ink.jpg").profile is None


def test_other_pixels_take_the_transparency_along():
    picture = Picture(channels(), torch.ones(1, 6, 9), PROFILE).with_pixels(channels(height=3, width=4))
    assert picture.alpha.shape == (1, 3, 4)
    assert picture.profile == PROFILE


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match="must end in one of"):
        write_picture(tmp_path / "a.doc", Picture(channels()))
