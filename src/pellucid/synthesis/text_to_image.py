"""Text to image by descent alone, without a generator (Ganz and Elad 2023, *CLIPAG*)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from ..base.checks import check_images, positive_int
from ..base.errors import InputError
from ..base.recipes import Recipe, checked
from ..base.task import task
from ..core.ball import Unbounded
from ..core.batch import at_once
from ..core.classifier import Classifier
from ..core.descend import Callback, DescendOptions, descend
from ..core.descent import Descent
from ..core.optimizer import Adam, Pixels, Smoothed
from ..data.fourier import Fourier
from ..data.image import cover, enlarge, side
from ..data.transforms import random_crop, views
from ..zoo.clip import Clip
from .start import Start, seeds
from .text import Text
from .toward import PLAIN, SMOOTH

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class TextToImageRecipe(Recipe):
    """Settings of `text_to_image`."""

    steps: int = 200
    """Steps of the descent."""
    learning_rate: float = 0.05
    """Adam's."""
    parametrization: Literal["fourier", "pixels"] = "fourier"
    """What moves: decorrelated Fourier coefficients, or pixels."""
    sigmas: tuple[float, float] = SMOOTH
    """Width in pixels of the Gaussian that blurs the gradient of pixels, at the first step and at the last."""
    views: int = 8
    """How many crops of each image the network sees in a step, which is what a step costs."""
    crops: tuple[float, ...] = (0.4, 0.55, 0.7, 0.85, 1.0)
    """The sides of the crops as shares of the image's; each crop draws one of them, and its place."""
    noise: float = 0.05
    """Standard deviation of the noise on a crop."""
    templates: tuple[str, ...] = ("{}",)
    """What prompts are put into, such as "a photo of {}."; embeddings are averaged over them."""
    start: Start = "noise"
    """Seeds: noise, gray, or patterns that show nothing."""
    size: int | None = None
    """Side of the images in pixels; the encoder's if not given. Crops are brought to the encoder's."""

    def at(self, side: int | None) -> TextToImageRecipe:
        return super().at(self.size or side)

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int("views", self.views)


PRESETS = {
    # CLIPAG_T2I.ipynb of the paper's authors, for a ViT-B/32 and 224 px: AdamW on pixels. It sees 32 whole images with
    # weight 1 and 32 crops of 128 px with weight 5; of 64 views here five in six are crops, in expectation the same
    # loss. Not here: its changes of color, shifts, scales and cutouts, its weight decay and dynamic thresholding, and
    # its start, the best of 1,000 draws from Gaussians of Tiny ImageNet. The paper itself was not at hand.
    "notebook-clipag": TextToImageRecipe(
        steps=100,
        learning_rate=0.0175,
        parametrization="pixels",
        sigmas=PLAIN,
        views=64,
        crops=(128 / 224,) * 5 + (1.0,),
        noise=0.01,
        start="spots",
        size=224,
    ),
}


class TextToImageOptions(DescendOptions, total=False):
    """Options of `text_to_image`."""

    views: int
    crops: tuple[float, ...]
    templates: tuple[str, ...]


@task(TextToImageRecipe, TextToImageOptions)
def text_to_image(
    classifier: Classifier,
    prompts: Sequence[str] | str,
    recipe: TextToImageRecipe | None = None,
    *,
    also: Mapping[str, float] | None = None,
    start: Tensor | None = None,
    seed: int = 0,
    callback: Callback | None = None,
    **options: Unpack[TextToImageOptions],
) -> Descent:
    """Images of what words say:   argmin over x of the mean over views v of -cos(f(v(x)), t) - Σ wᵢ cos(f(v(x)), tᵢ).

    In `info["prompts"]` stands for each image its prompt and the similarity that the whole image reached.

    Args:
        classifier: a `Clip`, preferably a robust one; a standard one yields what people do not see.
        prompts: one for each image.
        recipe: settings, such as one of `PRESETS`.
        also: further prompts of every image with their weights wᵢ, negative for what it is not to show.
        start: `(N, 3, H, W)` images in [0, 1] to begin with instead of seeds.
        seed: of seeds and crops.
        callback: called after every step with a `Progress`.
        **options: fields of the recipe, which override it, and options of `descend`, such as `precision`, `batch_size`.

    Raises:
        InputError: a classifier without a text encoder, an empty prompt, shares of crops outside (0, 1].

    >>> class Lengths(torch.nn.Module):
    ...     def forward(self, texts):
    ...         return torch.tensor([[float(len(text)), 1.0] for text in texts])
    >>> image = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    >>> clip = Clip(image, Lengths(), card={"size": 2})
    >>> text_to_image(clip, ["a cat", "a lion"], steps=2, views=1).images.shape
    torch.Size([2, 3, 2, 2])
    """
    if not isinstance(classifier, Clip):
        raise InputError("text to image needs a CLIP, which has a text encoder: clip:hf-hub:OWNER/REPO")
    seen, prompts = side(classifier), [prompts] if isinstance(prompts, str) else list(prompts)
    recipe = checked(recipe, TextToImageRecipe).at(seen)
    size = recipe.size or seen
    text = Text(prompts, recipe.templates).numbered(classifier.labels)
    objective = sum((w * Text(prompt, recipe.templates) for prompt, w in (also or {}).items()), start=text)
    if start is None:
        start = enlarge(seeds(classifier, torch.zeros(len(prompts)), recipe.start, seed), size)
    start, pixels = cover(check_images(start, "start"), size), recipe.parametrization == "pixels"
    rest: dict[str, Any] = {"batch_size": max(1, at_once(start) // recipe.views), **options}
    made = descend(
        classifier,
        objective,
        start,
        ball=Unbounded(),
        steps=recipe.steps,
        step_size=recipe.learning_rate,
        optimizer=Smoothed(recipe.sigmas, Adam()) if pixels else Adam(),
        parametrization=Pixels() if pixels else Fourier(),
        transforms=[views(recipe.views, random_crop(recipe.crops, seen, recipe.noise))],
        seed=seed,
        callback=callback,
        **rest,
    )
    with torch.no_grad():
        whole = cover(made.images, seen)
        found = torch.cat([classifier(part).representation for part in whole.split(at_once(whole))]).cpu()
    similar = torch.cosine_similarity(found, text.prompt.cpu()).tolist()  # pyright: ignore[reportAttributeAccessIssue]
    facts = [{"prompt": prompt, "similarity": round(v, 4)} for prompt, v in zip(prompts, similar, strict=True)]
    return made.about(prompts=facts)
