"""`pellucid text-to-image`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from ..base.checks import positive_int
from ..base.errors import InputError
from ..core.classifier import Classifier
from ..core.descent import Descent
from ..gallery.sheet import Row
from ..synthesis.text_to_image import PRESETS, TextToImageRecipe, text_to_image
from .flags import INLINE, RunFlags
from .parse import parse
from .run import carry_out


@dataclass(frozen=True)
class TextToImage(RunFlags):
    """Images of what words say, by descent on a CLIP's pixels, without a generator.

    pellucid text-to-image --model clip:hf-hub:OWNER/REPO --text "a red panda in the snow" --out panda.png
    """

    model: str = ""
    """A CLIP, clip:hf-hub:OWNER/REPO."""
    text: tuple[str, ...] = ()
    """What the images are to show: one prompt, or several, each with images of its own."""
    also: dict[str, float] = field(default_factory=dict)
    """Further prompts of every image with their weights: --also snow 0.5 "a blurry photo" -0.3."""
    count: int = 1
    """Images of each prompt."""
    preset: str | None = None
    """notebook-clipag; other flags change it."""
    recipe: Annotated[TextToImageRecipe, INLINE] = TextToImageRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(TextToImage, argv, "text-to-image", PRESETS)
    positive_int("count", flags.count)
    if not flags.text:
        raise InputError('say what the images are to show: --text "a red panda in the snow"')
    if not flags.model:
        raise InputError("name a CLIP: --model clip:hf-hub:OWNER/REPO")
    prompts = [prompt for prompt in flags.text for _ in range(flags.count)]

    def task(classifier: Classifier, **options) -> Descent:
        return text_to_image(classifier, prompts, flags.recipe, also=flags.also, **options)

    def rows(made: dict[str, Descent]) -> list[Row]:
        return [
            Row(
                ", ".join([prompt, name][: len(made)]),
                descent.images[first : first + flags.count],
                [f"{fact['similarity']:.3f}" for fact in descent.info["prompts"][first : first + flags.count]],
            )
            for first, prompt in zip(range(0, len(prompts), flags.count), flags.text, strict=True)
            for name, descent in made.items()
        ]

    return carry_out(flags, "text-to-image", argv, [], task, rows)
