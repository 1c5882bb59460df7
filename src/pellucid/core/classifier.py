"""The classifier: a network, its normalization, its class names and its card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from ..base.checks import check_images, check_input, check_logits, check_names, check_network, check_normalization
from ..base.devices import to_channels_last
from ..base.errors import InputError, place_of, unknown
from ..base.heads import find_head, not_probabilities, width_of
from ..base.image import Images, check_unit
from ..base.layers import channels_of, named_layers
from ..base.pictures import about_classifier
from .batch import at_once
from .reading import Activations, Reader

Labels = Sequence[str | int] | Tensor | str | int  # of classes, by name or number: one for all images, or one for each


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
        name: what `pellucid.load` was given; nothing for a classifier of your own.
        unit_axes: along which axis a layer has its units, where the network does not declare it: `{"blocks.2": 3}`.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 3))
    >>> activations = Classifier(network, class_names=["cat", "dog", "ship"])(torch.rand(2, 3, 2, 2))
    >>> activations.logits.shape, activations.representation.shape
    (torch.Size([2, 3]), torch.Size([2, 5]))
    """

    mean: Tensor
    std: Tensor

    @torch.inference_mode(False)  # a descent needs tensors that take part in gradients
    def __init__(
        self,
        network: nn.Module,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        class_names: Sequence[str] | None = None,
        head: str | None = None,
        card: dict[str, Any] | None = None,
    ):
        super().__init__()
        check_network(network)
        to_channels_last(network)
        self.network = network
        place = next((parameter.device for parameter in network.parameters()), None)
        mean_of_channels, std_of_channels = check_normalization(mean, std, channels_of(network))
        self.register_buffer("mean", mean_of_channels.to(place), persistent=False)
        self.register_buffer("std", std_of_channels.to(place), persistent=False)
        self.layers = named_layers(network)
        self.head = head if head is not None else find_head(network)
        self.head_was_named = head is not None  # then it may be a layer before the logits, of another width
        self.class_names = check_names(class_names)
        width = 0 if self.head_was_named else width_of(self.module(self.head))
        if self.class_names and width and len(self.class_names) != width:
            raise InputError(f"{len(self.class_names)} class names for a network with {width} classes; give one "
                             f"for each, or name the head if it is not {self.head!r}")  # fmt: skip
        self.card = dict(card or {})
        self.gaussians: Any = None
        self.unit_axes: dict[str, int] = {}
        self.name = ""

    @property
    def device(self) -> torch.device:
        """Where the classifier lives."""
        return self.mean.device

    def reader(self, layers: Iterable[str] = (), straight_through: bool = False) -> Reader:
        """A function from images to `Activations`, for many passes; see `Reader`."""
        paths = {name: self.path(name) for name in sorted({*layers} - {"logits", "representation"})}
        classes = len(self.class_names) if self.class_names else (None if self.head_was_named else self.classes or None)
        return Reader(self.network, self.normalized, self.path(self.head), paths, self.unit_axes, straight_through,
                      classes, self.head_was_named)  # fmt: skip

    def __repr__(self) -> str:
        return about_classifier(self)

    def forward(self, images: Tensor, layers: Iterable[str] = (), straight_through: bool = False) -> Activations:
        """Run the network once on `(N, C, H, W)` images in [0, 1], in eval mode and without gradients to the weights.

        `layers` are names of further layers to keep, or any module's path. With `straight_through` the gradient passes
        the last ReLUs before the representation as if they were the identity, so that units can be switched on.

        Raises `InputError` for a layer that does not exist, was not reached, or has no row for each image, and for
        images of other channels; and when a representation is read whose head does not make the logits.
        """
        return self.reader(layers, straight_through)(check_unit(images))

    def logits(self, images: Tensor) -> Tensor:
        """Only the logits, `(N, K)`, of the network as it is: its mode, its gradients, for a training of your own."""
        return check_logits(self.network(self.normalized(check_unit(images)))).float()

    def predict(self, images: Images) -> Tensor:
        """The class that is seen in each image, `(N,)` numbers; `names` has words for them. See `probabilities`."""
        return self._seen(images).argmax(1)

    def probabilities(self, images: Images) -> Tensor:
        """softmax(logits), `(N, K)` on the classifier's device; of images as people have them, brought to its size."""
        return self._seen(images).softmax(1)

    def names(self, labels: Labels) -> list[str]:
        """The names of classes: `classifier.names(classifier.predict("photo.jpg"))`."""
        return [self.class_names[i] if self.class_names else str(i) for i in self.labels(labels).tolist()]

    def _seen(self, images: Images) -> Tensor:
        """The logits, float32, in eval mode and without gradients."""
        if isinstance(images, Tensor) and not len(images):  # a network need not take an empty batch
            return torch.empty(0, self.classes or 1, device=self.device)
        images, read = check_images(images, "images", self.size, self.mean.shape[1]).to(self.device), self.reader()
        with torch.no_grad():
            return not_probabilities(torch.cat([read(chunk).logits for chunk in images.split(at_once(images))]))

    def normalized(self, images: Tensor) -> Tensor:
        """What the network is given: (images - mean) / std, in the precision of its weights.

        Raises `InputError` for images of another number of channels.
        """
        channels = self.mean.shape[1]
        check_input(images, None if channels == 1 != channels_of(self.network) else channels)
        dtype = next((p.dtype for p in self.network.parameters() if p.is_floating_point()), torch.float32)
        return ((images - self.mean) / self.std).to(dtype)

    def label(self, name: str | int) -> int:
        """The index of a class. A number is an index; a `str` is a name, or an index if no class has that name.

        Raises `InputError` with the nearest names.
        """
        names = self.class_names or [str(i) for i in range(self.classes)]
        if isinstance(name, str) and name in names:
            return place_of(name, names)
        whole = name.isdecimal() if isinstance(name, str) else isinstance(name, Integral)
        if whole and 0 <= int(name) < len(names):
            return int(name)
        if not isinstance(name, str):
            raise InputError(f"unknown class {name}; there are {len(names)}, with the numbers from 0 up")
        raise unknown("class", name, names)

    def labels(self, names: Labels, count: int | None = None) -> Tensor:
        """The indices of several classes, `(N,)`, or `(count,)` of one for all or one each; see `label`."""
        given: Any = getattr(names, "tolist", lambda: names)()  # of a tensor or an array
        given = given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
        labels = torch.tensor([self.label(name.item() if hasattr(name, "item") else name) for name in given])
        if count is not None and len(labels) not in (1, count):
            raise InputError(f"{len(labels)} classes for {count} images; give one, or one for each image")
        return labels if count is None else labels.expand(count).contiguous()

    @property
    def size(self) -> int | None:
        """The side of the images that it was trained on, if the card says so."""
        return self.card.get("size")

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names) if self.class_names else width_of(self.module(self.head))

    def path(self, layer: str) -> str:
        """The module path of a layer; raises `InputError` with the nearest names if there is none."""
        path = self.layers.get(layer, layer)
        paths = [path for path, _ in self.network.named_modules() if path]
        if path not in paths:
            raise unknown("layer", layer, dict.fromkeys(["logits", "representation", *self.layers, *paths]))
        return path

    def module(self, layer: str) -> nn.Module:
        """The module of a layer."""
        return self.network.get_submodule(self.path(layer))
