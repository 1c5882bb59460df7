import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import InputError
from pellucid.data.image import FORMATS, cover, image_files, read_alpha, read_image, to_pil, write_image

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def tensor(array):
    """An 8-bit array `(H, W, 3)` as what is expected of `read_image`."""
    return torch.from_numpy(np.asarray(array).astype(np.float32) / 255).permute(2, 0, 1)


def saved(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


# Images of every kind


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".ppm"])
def test_rgb_is_read_exactly(tmp_path, suffix):
    path = saved(tmp_path, Image.fromarray(RGB), "image" + suffix)
    image = read_image(path)
    assert image.dtype == torch.float32
    assert torch.equal(image, tensor(RGB))
    assert read_alpha(path) is None


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".jp2", *([".avif"] if "AVIF" in FORMATS else [])])
def test_lossy_formats_are_read_nearly(tmp_path, suffix):
    smooth = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[:, None, None], 32, 1).repeat(3, 2)
    image = read_image(saved(tmp_path, Image.fromarray(smooth), "image" + suffix, quality=95))
    assert (image - tensor(smooth)).abs().max() < 0.05


def test_grayscale_is_gray_rgb(tmp_path):
    image = read_image(saved(tmp_path, Image.fromarray(RGB[..., 0])))
    assert torch.equal(image, tensor(RGB[..., :1]).expand(3, -1, -1))


def test_one_bit_is_black_and_white(tmp_path):
    image = read_image(saved(tmp_path, Image.fromarray(RGB[..., 0] > 128)))
    assert torch.equal(image, torch.from_numpy(RGB[..., 0] > 128).float().expand(3, -1, -1))


def test_16_bit_grayscale_is_exact(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7), dtype=np.uint16)
    for name in ("image.png", "image.tiff"):
        image = read_image(saved(tmp_path, Image.fromarray(values), name))
        assert torch.equal(image, torch.from_numpy(values.astype(np.float32) / 65535).expand(3, -1, -1))


# Of 16 bits a channel, floats, and other depths


