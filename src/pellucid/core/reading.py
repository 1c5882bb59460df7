"""Reading a network: its frozen twin, and what one pass of that yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ..base.errors import InputError
from ..base.fuse import fuse
from ..base.heads import follows
from ..base.layers import arranged, open_last_relus
from ..base.twin import frozen_twin


@dataclass
class Activations:
    """What one forward pass yields.

    Attributes:
        logits: `(N, K)`, float32.
        head_input: the representation, or why there is none.
        layers: the further layers that were asked for, float32: units `(N, U)`, tokens `(N, T, U)` or channels
            `(N, C, H, W)`. Of a module that runs several times it is the last output.
    """

    logits: Tensor
    head_input: Tensor | str
    layers: dict[str, Tensor] = field(default_factory=dict)

    @property
    def representation(self) -> Tensor:
        """`(N, U)`, float32: the input of the last linear layer, averaged over positions if it has any.

        Raises `InputError` where that layer does not make the logits.
        """
        if isinstance(self.head_input, str):
            raise InputError(self.head_input)
        return self.head_input

    def __getitem__(self, layer: str) -> Tensor:
        return getattr(self, layer) if layer in ("logits", "representation") else self.layers[layer]

    def detach(self) -> Activations:
        """The same without its graph."""
        layers = {name: values.detach() for name, values in self.layers.items()}
        found = self.head_input if isinstance(self.head_input, str) else self.head_input.detach()
        return Activations(self.logits.detach(), found, layers)


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
        named: whether the user chose the head; otherwise the first pass compares what it makes with the logits.
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
        named: bool = False,
    ):
        self.twin = frozen_twin(network)
        self.refresh = fuse(self.twin, kept=(head, *layers.values()))  # to be called where weights have changed
        self.normalized, self.layers, self.unit_axes, self.classes = normalized, layers, unit_axes, classes
        self._closed = straight_through  # the last ReLUs, until there are images to find them with
        self._named, self._sound = named, None  # whether the head makes the logits, known after the first pass
        self._kept: dict[str, Tensor] = {}
        self._path, self._head = head, self.twin.get_submodule(head)
        self._head.register_forward_pre_hook(self._keep_input, with_kwargs=True)
        for name, path in {**layers, **({} if named else {"logits": head})}.items():
            self.twin.get_submodule(path).register_forward_hook(self._keeping(name))

    def __call__(self, images: Tensor) -> Activations:
        """Run the network once on `(N, C, H, W)` images in [0, 1]; see `Classifier.forward` for what is refused."""
        inputs = self.normalized(images)
        if self._closed:
            one, self._closed = inputs[:1].detach().requires_grad_(), False
            open_last_relus(self.twin, lambda: self._activations(one).representation)
        return self._activations(inputs)

    def _activations(self, inputs: Tensor) -> Activations:
        logits, kept = self.run(inputs)
        if len(logits) != len(inputs):
            raise InputError(f"logits {tuple(logits.shape)} for {len(inputs)} images; images must be the first axis")
        layers = {
            name: arranged(self.twin, path, kept[name], len(inputs), name, self.unit_axes).float()
            for name, path in self.layers.items()
        }
        return Activations(logits.float(), self._head_input(logits, kept), layers)

    def run(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The logits of normalized images, and what the hooks keep. This is what may be compiled."""
        self._kept.clear()
        logits = self.twin(inputs)
        if not isinstance(logits, Tensor) or logits.ndim != 2:
            raise InputError(f"a network yields logits (N, classes), not {_form(logits)}; wrap it so that it does")
        if self.classes not in (None, logits.shape[1]):
            raise InputError(
                f"this classifier has {self.classes} classes, and its network makes {logits.shape[1]} logits; give a "
                "class name for each, or name the layer that makes them as head"
            )
        if missing := [name for name in self.layers if name not in self._kept]:
            raise InputError(f"layer {', '.join(missing)} was not reached in the forward pass")
        return logits, dict(self._kept)

    def _head_input(self, logits: Tensor, kept: dict[str, Tensor]) -> Tensor | str:
        values = kept.get("representation")
        if self._sound is None:
            same = values is not None and len(values) == len(logits)
            self._sound = same and (self._named or follows(logits, kept["logits"]))
        if values is None or not self._sound:
            why = "was not reached in the forward pass" if values is None else "does not make the network's logits"
            where = f"name the layer whose input it is: Classifier(network, head={self._path!r})"
            return f"there is no representation, because {self._path!r} {why}; {where}"
        if values.ndim > 2 and isinstance(self._head, nn.Linear):
            values = values.flatten(1, -2).mean(1)
        return (values.mean((2, 3)) if values.ndim == 4 else values.flatten(1)).float()

    def _keep_input(self, module: nn.Module, args: tuple, named: dict[str, Any]) -> None:
        given = next((value for value in (*args, *named.values()) if isinstance(value, Tensor)), None)
        if given is not None:
            self._kept["representation"] = given

    def _keeping(self, name: str) -> Callable[[nn.Module, tuple, Any], None]:
        def keep(module: nn.Module, args: tuple, output: Any) -> None:
            output = output[0] if isinstance(output, (tuple, list)) and output else output
            if not isinstance(output, Tensor):
                raise InputError(f"layer {name} yields {_form(output)}; name one that yields a tensor")
            self._kept[name] = output.clone()  # the next module is often a ReLU that works in place

        return keep


def _form(output: Any) -> str:
    """Describe an unexpected output for an error message."""
    return f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
