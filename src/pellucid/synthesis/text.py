"""Words as an objective: how near CLIP finds an image to a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..core.objective import Objective
from ..core.reading import Activations
from ..zoo.clip import embed

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Text(Objective):
    """-cos(f(x), t) of an image's embedding f(x) and a prompt's, t, under a CLIP (Ganz and Elad 2023, *CLIPAG*).

    Where a transform shows several views of each image (`pellucid.data.transforms.views`), it is their mean. Prompts
    add and scale: `Text("a red panda") + 0.5 * Text("snow") - 0.3 * Text("a blurry photo")`.

    Attributes:
        prompt: one for all images, or one for each; `descend` looks up their embeddings, `(1, D)` or `(N, D)`.
        templates: what a prompt is put into, such as "a photo of {}."; embeddings are averaged over them.

    >>> import torch
    >>> embedding = torch.tensor([[3.0, 4.0]])
    >>> Text(torch.tensor([[1.0, 0.0]]))(torch.rand(1, 3, 2, 2), Activations(embedding, embedding))
    tensor([-0.6000])
    """

    prompt: Tensor | str | Sequence[str]
    templates: tuple[str, ...] = ("{}",)

    def numbered(self, labels: Callable[[Any], Tensor]) -> Self:
        if isinstance(self.prompt, Tensor):
            return self
        return replace(self, prompt=embed(labels, self.prompt, self.templates))

    def check(self, activations: Activations) -> None:
        if isinstance(self.prompt, Tensor) and self.prompt.shape[1:] != activations.representation.shape[1:]:
            found, given = (tuple(t.shape) for t in (activations.representation, self.prompt))
            raise InputError(f"the images' embeddings are {found} and the prompts' {given}; give them alike")

    def __call__(self, images: Tensor, activations: Activations) -> Tensor:
        if not isinstance(self.prompt, Tensor):
            raise InputError(f"descend looks up {self.prompt!r:.60}; without it give embeddings: clip.labels(...)")
        seen = activations.representation.unflatten(0, (len(images), -1))
        return -F.cosine_similarity(seen, self.prompt[:, None].to(seen), dim=2).mean(1)
