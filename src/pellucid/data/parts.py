"""A folder of finished parts, so that work that was stopped goes on: each part is a file of tensors with a checksum."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..base.errors import InputError
from ..base.files import read_checked, replacing, write_checked

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Parts:
    """Parts by name; without a folder none is kept.

    >>> import torch
    >>> from tempfile import mkdtemp
    >>> parts = Parts(Path(mkdtemp()) / "parts")
    >>> parts.get("first", lambda: {"values": torch.ones(2)})["values"]
    tensor([1., 1.])
    >>> parts.get("first", lambda: {"values": torch.zeros(2)})["values"]
    tensor([1., 1.])
    """

    folder: Path | None = None

    def get(self, name: str, make: Callable[[], Tensors], of: str = "") -> Tensors:
        """The tensors of a part (on the CPU); made, and kept, where its file is missing, damaged, or of something else.

        The name, or `of`, must change with everything that the tensors depend on.
        """
        found = self.kept(name, of)
        return self.keep(name, make(), of) if found is None else found

    def kept(self, name: str, of: str = "") -> Tensors | None:
        """The tensors of a part, if it is kept."""
        if self.folder is None:
            return None
        try:
            tensors, facts = read_checked(self.path(name))
        except InputError:
            return None
        return tensors if facts == {"of": of} else None

    def keep(self, name: str, tensors: Tensors, of: str = "") -> Tensors:
        """Keep a part, and return it."""
        if self.folder is not None:
            with replacing(self.path(name)) as temporary:
                write_checked(tensors, temporary, {"of": of})
        return tensors

    def path(self, name: str) -> Path:
        """The file of a part."""
        return (self.folder or Path()) / f"{name}.safetensors"

    def forget(self) -> None:
        """Remove all parts, and the folder if it holds nothing else."""
        if self.folder is not None:
            for path in self.folder.glob("*.safetensors"):
                path.unlink()
            with suppress(OSError):
                self.folder.rmdir()
