from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import close, images

from pellucid import L2, CrossEntropy, InputError, SuperresRecipe, descend, superres
from pellucid.core.batch import norms
from pellucid.data.image import enlarge
from pellucid.data.quality import psnr, ssim

RECIPE = SuperresRecipe(eps=0.6, steps=8, step_size=0.1, consistent=False, sigmas=(0, 0))


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("kind", ["nearest", "bicubic"])
def test_it_is_descent_on_cross_entropy_from_the_enlarged_image(classifier, kind, straight_through):
    small, label = images(2, size=4), torch.tensor([2, 1])
    made = superres(classifier, small, ["ship", "dog"], replace(RECIPE, start=kind, straight_through=straight_through))
    start = enlarge(small, 8, kind)
    expected = descend(classifier, CrossEntropy(label, straight_through), start, ball=L2(0.6), steps=8, step_size=0.1)
    assert torch.equal(made.start, start)
    assert torch.equal(made.label, label)
    close(made.images, expected.images)
    assert (norms(made.images - start) <= 0.6 + 1e-5).all()
    assert (made.loss < made.history[0]).all()


def test_without_labels_the_class_is_what_the_classifier_sees_in_the_enlarged_image(classifier):
    small = images(20, size=4)
    made = superres(classifier, small, recipe=RECIPE)
    assert len(set(made.label.tolist())) > 1
    assert torch.equal(made.label, classifier.logits(enlarge(small, 8, "bicubic")).argmax(1))


def test_nearest_neighbors_repeat_pixels(classifier):
    small = images(1, size=4)
    assert torch.equal(enlarge(small, 12, "nearest"), small.repeat_interleave(3, 2).repeat_interleave(3, 3))


def test_bicubic_stays_an_image():
    corners = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(2, 2).expand(1, 3, -1, -1)
    assert F.interpolate(corners, (16, 16), mode="bicubic").max() > 1
    enlarged = enlarge(corners, 16, "bicubic")
    assert (enlarged.min(), enlarged.max()) == (0, 1)


def test_with_a_reference_start_and_result_are_compared_with_it(classifier):
    reference = images(2)
    small = F.avg_pool2d(reference, 2)
    made = superres(classifier, small, ["cat", "dog"], RECIPE, reference=reference)
    shown = {"nearest": enlarge(small, 8, "nearest"), "bicubic": enlarge(small, 8, "bicubic"), "result": made.images}
    for name, pictures in shown.items():
        assert made.info[name]["psnr"] == pytest.approx(psnr(pictures, reference).tolist(), abs=1e-3)
        assert made.info[name]["ssim"] == pytest.approx(ssim(pictures, reference).tolist(), abs=1e-4)


# Quality, against slow formulas


def test_psnr_is_that_of_each_image():
    made, reference = images(3, seed=1), images(3, seed=2)
    for value, x, y in zip(psnr(made, reference), made.numpy(), reference.numpy(), strict=True):
        assert float(value) == pytest.approx(10 * np.log10(1 / np.mean((x - y) ** 2)), abs=1e-4)
    assert psnr(made, made).isfinite().all()


def slow_ssim(x, y, sigma=1.5):
    """Wang et al. 2004, one window of 11 pixels after the other, borders reflected; `(C, H, W)` arrays."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * sigma**2))
    weights = np.outer(line, line) / line.sum() ** 2
    values = []
    for a, b in zip(x, y, strict=True):
        a, b = (np.pad(v, 5, mode="reflect") for v in (a, b))
        for top in range(a.shape[0] - 10):
            for left in range(a.shape[1] - 10):
                p, q = (v[top : top + 11, left : left + 11] for v in (a, b))
                mp, mq = (weights * p).sum(), (weights * q).sum()
                vp, vq = (weights * (p - mp) ** 2).sum(), (weights * (q - mq) ** 2).sum()
                both = (weights * (p - mp) * (q - mq)).sum()
                c1, c2 = 0.01**2, 0.03**2
                values.append((2 * mp * mq + c1) * (2 * both + c2) / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
    return np.mean(values)


@pytest.mark.parametrize("size", [8, 16])
def test_ssim_is_that_of_the_paper(size):
    reference = images(2, size, seed=1)
    made = (reference + 0.1 * images(2, size, seed=2)).clamp(0, 1)
    for value, x, y in zip(ssim(made, reference), made.double().numpy(), reference.double().numpy(), strict=True):
        assert float(value) == pytest.approx(slow_ssim(x, y), abs=1e-5)
    assert torch.allclose(ssim(made, made), torch.ones(2))


def test_psnr_and_ssim_are_those_of_torchmetrics():
    from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

    made, reference = images(3, 24, seed=1), images(3, 24, seed=2)
    theirs = structural_similarity_index_measure(made, reference, reduction="none", data_range=1.0)
    torch.testing.assert_close(ssim(made, reference), theirs, atol=1e-4, rtol=0)
    ratio = peak_signal_noise_ratio(made, reference, data_range=1.0, dim=(1, 2, 3), reduction="none")
    torch.testing.assert_close(psnr(made, reference), ratio, atol=1e-4, rtol=0)


# Errors


@pytest.mark.parametrize(
    ("small", "message"),
    [
        (images(1, size=4)[:, :, :, 1:], "takes square images, not 3 x 4"),
        (images(1, size=8), "the images are 8 px already and the classifier's are 8 px"),
        (images(1, size=9), "the images are 9 px already"),
        (images(1, size=4)[0, 0], "images must be"),
    ],
)
def test_images_that_cannot_be_enlarged_are_refused(classifier, small, message):
    with pytest.raises(InputError, match=message):
        superres(classifier, small, ["cat"], RECIPE)


def test_a_reference_of_another_shape_is_refused_before_the_work(classifier):
    with pytest.raises(InputError, match="the reference"):
        superres(classifier, images(2, size=4), "cat", RECIPE, reference=images(2, size=16), callback=pytest.fail)
