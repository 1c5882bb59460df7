import math

import pytest
import torch
from helpers import conv_classifier, images

from pellucid import Activation, InputError, Maco, Unbounded, descend, magnitude_spectrum
from pellucid.core.batch import generators
from pellucid.data.fourier import COLORS
from pellucid.data.transforms import crop, pad, resize, standard


def decorrelated(x):
    """Logits of pixels without their correlation, color by color as a loop would do it."""
    unmix = torch.linalg.inv(COLORS / COLORS.norm(dim=0).max())
    values = torch.log(x / (1 - x))
    return torch.stack([sum(unmix[d, c] * values[:, c] for c in range(3)) for d in range(3)], 1)


def photos(height, width, count=6, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 0.8 + 0.1


SIZES = pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 7), (8, 5), (5, 8), (6, 1), (1, 6)])


@SIZES
def test_the_spectrum_is_the_mean_magnitude_of_decorrelated_logits(height, width):
    x = photos(height, width)
    spectra = torch.fft.rfft2(decorrelated(x)).abs() / math.sqrt(height * width)
    assert torch.allclose(magnitude_spectrum(x), sum(spectra) / len(x), atol=1e-4)


@SIZES
def test_whatever_the_phase_the_magnitude_is_kept(height, width):
    x = photos(height, width)
    magnitude = magnitude_spectrum(x)
    phase = 10 * torch.randn(4, *magnitude.shape, generator=torch.Generator().manual_seed(1))
    decoded = Maco(magnitude).decode(phase, torch.Size((4, 3, height, width))).double()
    found = torch.fft.rfft2(decorrelated(decoded), norm="ortho").abs()
    assert torch.allclose(found, magnitude.double().expand_as(found), atol=1e-3)


@SIZES
def test_an_image_with_this_magnitude_is_decoded_from_its_own_phase(height, width):
    x = photos(height, width, count=1)
    maco = Maco(magnitude_spectrum(x))
    assert torch.allclose(maco.decode(maco.encode(x), x.shape), x, atol=1e-3)


def test_an_image_that_mirrors_itself_keeps_its_phase():
    """Its spectrum is real, so that phases are 0 and π everywhere."""
    half = photos(5, 8, count=1)
    x = torch.cat([half, half[:, :, 1:4].flip(2)], 2)
    x = torch.cat([x[..., :5], x[..., 1:4].flip(3)], 3)
    maco = Maco(magnitude_spectrum(x))
    assert torch.allclose(maco.decode(maco.encode(x), x.shape), x, atol=1e-3)


def test_a_descent_moves_the_phase_and_leaves_the_magnitude():
    magnitude = magnitude_spectrum(images(20))
    descent = descend(
        conv_classifier(), -Activation(unit=1, layer="logits"), images(3, seed=4),
        ball=Unbounded(), steps=30, step_size=0.1, parametrization=Maco(magnitude),
    )  # fmt: skip
    assert (descent.loss < descent.history[0] - 0.1).all()
    found = torch.fft.rfft2(decorrelated(descent.images.double()), norm="ortho").abs()
    assert torch.allclose(found, magnitude.double().expand_as(found), atol=1e-3)


@pytest.mark.parametrize(
    "magnitude", [torch.ones(8, 5), -torch.ones(3, 8, 5), torch.full((3, 8, 5), torch.nan)], ids=["axes", "sign", "nan"]
)
def test_a_magnitude_that_is_none_is_refused(magnitude):
    with pytest.raises(InputError, match="magnitude spectrum is"):
        Maco(magnitude)


def test_images_of_another_size_are_refused():
    maco = Maco(magnitude_spectrum(images(2)))
    with pytest.raises(InputError, match="not that of 3 x 16 x 16"):
        maco.encode(images(1, size=16))
    with pytest.raises(InputError, match="not that of 3 x 16 x 16"):
        maco.decode(torch.zeros(1, 3, 8, 5), torch.Size((1, 3, 16, 16)))


# The transforms that go with it


def test_a_crop_of_everything_is_the_image():
    x = images(3)
    assert torch.allclose(crop(1.0, 1.0)(x, generators(0, 3)), x, atol=1e-5)


def test_a_crop_is_a_square_of_the_image_enlarged():
    """On a ramp an enlarged square is a ramp whose slope and mean tell its size and place."""
    ramp = torch.linspace(0, 1, 65)[:-1] + 1 / 128
    x = ramp.expand(50, 3, 64, 64)
    crops = crop(0.25, 0.75, spread=0.2)(x, generators(0, 50))
    slope = (crops[:, 0, 0, 40] - crops[:, 0, 0, 20]) / (20 / 64)
    left, right = crops[:, 0, 0, 0], crops[:, 0, 0, -1]
    assert (slope > 0.24).all()
    assert (slope < 0.76).all()
    assert slope.std() > 0.1
    assert (left >= 0).all()
    assert (right <= 1).all()
    assert (((left + right) / 2 - 0.5).abs() < 0.5 - slope / 2 + 1e-3).all()
    assert ((left + right) / 2).std() > 0.05


def test_the_noise_of_a_crop_has_the_given_deviation():
    gray = torch.full((4, 3, 32, 32), 0.5)
    found = crop(0.5, 1.0, noise=0.05)(gray, generators(0, 4))
    assert float((found - 0.5).std()) == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("shares", [(0.0, 1.0), (0.8, 0.5), (0.5, 1.5)])
def test_a_crop_that_cannot_be_is_refused(shares):
    with pytest.raises(InputError, match="between 0 and 1"):
        crop(*shares)


def test_the_border_is_gray_and_the_image_in_its_middle():
    x = images(2)
    padded = pad(3)(x, generators(0, 2))
    assert torch.equal(padded[:, :, 3:-3, 3:-3], x)
    assert (padded[:, :, :3] == 0.5).all()
    assert (padded[..., -3:] == 0.5).all()
    assert resize(8)(padded, generators(0, 2)).shape == x.shape


@pytest.mark.parametrize("side", [8, 32, 224])
def test_the_standard_list_keeps_size_and_gradient_and_each_image_has_its_own_draws(side):
    x = images(2, size=side).requires_grad_()

    def transformed(x, rng):
        for transform in standard(side):
            x = transform(x, rng)
        return x

    both = transformed(x, generators(0, 2))
    assert both.shape == x.shape
    assert torch.autograd.grad(both.sum(), x)[0].abs().min() >= 0
    assert torch.allclose(transformed(x[1:], generators(0, 2)[1:]), both[1:], atol=1e-6)
    assert (transformed(x, generators(1, 2)) - both).abs().max() > 1e-3
