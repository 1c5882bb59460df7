"""CLIP: an image encoder without classes, and a text encoder whose embeddings stand for them (Radford et al. 2021)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..data.wordnet import named

TEMPLATES = ("a photo of a {}.",)
BATCH = 256  # texts at once


class Clip(Classifier):
    """A classifier whose representation is CLIP's embedding of an image, with the text encoder beside it.

    It has no classes: `zero_shot` makes a classifier of it, and `pellucid.Text` an objective.

    Args:
        image: any module from normalized images `(N, C, H, W)` to embeddings `(N, D)`.
        text: any module from a list of K texts to embeddings `(K, D)`.
        mean, std: the normalization, as of a `Classifier`.
        scale: what cosine similarities are multiplied by to be logits.
        card: what else is known, such as the `size` of the images.

    >>> class Lengths(nn.Module):
    ...     def forward(self, texts):
    ...         return torch.tensor([[float(len(text)), 1.0] for text in texts])
    >>> clip = Clip(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), Lengths())
    >>> clip(torch.rand(3, 3, 2, 2)).representation.shape, clip.labels(["a cat", "a dog"]).shape
    (torch.Size([3, 2]), torch.Size([2, 2]))
    >>> zero_shot(clip, ["cat", "dog", "lion"])(torch.rand(3, 3, 2, 2)).logits.shape
    torch.Size([3, 3])
    """

    def __init__(
        self,
        image: nn.Module,
        text: nn.Module,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        scale: float = 100.0,
        card: dict[str, Any] | None = None,
    ):
        super().__init__(nn.Sequential(OrderedDict(visual=image, head=nn.Identity())), mean, std, card=card)
        self.text, self.scale = text.eval(), scale

    @torch.no_grad()
    def labels(self, names: Any, count: int | None = None) -> Tensor:
        """The embeddings of texts, `(K, D)` of length 1: what a number of a class is to other classifiers."""
        texts = [names] if isinstance(names, str) else list(names)
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise InputError("a CLIP has no classes; describe images in words, or make a classifier: pl.zero_shot")
        return F.normalize(torch.cat([self.text(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]).float())


def embed(labels: Callable[[Any], Tensor], prompts: str | Sequence[str], templates: Sequence[str] = ("{}",)) -> Tensor:
    """The embedding of each prompt, `(K, D)` of length 1: the mean over templates, such as "a photo of a {}.".

    `labels` is a CLIP's. Raises `InputError` for that of another classifier, and for a template without {}.
    """
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not templates or not all("{}" in template for template in templates):
        raise InputError(f"a template has {{}} in the prompt's place, as in {TEMPLATES[0]!r}, not {templates!r:.80}")
    rows = labels([template.replace("{}", prompt) for prompt in prompts for template in templates])
    if not rows.is_floating_point():
        raise InputError('words need a CLIP, which has a text encoder: pl.load("clip:hf-hub:OWNER/REPO")')
    return F.normalize(rows.unflatten(0, (len(prompts), len(templates))).mean(1))


def zero_shot(clip: Clip, class_names: Sequence[str], templates: Sequence[str] = TEMPLATES) -> Classifier:
    """A classifier of these classes:   logits = scale · W f(x) / ‖f(x)‖,   the rows of W the embeddings of the names.

    Radford et al. 2021, section 3.1. An underscore in a name is read as a space, a WordNet id as its class.

    Args:
        clip: whose image encoder f is shared, not copied.
        class_names: K names.
        templates: what the names are put into; the embeddings of a name in all of them are averaged.

    Raises:
        InputError: numbers instead of names, a template without {}.
    """
    names = list(class_names)
    if names == [str(number) for number in range(len(names))]:
        raise InputError("these classes have numbers and no names; CLIP tells classes by their names")
    weights = clip.scale * embed(clip.labels, [name.replace("_", " ") for name in named(names)], templates)
    head = nn.Linear(weights.shape[1], len(names), bias=False, device="meta")  # draws nothing
    head.weight = nn.Parameter(weights)
    parts = OrderedDict(visual=clip.network.get_submodule("visual"), unit=UnitLength(), head=head)
    mean, std = clip.mean.flatten().tolist(), clip.std.flatten().tolist()
    return Classifier(nn.Sequential(parts), mean, std, names, card={**clip.card, "templates": [*templates]}).eval()


class UnitLength(nn.Module):
    """Divides each row by its length."""

    def forward(self, values: Tensor) -> Tensor:
        """`(N, D)` to `(N, D)`."""
        return F.normalize(values)
