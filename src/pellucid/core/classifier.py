"""The classifier: a network, its normalization, its class names and its card.

One forward pass yields `Activations`: logits, the representation (what the last linear layer reads, `R(x)` in the
papers) and any further layers by name. They are read through hooks, so that any `nn.Module` will do, and the hooks
are gone when the pass ends, also when it fails.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..base.devices import to_channels_last
from ..base.errors import InputError, unknown
from .frozen import alone
from .layers import find_head, first_tensor, named_layers, straight_through_last_relu
from .layout import Layout, Look, find_layouts, images_axis_of_input, looking, pooled_input


@dataclass
class Activations:
    """What one forward pass yields.

    Attributes:
        logits: `(N, K)`, float32.
        representation: `(N, U)`, float32; the input of the last linear layer (averaged over positions if it has any).
        layers: the further layers that were asked for, float32: units `(N, U)`, tokens `(N, T, U)` or channels
            `(N, C, H, W)`, however the network has them (`pellucid.core.layout`). Of a module that runs several times it is
            the last output.
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
        mean, std: the normalization, one number a channel, or one for all. It is applied here and nowhere else: images
            are in [0, 1].
        class_names: K names; "0", "1", ... if not given.
        head: name of the module whose input is the representation; found by itself if not given.
        card: what else is known (architecture, data set, resolution, threat model, measured accuracies).

    Attributes:
        gaussians: the class Gaussians that came with the bundle (`pellucid.data.gaussians`), or None.
        layers: the named layers of this network from input to output, name to module path; any path may be used too.
        unit_axes: along which axis a layer has its units, where the network does not tell: `{"blocks.2": 3}`.

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
        if any(parameter.is_inference() for parameter in network.parameters()):
            raise InputError("this network was made in torch.inference_mode, where nothing can be differentiated; make "
                             "it, or load its weights, outside of it")  # fmt: skip
        to_channels_last(network)
        self.network = network
        place = next((parameter.device for parameter in network.parameters()), None)
        if len(mean) != len(std):
            raise InputError(f"mean has {len(mean)} and std {len(std)} numbers; give both one for each channel")
        channels = 3 if len(mean) == 1 and _takes_colors(network) else len(mean)
        self.register_buffer("mean", _channels("mean", mean, channels).to(place), persistent=False)
        self.register_buffer("std", _channels("std", std, channels).to(place), persistent=False)
        if not all(float(value) > 0 for value in std):
            raise InputError(f"std must be positive, not {std}")
        self.layers = named_layers(network)
        self.head = head if head is not None else find_head(network)
        width = _width(self._module(self.head))
        # A head that was named may be a layer before the logits: then its width says nothing of them.
        if class_names is not None and head is None and width and len(class_names) != width:
            raise InputError(f"{len(class_names)} class names for a network with {width} classes; give one for each, "
                             f"or name the head if it is not {self.head!r}")  # fmt: skip
        self.class_names = list(class_names) if class_names is not None else None
        self.card = dict(card or {})
        self.gaussians: Any = None
        self.unit_axes: dict[str, int] = {}
        self._layouts: dict[str, Layout] = {}
        self._head_was_named = head is not None
        self._images_are_first = False

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
                change. It holds for this pass only. A warning tells where no `nn.ReLU` feeds the representation.

        Raises:
            InputError: a layer does not exist, was not reached, or has no row for each image; images of other
                channels; a head that does not make the logits.
        """
        with alone(self.network), self.reading(layers, straight_through) as read:
            return read(images)

    @contextmanager
    def reading(
        self, layers: Iterable[str] = (), straight_through: bool = False
    ) -> Iterator[Callable[[Tensor], Activations]]:
        """Within, a function from images to activations: the hooks are set once for many passes, then removed.

        A pass that may run beside those of other threads is one of `pellucid.core.folding.Folding`.
        """
        kept = _Kept()
        wanted = {"representation", *layers} - {"logits"}
        head = self._module(self.head)
        passing = partial(straight_through_last_relu, self.network, head) if straight_through else nullcontext
        # The weights', which may have been halved or doubled.
        dtype = next((p.dtype for p in self.network.parameters() if p.is_floating_point()), torch.float32)

        def read(images: Tensor) -> Activations:
            self._check_channels(images)
            new = {name: self._module(name) for name in wanted - self._layouts.keys() - {"representation"}}
            inputs = ((images - self.mean) / self.std).to(dtype)
            keeping = nullcontext() if torch.compiler.is_compiling() else kept.open()
            seeing = looking(self.network, new, inputs) if new else nullcontext()
            with keeping, passing(), seeing as look:
                logits = self.network(inputs)
            if not isinstance(logits, Tensor) or logits.ndim != 2:
                raise InputError(f"a network yields logits (N, classes), not {_form(logits)}; wrap it so that it does")
            if missing := wanted - kept.tensors.keys():
                raise InputError(f"layer {', '.join(sorted(missing))} was not reached in the forward pass")
            self._check_images_first(kept.tensors["representation"], inputs)
            representation = pooled_input(head, kept.tensors.pop("representation"))
            self._check_logits(logits, representation, len(images))
            layouts = self._layouts | (self._layouts_of(new, look, inputs) if look else {})
            found = {
                name: layouts[name].arranged(name, kept.tensors.pop(name), len(images), self.unit_axes.get(name))
                for name in wanted - {"representation"}
            }
            return Activations(logits.float(), representation.float(), {n: v.float() for n, v in found.items()})

        with ExitStack() as hooks:
            hooks.callback(kept.tensors.clear)
            reads = kept.input_as("representation")
            hooks.callback(head.register_forward_pre_hook(reads, with_kwargs=True).remove)
            for name in wanted - {"representation"}:
                hooks.callback(self._module(name).register_forward_hook(kept.output_as(name)).remove)
            yield read

    def _layouts_of(self, new: dict[str, nn.Module], look: Look, inputs: Tensor) -> dict[str, Layout]:
        """The layouts of layers of which none is known; it stays so for those that the network does not tell."""
        layouts = look.plain()
        unclear = {name: new[name] for name in new.keys() - layouts.keys()}
        layouts |= find_layouts(self.network, inputs, unclear) if unclear else {}
        self._layouts |= {
            name: layout
            for name, layout in layouts.items()
            if layout.units is not None or name in self.unit_axes or len(look.made[name].shape) < 4
        }
        return layouts

    def _check_images_first(self, read: Tensor, inputs: Tensor) -> None:
        """Raise `InputError` unless the first axis of what the head reads is the images'.

        It is if no other is as long as the batch; else the network is looked at, once.
        """
        head, count = self._module(self.head), len(inputs)
        if self._images_are_first or torch.compiler.is_compiling() or len(read) != count:
            return  # what has another length is refused for it
        if count in read.shape[1:-1] and not isinstance(head, nn.Conv2d):
            if count == 1:
                return  # one position of one image, whichever comes first
            if images_axis_of_input(self.network, head, inputs) != 0:
                raise InputError(f"the network has a representation {tuple(read.shape)} for {count} images; images "
                                 "must be its first axis")  # fmt: skip
        self._images_are_first = True

    def _check_channels(self, images: Tensor) -> None:
        channels = self.mean.shape[1]
        if images.ndim != 4 or channels not in (1, images.shape[1]):
            remedy = "; for a network of one: Classifier(network, mean=(0.0,), std=(1.0,))"
            raise InputError(
                f"this classifier takes images of {channels} channels, (N, {channels}, H, W), "
                f"not {tuple(images.shape)}{remedy if images.ndim == 4 and images.shape[1] == 1 else ''}"
            )

    def _check_logits(self, logits: Tensor, representation: Tensor, count: int) -> None:
        """Raise `InputError` unless the logits are those of the head and of the classes, with a row for each image."""
        made, width = logits.shape[1], _width(self._module(self.head))
        if not self._head_was_named and width not in (0, made):
            raise InputError(f"{self.head!r}, taken for the head, has {width} outputs, and the network makes {made} "
                             'logits; name the layer that makes them: Classifier(network, head="...")')  # fmt: skip
        if self.class_names is not None and len(self.class_names) != made:
            raise InputError(f"{len(self.class_names)} class names for a network with {made} logits; give one for each")
        if not len(logits) == len(representation) == count:
            shapes = f"logits {tuple(logits.shape)} and a representation {tuple(representation.shape)}"
            raise InputError(f"the network has {shapes} for {count} images; images must be its first axis")

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


class _Kept:
    """What hooks keep of one pass. They also run in passes that others make meanwhile, and keep nothing of those."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.reader: int | None = None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Within, what this thread runs is kept."""
        self.tensors.clear()
        self.reader = threading.get_ident()
        try:
            yield
        finally:
            self.reader = None

    @property
    def is_open(self) -> bool:
        """Whether this is the pass that is kept; the compiler compiles no other."""
        return torch.compiler.is_compiling() or self.reader == threading.get_ident()

    def output_as(self, name: str) -> Callable[[nn.Module, tuple, Any], None]:
        """A forward hook."""

        def hook(module: nn.Module, args: tuple, output: Any) -> None:
            if self.is_open:
                output = output[0] if isinstance(output, (tuple, list)) and output else output
                if not isinstance(output, Tensor):
                    raise InputError(f"layer {name} yields {_form(output)}; name one that yields a tensor")
                # A copy: the next module is often a ReLU that works in place on this very tensor.
                self.tensors[name] = output.clone()

        hook.counted = True  # type: ignore[attr-defined] - see `pellucid.core.folding`
        return hook

    def input_as(self, name: str) -> Callable[[nn.Module, tuple, dict], None]:
        """A forward pre-hook with keyword arguments."""

        def hook(module: nn.Module, args: tuple, named: dict) -> None:
            if self.is_open:
                self.tensors[name] = first_tensor(args, named)

        hook.counted = True  # type: ignore[attr-defined]
        return hook


def _form(output: Any) -> str:
    """What something is that is not the tensor that was wanted."""
    return f"a tensor {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"


def _channels(name: str, values: Sequence[float], count: int) -> Tensor:
    """One number a channel, of a normalization; a single one is for all."""
    numbers = [float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{name} must be finite, not {values}")
    return torch.tensor(numbers, dtype=torch.float32).expand(count).clone().reshape(1, -1, 1, 1)


def _takes_colors(network: nn.Module) -> bool:
    """Whether the first convolution of a network is one of three channels."""
    first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    return first is not None and first.in_channels == 3


def _width(head: nn.Module) -> int:
    """How many logits a head makes, 0 if it does not say."""
    return int(getattr(head, "out_features", 0) or getattr(head, "out_channels", 0))
