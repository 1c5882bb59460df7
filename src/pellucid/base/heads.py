"""The head of a network: the module that makes the logits, and whose input is the representation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .errors import InputError, warn

HEADS = {"fc", "head", "heads", "classifier", "linear", "last_linear"}  # what libraries call it


def find_head(network: nn.Module) -> str:
    """The path of the module that makes the logits: timm's own answer, the last linear layer, the last 1x1 convolution.

    Of a network without a head it is the `nn.Identity` in its place, which makes its features.
    Raises `InputError` where there is none; name it then: `Classifier(network, head="...")`.

    >>> find_head(nn.Sequential(nn.Conv2d(3, 8, 1), nn.Flatten(), nn.Linear(8, 2), nn.Softmax(1)))
    '2'
    """
    paths = {module: path for path, module in network.named_modules()}
    if hasattr(network, "get_classifier"):  # timm
        head = network.get_classifier()  # pyright: ignore[reportCallIssue]
        if isinstance(head, nn.Module) and head in paths:
            return paths[head]
    last, end = list(paths.items())[-1]
    if isinstance(last, nn.Identity) and not HEADS.isdisjoint(end.split(".")):
        return end
    linear = [path for module, path in paths.items() if isinstance(module, nn.Linear)]
    pointwise = [path for m, path in paths.items() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    if not (linear or pointwise):
        raise InputError(
            f"no linear layer found in {type(network).__name__}; name the layer that makes the logits as head, or "
            "append one: nn.Sequential(network, nn.Identity()) with head='1'"
        )
    return (linear or pointwise)[-1]


def not_probabilities(logits: Tensor) -> Tensor:
    """These logits, `(N, K)`; warns where they are probabilities already, of which a second softmax would be taken."""
    if logits.shape[1] > 1 and bool((logits >= 0).all()) and bool(((logits.sum(1) - 1).abs() < 1e-3).all()):
        warn("the network already makes probabilities; take its softmax away, so that it makes logits")
    return logits


def follows(logits: Tensor, made: Tensor) -> bool:
    """Whether logits `(N, K)` are what a head made, but for a factor, a ReLU or softmax, and pooling over positions.

    Logits that are not finite say nothing: a class may be ruled out by -inf.

    >>> made = torch.tensor([[1.0, -2.0, 3.0]])
    >>> follows(made.softmax(1), made), follows(made / 5, made), follows(made, made.flip(1))
    (True, True, False)
    """
    logits, made = logits.detach(), made.detach()
    count, classes = logits.shape
    axis = 1 if made.ndim > 2 and made.shape[1] == classes else -1
    if made.ndim < 2 or len(made) != count or made.shape[axis] != classes:
        return False
    tolerance = 1e-3 if made.dtype == logits.dtype == torch.float32 else 2e-2
    finite, each = logits.isfinite(), made.float().movedim(axis, -1).reshape(count, -1, classes)
    given, mean = torch.where(finite, logits.float(), 0), each.mean(1)
    for values in (
        mean, each.amax(1), each.relu().mean(1), mean.relu(), mean.softmax(1), mean.log_softmax(1), mean.sigmoid(),
    ):  # fmt: skip
        values = torch.where(finite, values, 0)
        scale = (given * values).sum() / values.square().sum().clamp_min(1e-30)
        if float((given - scale * values).norm()) <= tolerance * float(given.norm()):
            return True
    return False


def width_of(head: nn.Module) -> int:
    """How many logits a head makes, by the last layer in it that says so; 0 if none does."""
    widths = [getattr(part, "out_features", 0) or getattr(part, "out_channels", 0) for part in head.modules()]
    return int(next(filter(None, reversed(widths)), 0))
