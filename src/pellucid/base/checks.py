"""Checks of what users give, with messages that say what would be right."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .errors import InputError, unknown
from .image import Images, OneImage, as_tensor, cover

WORDS = {float: "a number", int: "a whole number", bool: "True or False", str: "text", type(None): "None"}


def check_images(images: Images, name: str = "images", size: int | None = None, channels: int | None = None) -> Tensor:
    """Images as people have them as detached float32 `(N, C, H, W)` in [0, 1], cut square to `size` if that is given.

    Gray images that were read as three channels become one where `channels` is 1.

    One or several: tensors `(C, H, W)` or `(N, C, H, W)`, NumPy arrays, PIL images, paths, results; see `as_tensor`.
    Raises `InputError` for others, and for what is not finite or not in [0, 1].
    """
    images = images if isinstance(images, OneImage) else getattr(images, "images", images)
    if isinstance(images, (list, tuple)):
        parts = [check_images(image, name, size, channels) for image in images]
        if len({part.shape[1:] for part in parts}) > 1:
            shown = ", ".join(f"{part.shape[3]} x {part.shape[2]}" for part in parts[:3])
            raise InputError(f"{name} have different sizes, {shown}, ...; bring them to one")
        images = torch.cat(parts) if parts else torch.empty(0)
    if not isinstance(images, OneImage):
        kind = type(images).__name__
        raise InputError(f"{name} must be tensors, arrays, PIL images or paths, one or a list of them, not {kind}")
    images = as_tensor(images)
    images = images[None] if images.ndim == 3 else images
    if images.ndim != 4 or not len(images):
        raise InputError(f"{name} must be (N, C, H, W) with N of at least 1, not {tuple(images.shape)}")
    images = images.detach().float()
    low, high = (float(v) for v in torch.aminmax(images))
    if not (low >= -1e-6 and high <= 1 + 1e-6):  # also refuses NaN
        remedy = "the classifier itself normalizes them" if low < 0 else "divide 8-bit values by 255"
        raise InputError(f"{name} must have values in [0, 1], not {low:.4g} to {high:.4g}; {remedy}")
    if channels == 1 and bool((images == images[:, :1]).all()):
        images = images[:, :1]
    images = images.clamp(0, 1)
    return cover(images, size) if size else images


def check_seed(seed: int) -> int:
    """`seed`, or `InputError` unless it is one that every generator takes."""
    seed = whole("seed", seed)
    if not 0 <= seed < 2**32:
        raise InputError(f"seed must be a whole number from 0 to {2**32 - 1}, not {seed}")
    return seed


def whole(name: str, value: Any) -> int:
    """`value`, of Python's kind or NumPy's, as an int; `InputError` unless it is a whole number."""
    try:
        return operator.index(value)
    except TypeError:
        raise InputError(f"{name} must be a whole number, not {value!r}") from None


def check_index(there_are: str, index: Any, size: int) -> None:
    """Raise `InputError` unless `index` holds whole numbers from 0 to `size` - 1.

    >>> check_index("layer 'conv1' has units", 64, 64)
    Traceback (most recent call last):
    pellucid.base.errors.InputError: layer 'conv1' has units 0 to 63, not 64
    """
    try:
        values = torch.as_tensor(index)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{there_are} 0 to {size - 1}, not {index!r}") from None
    if values.ndim > 1 or values.dtype != torch.int64:
        given = f"{values.dtype} of {tuple(values.shape)}"
        raise InputError(f"{there_are} 0 to {size - 1}; give int64 of (N,), not {given}")
    wrong = values[(values < 0) | (values >= size)]
    if wrong.numel():
        raise InputError(f"{there_are} 0 to {size - 1}, not {int(wrong[0])}")


def check_fields(recipe: object) -> None:
    """Raise `InputError` unless the fields of a recipe are of their kinds: numbers, words, or tuples of such.

    Lists become tuples and numpy's numbers Python's, so that what a recipe holds can be compared and written as JSON.
    """
    for name, kind in get_type_hints(type(recipe)).items():
        value = _plain(getattr(recipe, name))
        object.__setattr__(recipe, name, value)
        if get_origin(kind) is not tuple:
            _check_field(name, kind, value)
        elif isinstance(value, tuple):
            if ... not in get_args(kind) and len(value) != len(get_args(kind)):
                raise InputError(f"{name} must be {len(get_args(kind))} values, not {value}")
            for part in value:
                _check_field(name, get_args(kind)[0], part)
        else:
            raise InputError(f"{name} must be a tuple, such as ({value!r},), not {value!r}")


def _check_field(name: str, kind: Any, value: Any) -> None:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise unknown(name, value, get_args(kind))
        return
    kinds = [one for one in get_args(kind) or [kind] if isinstance(one, type)]
    fits = any(isinstance(value, (int, float) if one is float else one) for one in kinds)
    if not fits or (isinstance(value, bool) and bool not in kinds):  # to Python, True is 1
        raise InputError(f"{name} must be {' or '.join(WORDS.get(k, k.__name__) for k in kinds)}, not {value!r}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def number(name: str, value: float, least: float = -math.inf, below: float = math.inf) -> float:
    """`value`, or `InputError` unless it is a finite number, at least `least` and less than `below`.

    >>> number("momentum", 1.5, 0, 1)
    Traceback (most recent call last):
    pellucid.base.errors.InputError: momentum must be a finite number, at least 0 and less than 1, not 1.5
    """
    if not (math.isfinite(value) and least <= value < below):
        limits = [f"at least {least:g}"] * (least > -math.inf) + [f"less than {below:g}"] * (below < math.inf)
        said = f", {' and '.join(limits)}" if limits else ""
        raise InputError(f"{name} must be a finite number{said}, not {value}")
    return value


def positive(name: str, value: float) -> float:
    """`value`, or `InputError` unless it is above 0; infinity is."""
    if not value > 0:  # also refuses NaN
        raise InputError(f"{name} must be positive, not {value}")
    return value


def positive_int(name: str, value: int) -> int:
    """`value`, or `InputError` unless it is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, not {value}")
    return int(value)


