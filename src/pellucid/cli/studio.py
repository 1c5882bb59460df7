"""`pellucid studio`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..base.errors import InputError
from .flags import MachineFlags, ModelFlags
from .parse import parse


@dataclass(frozen=True)
class StudioFlags(ModelFlags, MachineFlags):
    """The local web app: paint with features, turn sketches into photos, see a classifier think.

    pellucid studio --open
    """

    models: tuple[str, ...] = ()
    """Further classifiers to offer, such as paths of bundles, which the page cannot name by itself."""
    data: str | None = None
    """A folder of class folders, an .npz, or torchvision:NAME: shows which of its images activate a unit most."""
    host: str = "127.0.0.1"
    """The address to serve at. Any but this machine's own needs a password."""
    port: int = 8008
    """The port to serve at; 0 for a free one."""
    password: str | None = None
    """What visitors are asked for, 8 characters or more. The environment variable PELLUCID_PASSWORD does the same, and
    hides it from others on this machine."""
    open: bool = False
    """Open the page in a browser."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(StudioFlags, argv, "studio")
    try:
        from ..studio.guard import LOOPBACK
        from ..studio.serve import serve
        from ..studio.studio import Settings, Studio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("fastapi", "starlette", "uvicorn", "pydantic"):
            raise
        raise InputError('the studio needs its web server: pip install "pellucid[studio]"') from None
    password = flags.password or os.environ.get("PELLUCID_PASSWORD") or None
    _check(flags, password, flags.host in LOOPBACK)
    settings = Settings(flags.model, flags.models, flags.data, flags.device, flags.precision)
    serve(Studio(settings), flags.host, flags.port, password, flags.open)
    return 0


def _check(flags: StudioFlags, password: str | None, own: bool) -> None:
    from ..studio.door import SHORTEST

    if not 0 <= flags.port < 2**16:
        raise InputError(f"a port is a number from 0 to 65535, not {flags.port}")
    if password is None and not own:
        raise InputError(f"others can reach {flags.host}: set PELLUCID_PASSWORD or --password, or serve at 127.0.0.1")
    if password is not None and len(password) < SHORTEST:
        raise InputError(f"the password is too short; give {SHORTEST} characters or more")
