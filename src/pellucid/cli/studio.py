"""`pellucid studio`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import tyro

from ..base.errors import InputError


@dataclass(frozen=True)
class StudioFlags:
    """The local web app: paint with features, turn sketches into photos, see a classifier think.

    pellucid studio --open
    """

    model: str = "cifar10-l2-0.5"
    """The classifier to begin with; the page can choose others."""
    models: tuple[str, ...] = ()
    """Further classifiers to offer, such as paths of bundles, which the page cannot name by itself."""
    data: str | None = None
    """A folder of class folders, an .npz, or torchvision:NAME: shows which of its images activate a unit most."""
    host: str = "127.0.0.1"
    """The address to serve at. If other machines can reach it, the printed address holds a token that visitors need."""
    port: int = 8008
    """The port to serve at; 0 for a free one."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the network's passes; auto takes bfloat16 where it is faster."""
    open: bool = False
    """Open the page in a browser."""


def parse(argv: Sequence[str]) -> StudioFlags:
    """Flags from the command line. The other commands' `parse` would load torch before the page can be shown."""
    config = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(StudioFlags, args=argv, prog="pellucid studio", description=StudioFlags.__doc__, config=config)


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(argv)
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
    serve(Studio(settings), flags.host, flags.port, flags.open)
    return 0
