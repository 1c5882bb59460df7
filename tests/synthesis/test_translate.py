import pytest
import torch
from helpers import close, conv_network, images

from pellucid import Classifier, InputError, TranslateRecipe, translate
from pellucid.data.image import cover

RECIPE = TranslateRecipe(eps=1.0, steps=8, step_size=0.2)


@pytest.fixture
def of_two():
    return Classifier(conv_network(2), class_names=["horse", "zebra"], card={"size": 8}).eval()


def test_of_two_classes_it_goes_to_the_one_that_is_not_seen(of_two):
    batch = images(20, seed=1)
    with torch.no_grad():
        of_two.network[-1].bias -= of_two.logits(batch).median(0).values
    made = translate(of_two, batch, recipe=RECIPE)
    seen = of_two.logits(batch).argmax(1)
    assert set(seen.tolist()) == {0, 1}
    assert torch.equal(made.label, 1 - seen)
    close(made.images, translate(of_two, batch, 1 - seen, RECIPE).images)


def test_of_more_classes_one_must_be_named(classifier):
    with pytest.raises(InputError, match="say which of the 3 classes"):
        translate(classifier, images(1), recipe=RECIPE)


def test_an_image_of_another_shape_is_cut_square_at_the_center(classifier):
    batch = torch.rand(1, 3, 12, 20, generator=torch.Generator().manual_seed(0))
    made = translate(classifier, batch, ["cat"], RECIPE)
    close(made.start, cover(batch[:, :, :, 4:16], 8))


def test_one_label_serves_all_images(classifier):
    made = translate(classifier, images(3), "dog", RECIPE)
    assert made.label.tolist() == [1, 1, 1]
    close(made.images, translate(classifier, images(3), [1, 1, 1], RECIPE).images)


def test_images_that_are_not_in_0_to_1_are_refused(classifier):
    with pytest.raises(InputError, match="divide 8-bit values by 255"):
        translate(classifier, images(1) * 255, ["cat"])