def check_shape(name: str, values: Tensor, images: Tensor) -> None:
    """Raise `InputError` unless the rows of `values` are as large as `images`, in all of their channels or in one."""
    channels, *sides = images.shape[1:]
    if values.shape[1:] not in [(channels, *sides), (1, *sides)]:
        given, whole, right = tuple(values.shape[1:]), tuple(images.shape[1:]), (1, *sides)
        raise InputError(f"{name} is {given} for an image of {whole}; give {right} or {whole} for each")


def check_normalization(mean: Any, std: Any, reads: int) -> tuple[Tensor, Tensor]:
    """A normalization's mean and std, `(1, C, 1, 1)`: a number is for all channels, a list has one for each.

    `reads` is how many channels the network's first convolution reads, 0 if it has none. Numbers that are meant for
    values from 0 to 255 are refused: images are in [0, 1].

    >>> [value.flatten().tolist() for value in check_normalization(0.5, (1.0, 1.0, 2.0), 0)]
    [[0.5, 0.5, 0.5], [1.0, 1.0, 2.0]]
    """
    found: dict[str, Tensor] = {}
    for name, given in (("mean", mean), ("std", std)):
        try:
            values = torch.as_tensor(given, dtype=torch.float32, device="cpu")
        except (TypeError, ValueError, RuntimeError):
            values = torch.empty(0)
        if not values.numel():
            raise InputError(f"{name} must be a number, or one for each channel, not {given!r}")
        if not bool(values.isfinite().all()):
            raise InputError(f"{name} must be finite, not {given}")
        if name == "std" and bool((values <= 0).any()):
            raise InputError(f"std must be positive, not {given}")
        if bool((values.abs() > 20).any()):
            first = float(values.flatten()[0])
            raise InputError(f"{name} is for images in [0, 1]; divide it by 255, {first / 255:.4g} and so on")
        found[name] = values
    lists = [values.numel() for values in found.values() if values.ndim]
    if len(set(lists)) == 2:
        raise InputError(f"mean has {lists[0]} and std {lists[1]} numbers; give both one for each channel")
    count = lists[0] if lists else 0
    if count > 1 and reads == 3 != count:
        raise InputError(f"mean and std are for {count} channels, and the network reads 3")
    if count == 0 or (count == 1 and reads == 3):
        count = reads if reads in (1, 3) else 3
    each = [values.flatten().expand(count).clone().reshape(1, -1, 1, 1) for values in found.values()]
    return each[0], each[1]


