import json
from dataclasses import replace

import pytest
import torch
from helpers import images
from PIL import Image

from pellucid import Distance, InputError, InterpolateRecipe, Momentum, Near, Unbounded, descend, interpolate
from pellucid.base.blur import blurred
from pellucid.cli.main import main
from pellucid.core.optimizer import cosine
from pellucid.data.image import read_image, write_image
from pellucid.data.quality import ghosting
from pellucid.representation.interpolate import between
from pellucid.representation.match import represent

RECIPE = InterpolateRecipe(steps=8, step_size=0.2, intervals=4, blur=0.0, sigmas=(0, 0))


def test_between_is_the_weighted_average_pair_by_pair():
    first, last, shares = images(2), images(2, seed=1), torch.tensor([0.0, 0.25, 1.0])
    made = between(first, last, shares)
    for pair in range(2):
        for step, share in enumerate(shares.tolist()):
            expected = (1 - share) * first[pair] + share * last[pair]
            torch.testing.assert_close(made[3 * pair + step], expected)


def test_each_image_descends_from_the_pixels_average_to_the_representations(classifier):
    first, last = images(2), images(2, seed=1)
    made = interpolate(classifier, first, last, RECIPE)
    assert made.images.shape == (10, 3, 8, 8)
    shares = torch.linspace(0, 1, 5)
    target = between(represent(classifier, first), represent(classifier, last), shares)
    distance = Distance(target)
    expected = descend(
        classifier, distance, between(first, last, shares), ball=Unbounded(), steps=8, step_size=0.2,
        optimizer=Momentum(0.9), schedule=cosine, stop=Near(distance, 0.01),
    )  # fmt: skip
    torch.testing.assert_close(made.images, expected.images, atol=1e-4, rtol=0)


def test_from_pixels_the_ends_are_the_given_images(classifier):
    first, last = images(2), images(2, seed=1)
    walks = interpolate(classifier, first, last, RECIPE).images.unflatten(0, (2, 5))
    torch.testing.assert_close(walks[:, 0], first)
    torch.testing.assert_close(walks[:, -1], last)


def test_by_default_all_images_begin_blurred_the_ends_too(classifier):
    first, last = images(2), images(2, seed=1)
    made = interpolate(classifier, first, last, replace(RECIPE, blur=2.0))
    shares = torch.linspace(0, 1, 5)
    torch.testing.assert_close(made.start, blurred(between(first, last, shares), 2.0))
    assert made.start.flatten(1).std(1).max() < between(first, last, shares).flatten(1).std(1).min()
    assert (made.loss < made.history[0]).all()


def test_ghosting_is_1_for_an_average_and_0_for_either_image_and_blind_to_noise():
    first, last = images(4, 32), images(4, 32, seed=1)
    assert ghosting((first + last) / 2, first, last).tolist() == pytest.approx([1] * 4, abs=1e-4)
    assert ghosting(first, first, last).tolist() == pytest.approx([0] * 4, abs=1e-4)
    assert ghosting(images(4, 32, seed=2), first, last).max() < 0.1
    noisy = (first + last) / 2 + (images(4, 32, seed=3) - 0.5) * 2
    assert ghosting(noisy, first, last).tolist() == pytest.approx([1] * 4, abs=0.15)
    assert ghosting(0.9 * first + 0.1 * last, first, last).tolist() == pytest.approx([0.2] * 4, abs=1e-4)


def test_of_an_image_and_itself_ghosting_is_not_told(classifier):
    first, other = images(2), images(1, seed=1)
    made = interpolate(classifier, first, torch.cat([first[:1], other]), RECIPE)
    same, other = made.info["ghosting"]
    assert same is None
    assert 0 <= other <= 1


def test_images_that_make_no_pairs_are_refused(classifier):
    with pytest.raises(InputError, match="make no pairs"):
        interpolate(classifier, images(1), images(2), RECIPE)


@pytest.fixture
def photos(tmp_path):
    for number, image in enumerate(images(4, 16)):
        write_image(tmp_path / f"{number}.png", image)
    return [str(tmp_path / f"{number}.png") for number in range(4)]


def test_the_command_writes_strips_and_an_animation(tiny_bundle, other_bundle, photos, tmp_path):
    out, gif = tmp_path / "walk.png", tmp_path / "walk.gif"
    models = ["--model", str(tiny_bundle), "--beside", str(other_bundle)]
    words = ["interpolate", *models, "--images", *photos, "--intervals", "3", "--steps", "2"]
    assert main([*words, "--out", str(out), "--gif", str(gif)]) == 0
    with Image.open(gif) as animation:
        assert animation.n_frames == 4 + 2  # there, and back without the two ends
    assert read_image(out).shape[1] >= 2 * 3 * 128  # two pairs, each as pixels and by two classifiers
    facts = json.loads(out.with_suffix(".json").read_text())
    assert facts["shares"] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert len(facts["images"]) == 8


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--intervals", "0"], "intervals must be a whole number of at least 1, not 0"),
        (["--images", "a.png"], "a walk needs two images, and 1 make no pairs"),
        (["--gif", "walk.png"], "the animation is a .gif"),
    ],
)
def test_the_command_tells_mistakes(tiny_bundle, photos, capsys, more, message):
    assert main(["interpolate", "--model", str(tiny_bundle), "--images", *photos, *more]) == 2
    assert message in capsys.readouterr().err
