import numpy as np
import pytest
import torch
from helpers import images

from pellucid import Fourier, Pixels, Unbounded
from pellucid.core.optimizer import Adam
from pellucid.data.fourier import COLORS


def pictures(height, width, channels=3, count=2):
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1


def test_pixels_are_the_images_themselves():
    x = images(2)
    assert Pixels().decode(Pixels().encode(x), x.shape) is x


@pytest.mark.parametrize("colors", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 7), (8, 5), (5, 8), (1, 6), (33, 32)])
def test_fourier_decodes_what_it_encoded(height, width, channels, colors):
    x, fourier = pictures(height, width, channels), Fourier(colors=colors)
    parameter = fourier.encode(x)
    assert parameter.shape == (2, channels, height, width // 2 + 1, 2)
    assert torch.allclose(fourier.decode(parameter, x.shape), x, atol=1e-4)


@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (6, 9)])
def test_fourier_decode_equals_numpy(height, width, decay):
    shape = torch.Size((2, 3, height, width))
    parameter = torch.randn(2, 3, height, width // 2 + 1, 2, generator=torch.Generator().manual_seed(0))
    spectrum = parameter.double().numpy()[..., 0] + 1j * parameter.double().numpy()[..., 1]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1 / max(height, width)
    scaled = spectrum / frequency**decay / max(height, width) ** (1 - decay)
    mixed = np.fft.irfft2(scaled, s=(height, width), norm="ortho")
    colors = COLORS.double().numpy() / np.linalg.norm(COLORS.double().numpy(), axis=0).max()
    rgb = np.stack([sum(colors[d, c] * mixed[:, c] for c in range(3)) for d in range(3)], axis=1)
    expected = 1 / (1 + np.exp(-rgb))
    decoded = Fourier(decay=decay).decode(parameter, shape)
    assert np.allclose(decoded.numpy(), expected, atol=1e-5)


def test_fourier_images_are_inside_the_box_and_pixels_of_0_and_1_stay_near():
    x = torch.tensor([0.0, 1.0]).repeat(2, 3, 4, 2)
    decoded = Fourier().decode(Fourier().encode(x), x.shape)
    assert decoded.min() > 0
    assert decoded.max() < 1
    assert (decoded - x).abs().max() < 1e-3


def test_a_step_against_the_gradient_of_the_fourier_parameter_lowers_the_loss():
    target, fourier = pictures(9, 8), Fourier()
    parameter = fourier.encode(torch.full_like(target, 0.5)).requires_grad_()
    losses, state = [], ()
    for _ in range(60):
        loss = (fourier.decode(parameter, target.shape) - target).square().mean()
        (gradient,) = torch.autograd.grad(loss, parameter)
        losses.append(loss.item())
        change, state = Adam().step(gradient, 0.02, Unbounded(), state, 0.0)
        parameter = (parameter + change).detach().requires_grad_()
    assert losses[1] < losses[0]
    assert losses[-1] < losses[0] / 5