def png(values, color, bits=16, key=b""):
    """A PNG as others write it: `values` `(H, W, C)`, `color` 0 gray, 2 RGB, 4 gray and alpha, 6 RGBA."""
    height, width = values.shape[:2]
    rows = (
        np.ascontiguousarray(values, ">u2").view(np.uint8).reshape(height, -1)
        if bits == 16
        else values.astype(np.uint8)
    )
    if bits < 8:
        spread = np.unpackbits(rows.reshape(height, -1, 1), axis=2)[..., 8 - bits :]
        rows = np.packbits(spread.reshape(height, -1), axis=1)

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    data = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    parts = [(b"IHDR", header), *([(b"tRNS", key)] if key else []), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


DEEP = np.random.default_rng(0).integers(0, 65536, (5, 7, 4), dtype=np.uint16)


@pytest.mark.parametrize(("color", "used"), [(2, [0, 1, 2]), (6, [0, 1, 2, 3]), (4, [0, 1]), (0, [0])])
def test_16_bits_are_read_to_within_8(tmp_path, color, used):
    (tmp_path / "deep.png").write_bytes(png(DEEP[..., used], color))
    values = torch.from_numpy(DEEP[..., used].astype(np.float32) / 65535).permute(2, 0, 1)
    alpha = values[-1:] if color in (4, 6) else None
    colors = values[:3] if color in (2, 6) else values[:1].expand(3, -1, -1)
    expected = colors if alpha is None else colors * alpha + 1 - alpha
    assert (read_image(tmp_path / "deep.png") - expected).abs().max() < 1 / 100
    found = read_alpha(tmp_path / "deep.png")
    assert found is None if alpha is None else (found - alpha).abs().max() < 1 / 200


@pytest.mark.parametrize(("color", "bits"), [(0, 16), (2, 16), (0, 2), (0, 4), (0, 8), (2, 8)])
def test_the_transparent_color_of_a_png_is_white_at_every_depth(tmp_path, color, bits):
    values = np.arange(1, 3 * (3 if color else 1) + 1).reshape(1, 3, -1) * (2000 if bits == 16 else 1)
    key = b"".join(struct.pack(">H", value) for value in values[0, 1])
    (tmp_path / "key.png").write_bytes(png(values, color, bits, key))
    assert read_alpha(tmp_path / "key.png").tolist() == [[[1, 0, 1]]]
    assert (read_image(tmp_path / "key.png")[:, 0] == 1)[:, 1].all()


def test_floats_in_0_to_1_are_read_and_others_refused(tmp_path):
    gray = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    assert torch.equal(read_image(saved(tmp_path, Image.fromarray(gray), "f.tif"))[1], torch.from_numpy(gray))
    for wrong in (gray * 255, gray - 0.5, gray * np.float32("nan")):
        with pytest.raises(InputError, match=r"^[^:]*f\.tif holds floats from .* in \[0, 1\]"):
            read_image(saved(tmp_path, Image.fromarray(wrong), "f.tif"))
    with pytest.raises(InputError, match=r"^[^:]*i\.tif holds whole numbers of 32 bits"):
        read_image(saved(tmp_path, Image.fromarray((gray * 255).astype(np.int32)), "i.tif"))


def test_alpha_is_laid_over_white(tmp_path):
    alpha = np.random.default_rng(1).integers(0, 256, (5, 7, 1), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(np.concatenate([RGB, alpha], axis=2)))
    share = tensor(alpha)
    assert torch.allclose(read_image(path), tensor(RGB) * share + (1 - share), atol=1e-6)
    assert torch.equal(read_alpha(path), share)


def test_gray_alpha_is_laid_over_white(tmp_path):
    path = saved(tmp_path, Image.merge("LA", [Image.fromarray(RGB[..., channel]) for channel in (0, 1)]))
    share = tensor(RGB[..., 1:2])
    assert torch.allclose(read_image(path), (tensor(RGB[..., :1]) * share + 1 - share).expand(3, -1, -1), atol=1e-6)


def test_a_palette_gives_its_colors_and_its_transparent_entry_white(tmp_path):
    palette = Image.fromarray(np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8))
    palette = palette.convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    opaque = [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 255], [0, 255, 0], [255, 0, 0]]]
    assert torch.equal(read_image(saved(tmp_path, palette)), tensor(opaque))
    path = saved(tmp_path, palette, "transparent.png", transparency=1)
    over_white = [[[255, 0, 0], [255, 255, 255], [0, 0, 255]], [[0, 0, 255], [255, 255, 255], [255, 0, 0]]]
    assert torch.equal(read_image(path), tensor(over_white))
    assert read_alpha(path).tolist() == [[[1, 0, 1], [1, 0, 1]]]


def test_cmyk_becomes_rgb(tmp_path):
    ink = Image.new("CMYK", (8, 8), (255, 0, 0, 0))  # cyan
    image = read_image(saved(tmp_path, ink, "image.jpg", quality=100))
    assert torch.allclose(image.mean((1, 2)), torch.tensor([0.0, 1.0, 1.0]), atol=0.05)
    image = read_image(saved(tmp_path, ink, "image.tiff"))
    assert torch.equal(image[:, 0, 0], torch.tensor([0.0, 1.0, 1.0]))


ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_exif_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(saved(tmp_path, Image.fromarray(RGB), exif=exif))
    assert torch.equal(image, tensor(ORIENTATIONS[orientation](RGB).copy()))


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    path = saved(tmp_path, frames[0], "image.gif", save_all=True, append_images=frames[1:])
    assert torch.equal(read_image(path)[:, 0, 0], torch.tensor([1.0, 0.0, 0.0]))


# Resizing


