"""`pellucid studio`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..base.errors import InputError
from .flags import MachineFlags, ModelFlags, Precision
from .parse import parse


@dataclass(frozen=True)
class StudioFlags(ModelFlags, MachineFlags):
    """The local web app: paint with features, turn sketches into photos, see a classifier think.

    pellucid studio --open
    """

    precision: Precision = "auto"
    """Of the network's passes; auto takes bfloat16 where it is faster, and float32 elsewhere."""
    models: tuple[str, ...] = ()
    """Further classifiers to offer, such as paths of bundles, which the page cannot name by itself."""
    data: str | None = None
    """A folder of class folders, an .npz, or torchvision:NAME: shows which of its images activate a unit most."""
    host: str = "127.0.0.1"
    """The address to serve at. If other machines can reach it, the printed address holds a token that visitors need."""
    port: int = 8008
    """The port to serve at; 0 for a free one."""
    public: str | None = None
    """The address that people open where a proxy passes requests on, such as https://example.org/studio/."""
    open: bool = False
    """Open the page in a browser."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(StudioFlags, argv, "studio")
    try:
        from ..studio.studio import Settings, Studio
        from ..studio.web.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("fastapi", "starlette", "uvicorn", "pydantic"):
            raise
        raise InputError('the studio needs its web server: pip install "pellucid[studio]"') from None
    if not 0 <= flags.port < 2**16:
        raise InputError(f"a port is a number from 0 to 65535, not {flags.port}")
    settings = Settings(flags.model, flags.models, flags.data, flags.device, flags.precision)
    serve(Studio(settings), flags.host, flags.port, flags.open, flags.public)
    return 0
