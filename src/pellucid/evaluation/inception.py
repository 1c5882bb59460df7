"""The features of published FIDs and Inception Scores: the Inception network of 2015, through torch-fidelity."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from ..base.devices import pick_device
from ..base.errors import InputError, first_line
from ..zoo.checksum import cache_folder, digest

FILE = "weights-inception-2015-12-05-6726825d.pth"  # the last part is how its sha256 begins
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"


class Inception:
    """From images to the 2048 features of FID and the logits, without their bias, of the Inception Score.

    Args:
        device: as of `pellucid.load`.

    Raises:
        InputError: torch-fidelity or the weights are not there, and what to do then.
    """

    size = 299  # to which the network brings images itself, as it was published

    def __init__(self, device: str = "auto"):
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import (  # pyright: ignore[reportMissingImports]
                FeatureExtractorInceptionV3,
            )
        except ImportError:
            raise InputError('Inception features need torch-fidelity: pip install "pellucid[quality]"') from None
        self.device = pick_device(device)
        network = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(inception_weights()))
        self.network = network.to(self.device)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, 3, H, W)` in [0, 1], of any size, to features `(N, 2048)` and logits `(N, 1008)`."""
        return self.network((images * 255).round().byte().to(self.device))


def inception_weights() -> Path:
    """The file of weights in the cache folder, fetched if it is not there yet.

    Raises:
        InputError: it cannot be fetched, and where to put it; or it is another file.
    """
    path = cache_folder() / "downloads" / FILE
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(URL, str(path), hash_prefix=FILE[-12:-4], progress=False)
        except Exception as error:  # of the network, the server or the disk
            reason = first_line(error)
            raise InputError(f"{FILE} cannot be fetched ({reason}); download {URL} and put it at {path}") from None
    try:
        if not digest(path).startswith(FILE[-12:-4]):
            raise UnpicklingError("its sha256 is another")
        torch.load(path, map_location="cpu", weights_only=True)  # torch-fidelity itself would run any code
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(f"{path} is not the published file ({first_line(error)}); download {URL} again") from None
    return path
