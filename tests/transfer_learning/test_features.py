"""Features: right, kept by content, computed again where the file is damaged."""

import copy

import pytest
import torch
from helpers import PETS, conv_classifier, forward_batches, pictures

from pellucid import InputError, Split, features, write_image
from pellucid.data.load import load_data
from pellucid.transfer_learning.features import View


def test_features_are_the_representation_in_eval_mode_with_the_normalization(classifier):
    split = pictures(8, 10)
    pixels = (split.images.float() / 255 - classifier.mean) / classifier.std
    with torch.no_grad():
        expected = classifier.network[:-1](pixels)
    classifier.train()
    found = features(classifier, split)
    assert classifier.training
    classifier.eval()
    torch.testing.assert_close(found.values, expected, atol=1e-5, rtol=1e-5)
    assert found.index.tolist() == list(range(10))


def test_positions_of_a_layer_are_averaged(classifier):
    split = pictures(8, 4)
    with torch.no_grad():
        expected = classifier(split.batch(slice(0, 4))[0], ["2"])["2"].mean((2, 3))
    torch.testing.assert_close(features(classifier, split, layer="2").values, expected, atol=1e-5, rtol=1e-5)


def test_the_second_time_nothing_is_computed(classifier, tmp_path):
    split = pictures(8, 10)
    first = features(classifier, split, cache=tmp_path)
    with forward_batches(classifier.network) as passes:
        again = features(classifier, split, cache=tmp_path)
    assert passes == []
    assert torch.equal(first.values, again.values)


def test_whatever_matters_is_in_the_key(classifier, tmp_path):
    split = pictures(8, 10)
    one_pixel = split.images.clone()
    one_pixel[9, 2, 7, 7] ^= 1
    normalized, smooth, sideways = (copy.deepcopy(classifier) for _ in range(3))
    normalized.mean += 0.1
    smooth.network[2] = torch.nn.GELU()  # its weights are the same
    sideways.unit_axes["2"] = 3
    for model, images, options in (
        (classifier, split, {}),
        (classifier, Split(one_pixel, split.labels), {}),
        (classifier, split, {"layer": "2"}),
        (classifier, split, {"view": View(1)}),
        (classifier, split, {"view": View(2)}),
        (classifier, split, {"precision": "bfloat16"}),
        (conv_classifier(3), split, {}),
        (normalized, split, {}),
        (smooth, split, {}),
        (sideways, split, {"layer": "2"}),
    ):
        kept = features(model, images, cache=tmp_path, **options).values
        assert torch.equal(kept, features(model, images, **options).values)
    assert len(list(tmp_path.iterdir())) == 10
    features(classifier, Split(split.images, 2 - split.labels), cache=tmp_path)  # labels do not matter
    assert len(list(tmp_path.iterdir())) == 10


def test_a_damaged_file_is_computed_again(classifier, tmp_path):
    split = pictures(8, 10)
    first = features(classifier, split, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    assert torch.equal(features(classifier, split, cache=tmp_path).values, first.values)


def test_views_differ_and_follow_from_their_number(classifier):
    split = pictures(8, 6)
    plain, one, again, two = (features(classifier, split, view=View(n)).values for n in (0, 1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.allclose(one, two)
    assert not torch.allclose(one, plain)


def test_images_that_cannot_be_read_are_left_out(classifier, tmp_path):
    for number, pixels in enumerate(pictures(8, 4).images):
        write_image(tmp_path / "data" / PETS[number % 2] / f"{number}.png", pixels.float() / 255)
    (tmp_path / "data" / "cat" / "broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="1 of 5 images cannot be read"):
        data = load_data(tmp_path / "data", 8, skip_unreadable=True, memory=0)
    assert len(features(classifier, data.train).values) == 4


@pytest.mark.parametrize(
    ("split", "options", "message"),
    [
        (pictures(16, 4), {}, "the images are 16 x 16 and the source takes 8 px"),
        (pictures(8, 0), {}, "there are no images"),
        (pictures(8, 4), {"layer": "representatoin"}, "did you mean 'representation'"),
    ],
)
def test_mistakes(classifier, split, options, message):
    with pytest.raises(InputError, match=message):
        features(classifier, split, **options)


def test_features_that_are_no_numbers_are_refused():
    model = conv_classifier(3)
    model.network[0].bias.data[0] = float("nan")
    with pytest.raises(InputError, match="'representation' is not finite on images 0 to 3"):
        features(model, pictures(8, 4))
