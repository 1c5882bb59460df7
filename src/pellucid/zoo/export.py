"""Export: a classifier's weights for torchvision's or timm's own code, or the whole classifier as ONNX."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..base.errors import InputError, first_line
from ..base.files import replacing, write_tensors
from ..base.twin import frozen_twin
from ..core.classifier import Classifier
from ..data.image import side
from .fit import filled

Target = Literal["torchvision", "timm", "onnx"]
TOLERANCE = 1e-4  # of the largest logit, or of 1 if that is smaller


def export(classifier: Classifier, path: str | Path, to: Target = "onnx") -> float:
    """Write a classifier for other software; the file is run there, and gets its name if the logits are the same.

    A state dict has the names of the library's architecture, and no normalization: its network takes
    (images - mean) / std. ONNX has the normalization inside: images `(N, 3, S, S)` in [0, 1] to logits `(N, K)`.

    Args:
        classifier: its card needs `size`, and `arch` for a state dict.
        path: `.pth` (for `torch.load`) or `.safetensors` for a state dict, `.onnx`.
        to: whose names the weights get, or "onnx", which takes every network that can be traced.

    Returns:
        The largest difference between a logit there and here, on three random images.

    Raises:
        InputError: an architecture that the library does not have, the extra `export` is missing, logits that differ
            by more than 1e-4 of the largest one.

    >>> import tempfile
    >>> from pellucid.zoo.networks import build
    >>> arch = "torchvision:squeezenet1_1"
    >>> classifier = Classifier(build(arch, 10), card={"arch": arch, "size": 32})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(classifier, f"{folder}/squeezenet.pth", to="torchvision") < 1e-4
    True
    """
    path, size = Path(path), side(classifier)
    images = torch.rand(3, classifier.mean.shape[1], size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), replacing(path) as temporary:
        expected = classifier(images.to(classifier.device)).logits.cpu()
        write = _write_onnx if to == "onnx" else _write_state_dict
        found = write(classifier, temporary, to)(images)
        difference = float((found - expected).abs().max())
        if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):  # also refuses NaN
            raise InputError(f"the exported network's logits differ by {difference:.2g} from the classifier's")
    return difference


def _write_state_dict(classifier: Classifier, path: Path, library: str) -> Callable[[Tensor], Tensor]:
    """Write the weights; the function is the library's network with them."""
    arch = str(classifier.card.get("arch", "a network without a name"))
    weights = classifier.network.state_dict()
    for name, tensor in weights.items():  # in place: a state dict has the versions of its modules beside the tensors
        weights[name] = tensor.detach().cpu().contiguous()
    try:
        network = filled(f"{library}:{arch.rpartition(':')[2]}", classifier.classes, weights, path).eval()
    except InputError:
        raise InputError(f"{arch} is none of {library}'s architectures; --to onnx takes every network") from None
    (write_tensors if path.suffix == ".safetensors" else torch.save)(weights, path)
    return lambda images: network(classifier.normalized(images.to(classifier.device)).cpu())


class _FromPixels(nn.Module):
    """From images in [0, 1] to logits."""

    def __init__(self, classifier: Classifier):
        super().__init__()
        self.network, self.mean, self.std = frozen_twin(classifier.network), classifier.mean, classifier.std

    def forward(self, images: Tensor) -> Tensor:
        return self.network((images - self.mean) / self.std)


def _write_onnx(classifier: Classifier, path: Path, _: str) -> Callable[[Tensor], Tensor]:
    """Write the classifier; the function is onnxruntime with the file."""
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports]
        import onnxscript  # noqa: F401 # pyright: ignore[reportMissingImports] - torch.onnx needs it
    except ImportError as missing:
        raise InputError(f"ONNX needs {missing.name}: pip install 'pellucid[export]'") from None
    size, place = side(classifier), classifier.device
    example = torch.rand(2, classifier.mean.shape[1], size, size, device=place)
    options: dict[str, Any] = {"input_names": ["images"], "output_names": ["logits"], "dynamo": True, "verbose": False}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            shapes = ({0: torch.export.Dim("N", min=1)},)
            torch.onnx.export(
                _FromPixels(classifier), (example,), path, dynamic_shapes=shapes, external_data=False, **options
            )
        except Exception as error:  # what a network does may have no counterpart in ONNX
            raise InputError(f"this network cannot be written as ONNX: {first_line(error)}") from None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: torch.as_tensor(session.run(None, {"images": images.numpy()})[0])
