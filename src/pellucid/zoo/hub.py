"""Files from the hub, through huggingface_hub and its cache: once there, they are used without a network.

`HF_ENDPOINT`, `HF_HOME` and `HF_HUB_OFFLINE` hold as everywhere. What cannot be fetched gives one line that says what
to download and where to put it.
"""

from __future__ import annotations

from pathlib import Path

from ..base.errors import InputError, first_line
from ..core.classifier import Classifier
from .bundle import load_bundle
from .checksum import cache_folder, check_pinned, check_published, is_pinned, pin
from .convert import ConvertRecipe, convert
from .published import Published
from .torch_file import printable

MAX_DOWNLOAD = 4 * 2**30


class NotOnHubError(InputError):
    """The hub was reached, and has no such file."""


def load_published(entry: Published) -> Classifier:
    """A published classifier: from the cache folder, where files can be put by hand, or from the hub.

    Raises:
        InputError: the file cannot be had, and where to put it; or it is not the file that was published, or that
            was used before.
    """
    path = cache_folder() / "downloads" / entry.file
    if not path.is_file():
        if entry.repo is None:
            raise InputError(f"{entry.name} is not on the hub: download {entry.url} and put it at {path}")
        path = fetch(entry.repo, entry.file, f"download {entry.url} and put it at {path}")
    if entry.checksum:
        check_published(path, entry.checksum)
    found = check_pinned(entry.url, path)
    classifier = convert(path, ConvertRecipe(arch=entry.arch, classes=entry.data))
    pin(entry.url, found)
    return classifier


def load_from_hub(name: str) -> Classifier:
    """A classifier from `OWNER/REPO/FILE` on the hub: a bundle's safetensors, or a checkpoint that `convert` reads.

    Raises:
        InputError: no such file, no network, or a file that is not what it was.
    """
    parts = name.split("/")
    if len(parts) < 3 or {"", ".", ".."} & set(parts):
        raise InputError(f"hub:{name} does not name a file; it is hub:OWNER/REPO/FILE")
    repo, file = "/".join(parts[:2]), "/".join(parts[2:])
    url = url_of(repo, file)
    path = fetch(repo, file, f"download {url} and name it by its path, after pellucid convert if it is no bundle")
    found = {url: check_pinned(url, path)}
    if card := _card(repo, file):
        found |= {url_of(repo, _card_of(file)): check_pinned(url_of(repo, _card_of(file)), card)}
    classifier = load_bundle(path) if card else convert(path)
    for key, sha256 in found.items():
        pin(key, sha256)
    return classifier


def url_of(repo: str, file: str) -> str:
    """Where a file is on the hub."""
    return f"https://huggingface.co/{repo}/resolve/main/{file}"


def _card_of(file: str) -> str:
    return file.removesuffix(".safetensors") + ".json"


def _card(repo: str, file: str) -> Path | None:
    """The card, fetched into the same folder, if these are a bundle's weights; None if they have none."""
    if not file.endswith(".safetensors"):
        return None
    card = _card_of(file)
    try:
        return fetch(repo, card, "it is the card of a bundle that is there")
    except NotOnHubError:
        return None
    except InputError:
        if is_pinned(url_of(repo, file)) and not is_pinned(url_of(repo, card)):
            return None  # these weights were used before, and had no card
        raise


def fetch(repo: str, file: str, otherwise: str) -> Path:
    """The path of a file of the hub in huggingface_hub's cache, downloaded if it is not there yet.

    Args:
        repo: `OWNER/REPO`.
        file: its path in the repository.
        otherwise: what to do where it cannot be fetched.

    Raises:
        NotOnHubError: the hub has no such file.
        InputError: it is too large, or the network, the server or the disk is in the way.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import EntryNotFoundError, HFValidationError, RepositoryNotFoundError

    try:
        if isinstance(cached := try_to_load_from_cache(repo, file), str):
            return Path(cached)
        size = get_hf_file_metadata(hf_hub_url(repo, file)).size
        if size is None or size > MAX_DOWNLOAD:
            said = "does not say how large it is" if size is None else f"has {size:,} bytes"
            raise InputError(f"{file} of {repo} {said}; at most {MAX_DOWNLOAD >> 30} GiB are downloaded")
        return Path(hf_hub_download(repo, file))
    except InputError:
        raise
    except (RepositoryNotFoundError, EntryNotFoundError, HFValidationError):
        raise NotOnHubError(f"there is no {file} in {repo} on the hub, or it is private") from None
    except Exception as error:  # of the network, the server or the disk
        reason = printable(first_line(error), 160)
        raise InputError(f"{file} of {repo} cannot be fetched ({reason}); {otherwise}") from None
