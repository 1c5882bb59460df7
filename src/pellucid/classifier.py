"""The classifier: a network, its normalization, its class names and its card.

One forward pass yields `Activations`: logits, the representation (what the last linear layer reads, `R(x)` in the
papers) and any further layers by name. They are read through hooks, so that any `nn.Module` will do, and the hooks
are gone when the pass ends, also when it fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .errors import InputError, unknown
from .layers import find_head, named_layers, straight_through_last_relu


@dataclass
class Activations:
    """What one forward pass yields.

    Attributes:
        logits: `(N, K)`, float32.
        representation: `(N, U)`, float32; the input of the last linear layer (averaged over positions if it has any).
        layers: the further layers that were asked for, each `(N, U)` or `(N, C, H, W)`, float32.
    """

    logits: Tensor
    representation: Tensor
    layers: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> Tensor:
        if layer in ("logits", "representation"):
            return getattr(self, layer)
        return self.layers[layer]


class Classifier(nn.Module):
    """A network with everything that is needed to read it.

    Args:
        network: any module from normalized images `(N, C, H, W)` to logits `(N, K)`.
        mean, std: the normalization, one number a channel. It is applied here and nowhere else: images are in [0, 1].
        class_names: K names; "0", "1", ... if not given.
        head: name of the module whose input is the representation; found by itself if not given.
        card: what else is known (architecture, data set, resolution, threat model, measured accuracies).

    Attributes:
        gaussians: the class Gaussians that came with the bundle (`pellucid.data.gaussians`), or None.
        layers: the named layers of this network from input to output, name to module path; any path may be used too.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3))
    >>> activations = Classifier(network, class_names=["cat", "dog", "ship"])(torch.rand(2, 3, 2, 2))
    >>> activations.logits.shape, activations.representation.shape
    (torch.Size([2, 3]), torch.Size([2, 5]))
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        class_names: Sequence[str] | None = None,
        head: str | None = None,
        card: dict[str, Any] | None = None,
    ):
        super().__init__()
        # Channels last is the faster layout for convolutions on CPUs and GPUs alike; values do not change.
        self.network = network.to(memory_format=torch.channels_last)
        self.register_buffer("mean", _channels("mean", mean), persistent=False)
        self.register_buffer("std", _channels("std", std), persistent=False)
        if not all(float(value) > 0 for value in std):
            raise InputError(f"std must be positive, not {std}")
        self.layers = named_layers(network)
        self.head = head if head is not None else find_head(network)
        width = _width(self._module(self.head))
        # A head that was named may be a layer before the logits: then its width says nothing of them.
        if class_names is not None and head is None and width and len(class_names) != width:
            raise InputError(f"{len(class_names)} class names for a network with {width} classes; give one for each")
        self.class_names = list(class_names) if class_names is not None else None
        self.card = dict(card or {})
        self.gaussians: Any = None

    @property
    def device(self) -> torch.device:
        """Where the classifier lives."""
        return self.mean.device

    def forward(self, images: Tensor, layers: Iterable[str] = (), straight_through: bool = False) -> Activations:
        """Run the network once on `(N, C, H, W)` images in [0, 1].

        Args:
            images: the batch.
            layers: names of further layers to keep: those of `self.layers`, or any module's path.
            straight_through: the gradient passes the last ReLU before the representation as if it were the identity,
                so that units which are off can be switched on (`fake_relu` of the reference code). Values do not
                change. It holds for this pass only.

        Raises:
            InputError: a layer does not exist or was not reached.
        """
        with self.reading(layers, straight_through) as read:
            return read(images)

    @contextmanager
    def reading(
        self, layers: Iterable[str] = (), straight_through: bool = False
    ) -> Iterator[Callable[[Tensor], Activations]]:
        """Within, a function from images to activations: the hooks are set once for many passes, then removed."""
        kept: dict[str, Tensor] = {}
        wanted = {"representation", *layers} - {"logits"}

        def read(images: Tensor) -> Activations:
            logits = self.network((images - self.mean) / self.std)
            if missing := wanted - kept.keys():
                raise InputError(f"layer {', '.join(sorted(missing))} was not reached in the forward pass")
            found = {name: kept.pop(name).float() for name in wanted}
            representation = found.pop("representation")
            if representation.ndim == 4:
                representation = representation.mean((2, 3))
            return Activations(logits.float(), representation.flatten(1), found)

        with ExitStack() as hooks:
            hooks.callback(kept.clear)
            self._keep_input(self._module(self.head), "representation", kept, hooks)
            for name in wanted - {"representation"}:
                self._keep_output(self._module(name), name, kept, hooks)
            if straight_through:
                hooks.enter_context(straight_through_last_relu(self.network, self._module(self.head)))
            yield read

    def logits(self, images: Tensor) -> Tensor:
        """Only the logits, `(N, K)`: the classifier as a plain function of images."""
        return self(images).logits

    def label(self, name: str | int) -> int:
        """The index of a class given by name or by index; raises `InputError` with the nearest names."""
        names = self.class_names or [str(i) for i in range(self.classes)]
        if str(name) in names:
            return names.index(str(name))
        if str(name).isdecimal() and int(name) < len(names):
            return int(name)
        raise unknown("class", name, names)

    def labels(self, names: Sequence[str | int] | Tensor | str | int) -> Tensor:
        """The indices of several classes, `(N,)`; see `label`."""
        names = [names] if isinstance(names, (str, int)) else names
        return torch.tensor([self.label(int(n) if isinstance(n, Tensor) else n) for n in names])

    @property
    def size(self) -> int | None:
        """The side of the images that it was trained on, if the card says so."""
        return self.card.get("size")

    @property
    def classes(self) -> int:
        """The number of classes."""
        if self.class_names:
            return len(self.class_names)
        return _width(self._module(self.head))

    def _module(self, name: str) -> nn.Module:
        try:
            return self.network.get_submodule(self.layers.get(name, name))
        except AttributeError:
            paths = [path for path, _ in self.network.named_modules() if path]
            known = dict.fromkeys(["logits", "representation", *self.layers, *paths])  # most names are paths too
            raise unknown("layer", name, known) from None

    @staticmethod
    def _keep_output(module: nn.Module, name: str, kept: dict[str, Tensor], hooks: ExitStack) -> None:
        def hook(module: nn.Module, args: tuple, output) -> None:
            # A copy: the next module is often a ReLU that works in place on this very tensor.
            kept[name] = (output[0] if isinstance(output, tuple) else output).clone()

        hooks.callback(module.register_forward_hook(hook).remove)

    @staticmethod
    def _keep_input(module: nn.Module, name: str, kept: dict[str, Tensor], hooks: ExitStack) -> None:
        def hook(module: nn.Module, args: tuple) -> None:
            kept[name] = args[0]

        hooks.callback(module.register_forward_pre_hook(hook).remove)


def _channels(name: str, values: Sequence[float]) -> Tensor:
    """One number a channel, of a normalization."""
    numbers = [float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{name} must be finite, not {values}")
    return torch.tensor(numbers, dtype=torch.float32).reshape(1, -1, 1, 1)


def _width(head: nn.Module) -> int:
    """How many logits a head makes, 0 if it does not say."""
    return int(getattr(head, "out_features", 0) or getattr(head, "out_channels", 0))