def check_network(network: Any) -> None:
    """Raise `InputError` for what is no network of torch's, or one that cannot be read or differentiated."""
    if isinstance(network, torch.jit.ScriptModule) or not isinstance(network, nn.Module):
        given = network.__name__ if isinstance(network, type) else type(network).__name__
        raise InputError(f"network must be a torch.nn.Module that yields logits, not {given}")
    if hasattr(network, "normalized"):
        raise InputError("this network is a Classifier already")
    if isinstance(network, (nn.ModuleList, nn.ModuleDict)) and type(network).forward is nn.Module.forward:
        raise InputError(f"network must yield logits; a {type(network).__name__} has no forward")
    if any(map(is_lazy, network.parameters())):
        raise InputError("this network has lazy layers without weights; run it once on a batch of images")
    if any(tensor.is_inference() for tensor in (*network.parameters(), *network.buffers())):
        raise InputError("this network was made in torch.inference_mode and has no gradient; make it outside")
    if any(parameter.dtype == torch.float16 for parameter in network.parameters()):
        raise InputError("gradients vanish in float16; give network.float() or network.bfloat16()")


def check_classifier(classifier: object) -> None:
    """Raise `InputError` for a network alone, without its normalization."""
    if isinstance(classifier, str):
        raise InputError(f"give a classifier, not its name: pellucid.load({classifier!r})")
    if not hasattr(classifier, "normalized"):
        raise InputError(f"give the network as pellucid.Classifier(network, ...), not as {type(classifier).__name__}")


def check_input(images: Tensor, channels: int | None) -> None:
    """Raise `InputError` unless images are floats `(N, channels, H, W)`; of any number of channels if that is None."""
    shape = tuple(images.shape)
    if len(shape) != 4 or channels not in (None, shape[1]):
        remedy = ""
        if len(shape) == 4 and shape[1] == 1:
            remedy = (
                "; give images.expand(-1, 3, -1, -1), or for a network of one Classifier(..., mean=(0.0,), std=(1.0,))"
            )
        elif channels == 1:
            remedy = "; of gray images take one: images[:, :1]"
        raise InputError(f"this classifier takes images (N, {channels or 'C'}, H, W), not {shape}{remedy}")
    if not images.is_floating_point():
        raise InputError(f"images are floats in [0, 1], not {images.dtype}; divide 8-bit values by 255")


def check_logits(output: Any) -> Tensor:
    """What a network yields, or `InputError` where that is no tensor."""
    if not isinstance(output, Tensor):
        raise InputError(
            f"a network yields logits (N, classes), not a {type(output).__name__}; wrap it so that it does"
        )
    return output


def check_names(names: Iterable[Any] | None) -> list[str] | None:
    """Class names as strings, in the order of the classes; `InputError` for what has no order."""
    if names is None:
        return None
    if isinstance(names, (dict, set, str)):
        raise InputError(f"class names are a list in the order of the classes, not a {type(names).__name__}")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def check_weight(value: Any) -> float:
    """What an objective is multiplied or divided by: one finite number."""
    single = isinstance(value, Real) or (isinstance(value, Tensor) and value.numel() == 1)
    if not single or not math.isfinite(value):
        raise InputError(f"an objective is multiplied or divided by a finite number, not by {value!r}")
    return float(value)
