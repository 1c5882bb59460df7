import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from pellucid import InputError
from pellucid.data.deep import write_deep
from pellucid.data.image import read_image
from pellucid.data.picture import Picture, read_picture, write_picture

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def channels(count=3, height=6, width=9, seed=0):
    values = torch.rand(count, height, width, generator=torch.Generator().manual_seed(seed))
    return (values * 65535).round() / 65535


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("alpha", [False, True])
def test_16_bits_come_back_as_they_were(tmp_path, suffix, alpha):
    values = channels(4)
    picture = Picture(values[:3], values[3:] if alpha else None, PROFILE, deep=True)
    write_picture(tmp_path / f"deep{suffix}", picture)
    found = read_picture(tmp_path / f"deep{suffix}")
    assert found.deep
    assert found.profile == PROFILE
    assert torch.allclose(found.pixels, values[:3], atol=1e-6)
    assert (found.alpha is not None) == alpha
    if alpha:
        assert torch.allclose(found.alpha, values[3:], atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("count", [3, 4])
def test_pillow_reads_the_first_8_of_16_bits(tmp_path, suffix, count):
    values = channels(count)
    write_deep(tmp_path / f"deep{suffix}", values)
    with Image.open(tmp_path / f"deep{suffix}") as image:
        assert image.mode == ("RGB" if count == 3 else "RGBA")
        read = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    assert (read / 255 - values).abs().max() < 1 / 255


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("count", [3, 4])
def test_a_16_bit_png_of_another_programs(tmp_path, count, interlaced):
    """With each of the five filters in turn, in one piece or in the seven of Adam7."""
    values = np.random.default_rng(0).integers(0, 65536, (13, 11, count), dtype=np.uint16)
    (tmp_path / "other.png").write_bytes(png(values, interlaced))
    found = read_picture(tmp_path / "other.png")
    expected = torch.from_numpy(values.astype(np.float32) / 65535).permute(2, 0, 1)
    assert found.deep
    assert torch.allclose(found.pixels, expected[:3], atol=1e-6)
    assert found.alpha is None if count == 3 else torch.equal(found.alpha, expected[3:])


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(values, interlaced):
    height, width, count = values.shape
    parts = [values[y::dy, x::dx] for y, x, dy, dx in ADAM7] if interlaced else [values]
    data = zlib.compress(b"".join(filtered(part, 2 * count) for part in parts))
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if count == 3 else 6, 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    parts = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def filtered(values, pixel):
    """Rows less what each filter of PNG predicts: nothing, left, above, their mean, Paeth's choice."""
    rows = values.astype(">u2").view(np.uint8).reshape(len(values), -1).astype(int)
    out = b""
    for y, row in enumerate(rows):
        above = rows[y - 1] if y else 0 * row
        left, corner = (np.concatenate([np.zeros(pixel, int), line[:-pixel]]) for line in (row, above))
        guess = left + above - corner
        far = np.abs(guess - np.stack([left, above, corner]))
        paeth = np.choose(far.argmin(0), [left, above, corner])
        predicted = [0 * row, left, above, (left + above) // 2, paeth][y % 5]
        out += bytes([y % 5]) + (row - predicted).astype(np.uint8).tobytes()
    return out


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_a_16_bit_tiff_of_another_programs(tmp_path, order, predictor):
    """Uncompressed, in several strips, in either byte order, with differences along rows or without."""
    values = np.random.default_rng(0).integers(0, 65536, (8, 5, 3), dtype=np.uint16)
    stored = values.copy()
    if predictor == 2:
        stored[:, 1:] = values[:, 1:] - values[:, :-1]
    strips = [stored[:5].astype(order).tobytes(), stored[5:].astype(order).tobytes()]
    (tmp_path / "other.tif").write_bytes(tiff(strips, order, 5, 8, predictor))
    found = read_picture(tmp_path / "other.tif")
    assert found.deep
    assert torch.equal(found.pixels, torch.from_numpy(values.astype(np.float32) / 65535).permute(2, 0, 1))


def tiff(strips, order, width, height, predictor):
    little = order == "<u2"

    def number(value, size):
        return value.to_bytes(size, "little" if little else "big")

    data = b"".join(strips)
    first = 8 + len(data)
    bits, offsets = first, first + 6
    counts = offsets + 8
    short, long = 3, 4
    entries = [(256, long, 1, width), (257, long, 1, height), (258, short, 3, bits), (259, short, 1, 1)]
    entries += [(262, short, 1, 2), (273, long, 2, offsets), (277, short, 1, 3), (278, long, 1, 5)]
    entries += [(279, long, 2, counts), (284, short, 1, 1), (317, short, 1, predictor)]
    extra = b"".join(number(16, 2) for _ in range(3)) + number(8, 4) + number(8 + len(strips[0]), 4)
    extra += b"".join(number(len(strip), 4) for strip in strips)

    def entry(tag, kind, count, value):
        inline = number(value, 2) + b"\0\0" if kind == short and count == 1 else number(value, 4)
        return number(tag, 2) + number(kind, 2) + number(count, 4) + inline

    table = number(len(entries), 2) + b"".join(entry(*e) for e in entries) + b"\0" * 4
    head = (b"II" if little else b"MM") + number(42, 2) + number(first + len(extra), 4)
    return head + data + extra + table


def test_the_orientation_of_16_bits_is_that_of_8(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (8, 5, 3), dtype=np.uint16)
    for orientation in range(1, 9):
        body = tiff([values[:5].astype("<u2").tobytes(), values[5:].astype("<u2").tobytes()], "<u2", 5, 8, 1)
        # In place of the predictor: 274, the orientation.
        body = body.replace(
            (317).to_bytes(2, "little") + b"\3\0\1\0\0\0\1",
            (274).to_bytes(2, "little") + b"\3\0\1\0\0\0" + bytes([orientation]),
        )
        (tmp_path / "turned.tif").write_bytes(body)
        found = read_picture(tmp_path / "turned.tif")
        assert found.deep
        assert (found.pixels - read_image(tmp_path / "turned.tif")).abs().max() < 1 / 255


def test_8_bits_keep_their_profile_and_transparency(tmp_path):
    pixels = (channels() * 255).round() / 255
    alpha = (channels(1, seed=1) * 255).round() / 255
    for suffix in (".png", ".tif"):
        write_picture(tmp_path / f"plain{suffix}", Picture(pixels, alpha, PROFILE))
        found = read_picture(tmp_path / f"plain{suffix}")
        assert torch.allclose(found.pixels, pixels, atol=1e-6)
        assert torch.allclose(found.alpha, alpha)
        assert (found.profile, found.deep) == (PROFILE, False)
    write_picture(tmp_path / "plain.jpg", Picture(pixels, alpha, PROFILE, deep=True))
    found = read_picture(tmp_path / "plain.jpg")
    assert (found.alpha, found.profile, found.deep) == (None, PROFILE, False)
    assert (found.pixels - (pixels * alpha + 1 - alpha)).abs().mean() < 0.05  # over white, where there is no alpha


def test_colors_are_those_of_the_file_at_every_transparency(tmp_path):
    """Nothing of what a picture may lie on is in them: written with the same alpha, they would have it twice."""
    colors = torch.tensor([0.2, 0.6, 0.0])[:, None, None].expand(3, 4, 256).contiguous()
    alpha = torch.arange(256).div(255).expand(1, 4, 256)
    for suffix in (".png", ".tif", ".webp"):
        write_picture(tmp_path / f"ramp{suffix}", Picture(colors, alpha))
        assert (read_picture(tmp_path / f"ramp{suffix}").pixels[:, :, 32:] - colors[:, :, 32:]).abs().max() < 0.05
    write_picture(tmp_path / "deep.png", Picture(colors, alpha, deep=True))
    found = read_picture(tmp_path / "deep.png")
    assert torch.allclose(found.pixels, colors, atol=1e-4)
    assert torch.allclose(found.over_white, colors * alpha + 1 - alpha, atol=1e-4)


def test_what_is_wholly_transparent_has_the_colors_around_it(tmp_path):
    colors, alpha = torch.zeros(3, 20, 30), torch.zeros(1, 20, 30)
    colors[0, :, :10], alpha[:, :, :10] = 0.8, 1.0
    write_picture(tmp_path / "hole.png", Picture(colors, alpha))
    found = read_picture(tmp_path / "hole.png").pixels
    assert torch.allclose(found, torch.tensor([0.8, 0.0, 0.0])[:, None, None], atol=1e-2)
    write_picture(tmp_path / "none.png", Picture(colors, 0 * alpha))
    assert (read_picture(tmp_path / "none.png").pixels == 1).all()


def test_a_gray_picture_of_16_bits_is_deep(tmp_path):
    values = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1000
    Image.fromarray(values).save(tmp_path / "gray.png")
    found = read_picture(tmp_path / "gray.png")
    assert found.deep
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
    picture = Picture(channels(), torch.ones(1, 6, 9), PROFILE, True).with_pixels(channels(height=3, width=4))
    assert picture.alpha.shape == (1, 3, 4)
    assert picture.profile == PROFILE


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_damaged_file_of_16_bits_gives_a_picture_or_a_refusal(tmp_path, suffix):
    path, rng, refused = tmp_path / f"deep{suffix}", np.random.default_rng(0), 0
    write_deep(path, channels(4), PROFILE)
    good = path.read_bytes()
    for _ in range(100):
        bad = bytearray(good[: rng.integers(8, len(good) + 1)])
        places = (
            rng.integers(0, len(bad), 3)
            if rng.random() < 0.5
            else len(bad) - 1 - rng.integers(0, min(len(bad), 180), 3)
        )
        for place in places:
            bad[place] = rng.integers(0, 256)
        path.write_bytes(bad)
        try:
            found = read_picture(path)
        except InputError:
            refused += 1
        else:
            assert found.pixels.isfinite().all()
    assert refused


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match="must end in one of"):
        write_picture(tmp_path / "a.doc", Picture(channels()))