@pytest.mark.parametrize(("height", "width"), [(40, 20), (20, 40), (20, 20), (10, 31)])
def test_cover_keeps_the_aspect_and_cuts_the_center(height, width):
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    covered = cover(torch.stack([y, x, y * 0])[None] / 2 + 0.5, 10)[0] * 2 - 1
    assert covered.shape == (3, 10, 10)
    assert covered[:2].mean((1, 2)).abs().max() < 0.06  # centered
    visible = min(height, width)
    assert covered[0, -1, 0] == pytest.approx(visible / height, abs=0.12)
    assert covered[1, 0, -1] == pytest.approx(visible / width, abs=0.12)


def test_an_image_of_the_right_size_is_not_resampled():
    images = torch.rand(2, 3, 10, 12)
    assert torch.equal(cover(images, (10, 12)), images)
    assert torch.equal(cover(images, 10), images[..., 1:11])


def test_shrinking_averages():
    checkers = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(1, 3, 16, 16)
    assert (cover(checkers, 4) - 0.5).abs().max() < 0.05


def test_reading_at_a_size(tmp_path):
    assert read_image(saved(tmp_path, Image.fromarray(RGB)), size=4).shape == (3, 4, 4)
    assert read_image(tmp_path / "image.png", size=(6, 3)).shape == (3, 6, 3)


# Writing


def test_what_is_written_is_what_is_read(tmp_path):
    write_image(tmp_path / "new" / "a.png", tensor(RGB))
    assert torch.equal(read_image(tmp_path / "new" / "a.png"), tensor(RGB))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.png"]


def test_values_are_rounded_and_clipped():
    assert np.asarray(to_pil(torch.tensor([[[-1.0, 0.501, 2.0]]]))).tolist() == [[0, 128, 255]]


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in one of \.png"):
        write_image(tmp_path / "a.doc", tensor(RGB))
    assert not list(tmp_path.iterdir())


# What is not an image


def huge_png(side):
    """A PNG whose header declares side x side pixels."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def encoded(kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(RGB.repeat(8, 0).repeat(8, 1)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an image"),
        (b"hello, this is text", "is not an image"),
        (encoded("PNG")[:200], "is damaged"),
        (encoded("JPEG")[:600], "is damaged"),
        (encoded("WEBP")[:200], "is damaged|is not an image"),
        (encoded("TIFF")[:-500], "is damaged"),
        (encoded("PDF"), "is not an image"),
        (huge_png(50_000), "over 100 million pixels"),
        (huge_png(10_001), "over 100 million pixels"),
    ],
    ids=["empty", "text", "png", "jpeg", "webp", "tiff", "pdf", "huge", "large"],
)
@pytest.mark.filterwarnings("error")
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "image.png"
    path.write_bytes(content)
    for read in (read_image, read_alpha):
        with pytest.raises(InputError, match=message) as error:
            read(path)
        assert "\n" not in str(error.value)
        assert str(path) in str(error.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", FORMATS)
def test_random_damage_gives_an_image_or_a_refusal(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "description"
    good = encoded(kind, **({"exif": exif} if kind in ("PNG", "JPEG", "WEBP", "TIFF") else {}))
    rng, path, refused = np.random.default_rng(0), tmp_path / "image", 0
    for _ in range(150):
        bad = bytearray(good[: rng.integers(1, len(good) + 1)])
        for position in rng.integers(0, min(len(bad), 200), 4):
            bad[position] = rng.integers(0, 256)
        path.write_bytes(bad)
        try:
            image = read_image(path)
        except InputError:
            refused += 1
        else:
            assert image.shape[0] == 3
            assert image.min() >= 0
            assert image.max() <= 1
    assert refused


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path)


def test_the_images_of_a_folder_are_sorted(tmp_path):
    for name in ("b.PNG", "a.jpg", ".hidden.png", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in image_files(tmp_path)] == ["a.jpg", "b.PNG"]


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        image_files(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        image_files(tmp_path / "none")


def test_a_very_long_image_is_cut_before_it_is_enlarged():
    strip = torch.rand(1, 3, 2, 100_000)
    assert cover(strip, 224).shape == (1, 3, 224, 224)
