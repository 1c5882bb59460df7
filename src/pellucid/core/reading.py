"""Reading a network: its frozen twin, and what one pass of that yields."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ..base.errors import InputError
from ..base.fuse import fuse
from ..base.layers import open_last_relus, unit_axis


@dataclass
class Activations:
    """What one forward pass yields.

    Attributes:
        logits: `(N, K)`, float32.
        representation: `(N, U)`, float32; the input of the last linear layer, averaged over positions if it has any.
        layers: the further layers that were asked for, float32: units `(N, U)`, tokens `(N, T, U)` or channels
            `(N, C, H, W)`. Of a module that runs several times it is the last output.
    """

    logits: Tensor
    representation: Tensor
    layers: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> Tensor:
        return getattr(self, layer) if layer in ("logits", "representation") else self.layers[layer]

    def detach(self) -> Activations:
        """The same without its graph."""
        layers = {name: values.detach() for name, values in self.layers.items()}
        return Activations(self.logits.detach(), self.representation.detach(), layers)


def frozen_twin(network: nn.Module) -> nn.Module:
    """A copy of the modules of a network, in eval mode, whose weights need no gradient and are not copied.

    Every parameter and buffer of the twin shares the memory of the network's, so a twin costs milliseconds and sees
    weights that change in place. Hooks set on the twin never reach the network.

    Raises:
        InputError: a network that cannot be copied.

    >>> network = nn.Linear(2, 2)
    >>> twin = frozen_twin(network)
    >>> twin.weight.data_ptr() == network.weight.data_ptr(), twin.weight.requires_grad, network.weight.requires_grad
    (True, False, True)
    """
    shared: dict[int, Any] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in network.parameters()}
    shared |= {id(buffer): buffer.detach() for buffer in network.buffers()}
    # Weights that hooks compute, as the older weight_norm does, are attributes that Python cannot copy.
    kept = (value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor))
    shared |= {id(value): value.detach() for value in kept}
    try:
        twin = copy.deepcopy(network, shared)
    except Exception as error:
        raise InputError(
            f"this {type(network).__name__} cannot be copied ({error}); a descent runs on a copy of its modules"
        ) from error
    return twin.eval().requires_grad_(False)


class Reader:
    """A frozen twin of a network with hooks, as a function from images to `Activations`.

    The network itself is not touched. Each thread makes a reader of its own.

    Args:
        network: what is read.
        normalized: from images in [0, 1] to what the network is given.
        head: path of the module whose input is the representation.
        layers: further layers to read, name to module path.
        unit_axes: the axis of units of layers, by name, that `unit_axis` does not know.
        straight_through: see `open_last_relus`.
        classes: how many logits there have to be; None if that is not known.
    """

    def __init__(
        self,
        network: nn.Module,
        normalized: Callable[[Tensor], Tensor],
        head: str,
        layers: dict[str, str],
        unit_axes: dict[str, int],
        straight_through: bool = False,
        classes: int | None = None,
    ):
        self.twin = frozen_twin(network)
        self.refresh = fuse(self.twin, kept=(head, *layers.values()))  # to be called where weights have changed
        self.normalized, self.layers, self.unit_axes, self.classes = normalized, layers, unit_axes, classes
        self._closed = straight_through  # the last ReLUs, until there are images to find them with
        self._kept: dict[str, Tensor] = {}
        self._head = self.twin.get_submodule(head)
        self._head.register_forward_pre_hook(self._keep_input, with_kwargs=True)
        for name, path in layers.items():
            self.twin.get_submodule(path).register_forward_hook(self._keeping(name))

    def __call__(self, images: Tensor) -> Activations:
        """Run the network once on `(N, C, H, W)` images in [0, 1]; see `Classifier.forward` for what is refused."""
        inputs = self.normalized(images)
        if self._closed:
            one, self._closed = inputs[:1].detach().requires_grad_(), False
            open_last_relus(self.twin, lambda: self.run(one)[1])
        logits, representation, kept = self.run(inputs)
        if not len(logits) == len(representation) == len(images):
            shapes = f"logits {tuple(logits.shape)} and a representation {tuple(representation.shape)}"
            raise InputError(f"the network has {shapes} for {len(images)} images; images must be its first axis")
        layers = {name: self._arranged(name, kept[name], len(images)).float() for name in self.layers}
        return Activations(logits.float(), representation.float(), layers)

    def run(self, inputs: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Logits, representation and layers of normalized images. This is what may be compiled."""
        self._kept.clear()
        logits = self.twin(inputs)
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            raise InputError(f"a network yields logits (N, classes), not {_form(logits)}; wrap it so that it does")
        if self.classes not in (None, logits.shape[1]):
            raise InputError(
                f"this classifier has {self.classes} classes, and its network makes {logits.shape[1]} logits; give a "
                "class name for each, or name the layer that makes them as head"
            )
        if missing := [name for name in ("representation", *self.layers) if name not in self._kept]:
            raise InputError(f"layer {', '.join(missing)} was not reached in the forward pass")
        values = self._kept.pop("representation")
        if values.ndim > 2 and isinstance(self._head, nn.Linear):
            values = values.flatten(1, -2).mean(1)
        values = values.mean((2, 3)) if values.ndim == 4 else values.flatten(1)
        return logits, values, {name: self._kept.pop(name) for name in self.layers}

    def _keep_input(self, module: nn.Module, args: tuple, named: dict[str, Any]) -> None:
        given = next((value for value in (*args, *named.values()) if isinstance(value, Tensor)), None)
        if given is None:
            raise InputError('the head is given no tensor; name another layer: Classifier(network, head="...")')
        self._kept["representation"] = given

    def _keeping(self, name: str) -> Callable[[nn.Module, tuple, Any], None]:
        def keep(module: nn.Module, args: tuple, output: Any) -> None:
            output = output[0] if isinstance(output, (tuple, list)) and output else output
            if not isinstance(output, Tensor):
                raise InputError(f"layer {name} yields {_form(output)}; name one that yields a tensor")
            self._kept[name] = output.clone()  # the next module is often a ReLU that works in place

        return keep

    def _arranged(self, name: str, values: Tensor, count: int) -> Tensor:
        """A layer's values as `(N, U)`, `(N, T, U)` or `(N, C, H, W)`."""
        shape, ndim, path = tuple(values.shape), values.ndim, self.layers[name]
        parts = self.twin.get_submodule(path).modules()
        if shape[:1] != (count,) or (ndim == 3 and any(getattr(part, "batch_first", True) is False for part in parts)):
            raise InputError(
                f"layer {name!r} is {shape} for {count} images; choose one whose first axis is the images'"
            )
        axis = self.unit_axes.get(name, unit_axis(self.twin, path, ndim))
        if ndim > 1 and axis not in [n for n in range(-ndim + 1, ndim) if n]:
            raise InputError(f"layer {name!r} is {shape}, and nothing declares which axis is the units'; "
                             f"set classifier.unit_axes[{name!r}] = 1, or {ndim - 1}")  # fmt: skip
        return values if axis is None else values.movedim(axis, 1 if ndim == 4 else -1)


def _form(output: Any) -> str:
    """Describe an unexpected output for an error message."""
    return f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
