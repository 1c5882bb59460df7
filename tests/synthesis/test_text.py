"""Words as an objective, against the closed form of a linear image encoder."""

import pytest
import torch
import torch.nn.functional as F
from clip_helpers import SIDE, linear_clip
from helpers import close, conv_classifier, images

from pellucid import L2, InputError, NormalizedGradient, Text, TextToImageRecipe, descend, text_to_image
from pellucid.data.transforms import random_crop, views

BALL = L2(0.1)


def by_hand(clip, matrix, batch, target):
    """cos(A z, t) of z = (x - m) / s, and its gradient to x: Aᵀ(t / |t| - cos · u / |u|) / |u| / s."""
    made = ((batch - clip.mean) / clip.std).flatten(1) @ matrix.T
    length, unit, target = made.norm(dim=1, keepdim=True), F.normalize(made), F.normalize(target)
    cosine = (unit * target).sum(1, keepdim=True)
    gradient = ((target - cosine * unit) / length) @ matrix
    return cosine[:, 0], gradient.reshape(batch.shape) / clip.std


def stepped(clip, objective, batch, **options):
    """The losses before one step of length 0.1, and the direction of the step."""
    made = descend(clip, objective, batch, ball=BALL, steps=1, step_size=0.1, optimizer=NormalizedGradient(), **options)
    return made.loss, F.normalize((made.images - batch).flatten(1))


def test_the_loss_is_minus_the_cosine_and_the_step_follows_its_gradient():
    clip, matrix = linear_clip()
    batch = images(3, SIDE)
    prompts = ["a cat", "a dog", "a cat in the snow"]
    cosine, gradient = by_hand(clip, matrix, batch, clip.text(prompts).detach())
    loss, direction = stepped(clip, Text(prompts), batch)
    close(loss, -cosine)
    close(direction, F.normalize(gradient.flatten(1)))


def test_prompts_add_and_scale_and_a_negative_weight_avoids():
    clip, matrix = linear_clip()
    batch = images(2, SIDE)
    weights = {"a cat": 1.0, "snow": 0.5, "a dog": -0.3}
    parts = {name: by_hand(clip, matrix, batch, clip.text([name]).detach()) for name in weights}
    loss, direction = stepped(clip, Text("a cat") + 0.5 * Text("snow") - 0.3 * Text("a dog"), batch)
    close(loss, -sum(weight * parts[name][0] for name, weight in weights.items()))
    close(direction, F.normalize(sum(weight * parts[name][1] for name, weight in weights.items()).flatten(1)))


def test_templates_are_averaged_as_unit_vectors():
    clip, matrix = linear_clip()
    batch = images(2, SIDE)
    target = F.normalize(clip.text(["a cat", "a very large painting of cat"]).detach()).mean(0, keepdim=True)
    loss, _ = stepped(clip, Text("cat", ("a {}", "a very large painting of {}")), batch)
    close(loss, -by_hand(clip, matrix, batch, target)[0])


def test_over_views_it_is_their_mean_and_an_image_does_not_depend_on_the_others():
    clip, matrix = linear_clip()
    batch, prompts = images(2, SIDE), ["a cat", "a dog"]
    show = views(5, random_crop((0.5, 1.0), SIDE, 0.1))
    loss, direction = stepped(clip, Text(prompts), batch, transforms=[show])
    seen = []

    def kept(images, generators):
        seen.append(show(images, generators))
        return seen[-1]

    stepped(clip, Text(prompts), batch, transforms=[kept])
    target = clip.text(prompts).detach().repeat_interleave(5, 0)
    close(loss, -by_hand(clip, matrix, seen[0].detach(), target)[0].reshape(2, 5).mean(1))
    alone, way = stepped(clip, Text("a cat"), batch[:1], transforms=[show])
    close(alone, loss[:1])
    close(way, direction[:1])


@pytest.mark.parametrize("parametrization", ["fourier", "pixels"])
def test_text_to_image_reaches_what_the_words_say_and_not_what_is_to_be_avoided(parametrization):
    clip, _ = linear_clip()
    recipe = TextToImageRecipe(steps=60, parametrization=parametrization, crops=(1.0,), views=2, start="gray")
    made = text_to_image(clip, ["a cat", "a dog"], recipe)
    assert [fact["prompt"] for fact in made.info["prompts"]] == ["a cat", "a dog"]
    similar = F.cosine_similarity(clip(made.images).representation, clip.text(["a cat", "a dog"])).tolist()
    assert [fact["similarity"] for fact in made.info["prompts"]] == pytest.approx(similar, abs=1e-4)
    assert min(similar) > 0.9
    less = text_to_image(clip, ["a cat"], recipe, also={"a dog": -1.0})
    dog = Text(clip.labels("a dog"))
    assert float(dog(less.images, clip(less.images))) > float(dog(made.images[:1], clip(made.images[:1]))) + 0.1


def test_images_may_be_larger_than_the_encoder_takes():
    clip, _ = linear_clip()
    larger = text_to_image(clip, "a cat", TextToImageRecipe(steps=2, size=20, parametrization="pixels"))
    assert larger.images.shape == (1, 3, 20, 20)
    assert larger.made.recipe.sigmas == TextToImageRecipe().at(20).sigmas
    again = text_to_image(clip, "a cat", larger.made.recipe)  # blurred as much as it says, in pixels of its own size
    assert torch.equal(again.images, larger.images)


def test_what_cannot_be_is_refused_in_one_line():
    clip, _ = linear_clip()
    batch = images(2, SIDE)
    with pytest.raises(InputError, match="text to image needs a CLIP"):
        text_to_image(conv_classifier(), "a cat")
    with pytest.raises(InputError, match="describe images in words"):
        text_to_image(clip, [" "])
    with pytest.raises(InputError, match=r"a template has \{\} in the prompt's place"):
        stepped(clip, Text("cat", ("a photo",)), batch)
    with pytest.raises(InputError, match=r"\(2, 4\) and the prompts' \(1, 3\)"):
        stepped(clip, Text(torch.ones(1, 3)), batch)
    with pytest.raises(InputError, match="words need a CLIP"):
        stepped(conv_classifier(), Text("0"), batch)
    with pytest.raises(InputError, match="at most 1 of an image's side"):
        random_crop((0.5, 1.5), 8)


def test_a_crop_is_a_square_of_its_share_anywhere_in_the_image():
    across = torch.linspace(0.5, 15.5, 16).expand(1, 2, 8, 16).clone()  # the position of a pixel, in pixels
    across[:, 1] = torch.linspace(0.5, 7.5, 8)[:, None]
    batch = across.expand(200, -1, -1, -1)
    generators = [torch.Generator().manual_seed(number) for number in range(200)]
    crops = random_crop((0.5,), 4)(batch, generators)
    assert crops.shape == (200, 2, 4, 4)
    close(crops[:, 0].diff(dim=2), torch.ones(200, 4, 3))  # 4 of 8 pixels in both directions, brought to 4
    close(crops[:, 1].diff(dim=1), torch.ones(200, 3, 4))
    left, top = crops[:, 0, 0, 0] - 0.5, crops[:, 1, 0, 0] - 0.5
    for places, room in ((left, 12), (top, 4)):  # uniform between the borders
        assert 0 <= places.min() < 0.05 * room < 0.95 * room < places.max() <= room
        assert float(places.mean()) == pytest.approx(room / 2, rel=0.15)
    close(random_crop((1.0,), 8)(batch[:1, :, :, 4:12], generators[:1]), batch[:1, :, :, 4:12])
