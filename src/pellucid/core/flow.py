"""Which axis of a tensor is that of units, as the operations of a pass tell it.

A convolution has its channels second, a linear layer its units last. What an operation tells of the tensors that it
reads and makes holds for others too: an addition leaves every axis where it is, a permutation says where each one goes.
So each tensor of a pass is a place, such an operation a way between two places, and what is told at one place holds
wherever a way leads from it. Lengths of axes are never compared with those of unrelated tensors.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import count
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Names of ATen operations.
SECOND = re.compile("convolution|.*batch_norm.*|native_group_norm")
# Of images alone: tokens may be pooled along any axis.
SECOND_OF_FOUR = re.compile("_?(adaptive_)?(avg|max)_pool2d.*|upsample_.*2d|pixel_(un)?shuffle")
# Products with weights, which have units last; and which argument they read, before that of the weights.
PRODUCTS = {"linear": 0, "mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1}
# Beside pointwise operations, these leave axes in their order, unless they drop some.
KEEPING = re.compile(
    "_to_copy|alias|amax|cat|clone|constant_pad_nd|copy_|detach|expand|flip|index_select|lift_fresh|mean|narrow|"
    "native_dropout|re(flection|plication)_pad2d|roll|slice|split(_with_sizes)?|sum"
)
REGROUPING = {"view", "_unsafe_view", "_reshape_alias", "reshape", "squeeze", "unsqueeze", "flatten", "unflatten"}

Axes = tuple[int | None, ...]


class Flow(TorchDispatchMode):
    """Within, follow the axes of all tensors, and which of them come of `images`."""

    def __init__(self, images: Tensor):
        super().__init__()
        self._numbers = count()
        # Places by memory, then by what a tensor is there: views under autograd are new objects. No tensor is kept.
        self._places: defaultdict[int, dict[tuple, int]] = defaultdict(dict)
        self._from_images = {_memory(images)}
        self._told: defaultdict[int, set[int]] = defaultdict(set)
        self._ways: defaultdict[int, list[tuple[int, Axes]]] = defaultdict(list)
        self._tell(images, 1)

    def comes_from_images(self, values: Tensor) -> bool:
        """Whether a tensor was computed from the images."""
        return _memory(values) in self._from_images

    def place(self, values: Tensor) -> int:
        """The place of a tensor, which outlasts it."""
        return self._places[_memory(values)].setdefault(
            (values.storage_offset(), values.shape, values.stride()), next(self._numbers)
        )

    def units(self, place: int, ndim: int) -> int | None:
        """The axis of units at a place of so many axes; None if nothing tells, or what tells does not agree."""
        found, seen = set(), {place}
        queue: list[tuple[int, Axes]] = [(place, tuple(range(ndim)))]
        for here, axes in queue:  # and those that are appended: where each of the axes is here
            found |= {axes.index(axis) for axis in self._told[here] if axis in axes}
            for there, leads in self._ways[here]:
                if there not in seen:
                    seen.add(there)
                    queue.append((there, tuple(None if axis is None else leads[axis] for axis in axes)))
        return found.pop() if len(found) == 1 else None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with self:  # in inference mode operations come that are made of others
            result = func.decompose(*args, **(kwargs or {}))
        if result is not NotImplemented:
            return result
        result = func(*args, **(kwargs or {}))
        given, made = _tensors((args, kwargs)), _tensors(result)
        self._renew(given, made)
        if given and made:
            name = func.overloadpacket.__name__
            self._hear(name, args, given, made[0])
            for before in given:
                for after in made:
                    self._connect(before, after, _axes(func, name, args, before, after))
        return result

    def _renew(self, given: list[Tensor], made: list[Tensor]) -> None:
        """Forget what was where new tensors are now, and note whether these come from the images."""
        old = set(map(_memory, given))
        for memory in set(map(_memory, made)):
            if memory not in old:
                self._places.pop(memory, None)
                self._from_images.discard(memory)
            if old & self._from_images:
                self._from_images.add(memory)

    def _hear(self, name: str, args: Any, given: list[Tensor], made: Tensor) -> None:
        """Note what an operation tells of what it reads and makes."""
        if SECOND.fullmatch(name) or (SECOND_OF_FOUR.fullmatch(name) and made.ndim == 4):
            self._tell(given[0], 1)
            self._tell(made, 1)
        elif name == "native_layer_norm" and len(args[1]) == 1:
            self._tell(given[0], -1)
            self._tell(made, -1)
        elif name in PRODUCTS and not self.comes_from_images(given[PRODUCTS[name] + 1]):  # as what attends does
            self._tell(given[PRODUCTS[name]], -1)
            self._tell(made, -1)
        elif name == "mean" and given[0].ndim == 4 and len(args) > 1 and len(args[1] or ()) == 2:
            averaged = {axis % 4 for axis in args[1]}  # positions
            if 0 not in averaged:
                self._tell(given[0], *({1, 2, 3} - averaged))

    def _tell(self, values: Tensor, axis: int) -> None:
        self._told[self.place(values)].add(axis % values.ndim)

    def _connect(self, before: Tensor, after: Tensor, axes: Axes | None) -> None:
        here, there = self.place(before), self.place(after)
        if axes is None or here == there:
            return
        back = tuple(axes.index(axis) if axis in axes else None for axis in range(after.ndim))
        self._ways[here].append((there, axes))
        self._ways[there].append((here, back))


def _axes(func: Any, name: str, args: Any, before: Tensor, after: Tensor) -> Axes | None:
    """For each axis of a tensor that is read the one of what is made that it becomes; None if there is no way."""
    if name in ("permute", "transpose", "t"):
        return _moved(name, args, before.ndim)
    if name in REGROUPING:
        return _regrouped(before.shape, after.shape)
    pointwise = torch.Tag.pointwise in func.tags and before.shape == after.shape
    if pointwise or (KEEPING.fullmatch(name) and before.ndim == after.ndim):
        return tuple(range(before.ndim))
    return None


def _moved(name: str, args: Any, ndim: int) -> Axes:
    order = list(range(ndim))
    if name == "permute":
        order = [axis % ndim for axis in args[1]]
    elif ndim > 1:
        one, other = (axis % ndim for axis in (args[1:3] if name == "transpose" else (0, 1)))
        order[one], order[other] = other, one
    return tuple(order.index(axis) for axis in range(ndim))


def _regrouped(before: torch.Size, after: torch.Size) -> Axes:
    """Axes that a view leaves whole: as long as they were, after as many rows."""
    where = {(prod(after[:axis]), length): axis for axis, length in enumerate(after) if length > 1}
    return tuple(where.get((prod(before[:axis]), length)) for axis, length in enumerate(before))


def _tensors(tree: Any) -> list[Tensor]:
    leaves = tree_leaves(tree)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.layout is torch.strided and leaf.ndim]


def _memory(values: Tensor) -> int:
    return values.untyped_storage().data_ptr()
