"""CLIPs in the form of open_clip, from the hub.

open_clip builds the networks. It does not fetch or read anything here: it would fall back on pickles, and a config may
name further files of the hub. Files are fetched, bounded, pinned and read as everywhere in the zoo.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..base.errors import InputError, first_line
from ..data.jsonfile import read_json
from .checksum import check_pinned, pin
from .clip import Clip
from .convert import read_weights
from .fit import mismatch, shapes_of
from .hub import NotOnHubError, fetch, url_of
from .torch_file import printable

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
# What decides how much is built before the weights are compared, and what needs other libraries or further files.
LIMITS = {"layers": 256, "context_length": 4096, "image_size": 4096}
REFUSED = ("multimodal_cfg", "timm_model_name", "hf_model_name", "hf_tokenizer_name", "tokenizer_kwargs")


def load_clip(name: str) -> Clip:
    """A CLIP from `hf-hub:OWNER/REPO`, with the normalization of its config.

    Raises:
        InputError: open_clip is missing; no such files, no network, or files that are not what they were; a config of
            another kind, or weights that do not fit it.
    """
    scheme, _, repo = name.partition(":")
    parts = repo.split("/")
    if scheme != "hf-hub" or len(parts) != 2 or {"", ".", ".."} & set(parts):
        raise InputError(f"clip:{name} does not name a CLIP; it is clip:hf-hub:OWNER/REPO")
    try:
        import open_clip  # noqa: F401 # pyright: ignore[reportMissingImports]
    except ImportError as missing:
        raise InputError(f"a CLIP needs {missing.name}: pip install 'pellucid[clip]'") from None
    config, weights = _fetched(repo, (CONFIG,)), _fetched(repo, WEIGHTS)
    pins = {url_of(repo, path.name): check_pinned(url_of(repo, path.name), path) for path in (config, weights)}
    clip = _built(config, weights)
    clip.card |= {"arch": f"clip:{name}", "source": pins}
    for url, found in pins.items():
        pin(url, found)
    return clip


def _fetched(repo: str, files: tuple[str, ...]) -> Path:
    """The first of these files that the hub, or the cache, has."""
    errors: list[InputError] = []
    for file in files:
        try:
            return fetch(repo, file, f"fetch {url_of(repo, file)} where there is a network, and copy the hub's cache")
        except InputError as error:
            errors.append(error)
    none = InputError(f"{repo} has no {' or '.join(files)} on the hub, as open_clip writes it")
    raise next((error for error in errors if not isinstance(error, NotOnHubError)), none)


def _built(config: Path, weights: Path) -> Clip:
    """The CLIP of a config with these weights; shapes are compared before memory is taken."""
    from open_clip import CLIP, CustomTextCLIP, SimpleTokenizer  # pyright: ignore[reportMissingImports]
    from open_clip.transform import PreprocessCfg  # pyright: ignore[reportMissingImports]

    facts = read_json(config)
    settings = _checked(facts, config)
    kind = CustomTextCLIP if settings.pop("custom_text", False) else CLIP
    given, _ = read_weights(weights)
    try:
        with torch.device("meta"):
            shapes = shapes_of(kind(**settings).state_dict())
        if said := mismatch(shapes, shapes_of(given)):
            raise InputError(f"{weights} does not fit its {CONFIG}: {said}")
        with torch.random.fork_rng(devices=[]):
            model = kind(**settings)
    except InputError:
        raise
    except Exception as error:  # whatever open_clip meets in a config that is wrong
        raise InputError(f"{config} is no config that open_clip builds: {printable(first_line(error), 160)}") from None
    if odd := [name for name, tensor in given.items() if not bool(tensor.isfinite().all())]:
        raise InputError(f"{weights} holds numbers that are not finite: {printable(odd[0])}")
    model.load_state_dict(given)
    tokenizer = SimpleTokenizer(context_length=model.context_length)
    if model.vocab_size < tokenizer.vocab_size:
        raise InputError(f"{config} knows {model.vocab_size} tokens, and open_clip's tokenizer {tokenizer.vocab_size}")
    image, seen, usual = model.visual, facts.get("preprocess_cfg") or {}, PreprocessCfg()
    del model.visual
    card = {"size": settings["vision_cfg"].get("image_size", 224)}
    mean, std = seen.get("mean", usual.mean), seen.get("std", usual.std)
    return Clip(image, Texts(model, tokenizer), mean, std, float(model.logit_scale.detach().exp()), card).eval()


def _checked(facts: Any, path: Path) -> dict[str, Any]:
    """What open_clip builds a network from, bounded; `InputError` for what needs other libraries or the network."""
    settings: Any = facts.get("model_cfg") if isinstance(facts, dict) else None
    named = settings if isinstance(settings, dict) else {}
    parts: list[Any] = [named.get("vision_cfg"), named.get("text_cfg")]
    if not all(isinstance(part, dict) for part in parts):
        raise InputError(f"{path} is no config of open_clip: it has no model_cfg with a vision_cfg and a text_cfg")
    if found := [name for part in (settings, *parts) for name in REFUSED if part.get(name)]:
        raise InputError(f"{path} has a {found[0]}; CLIPs of open_clip's own encoders and tokenizer are read")
    for part in parts:
        for name in LIMITS.keys() & part.keys():
            values = part[name] if name == "layers" and isinstance(part[name], list) else [part[name]]
            if len(values) > 4 or not all(type(value) is int and 0 < value <= LIMITS[name] for value in values):
                raise InputError(f"{path}: {name} must be from 1 to {LIMITS[name]}, not {part[name]!r:.60}")
    return settings


class Texts(nn.Module):
    """open_clip's text encoder behind its tokenizer, which cuts off what is longer than its context."""

    def __init__(self, model: nn.Module, tokenizer: Any):
        super().__init__()
        self.model, self.tokenizer = model, tokenizer

    def forward(self, texts: list[str]) -> Tensor:
        """K texts to embeddings `(K, D)`."""
        model: Any = self.model
        return model.encode_text(self.tokenizer(texts).to(model.logit_scale.device))
