"""Sessions on disk: one file each, whose first line is a summary and whose second is the session."""

from __future__ import annotations

import base64
import io
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from ...base.files import write_text
from ..schema import Session
from .folders import keep_private

MAX_SESSIONS, MAX_BYTES = 500, 2 * 2**30
THUMBNAIL = 80  # px
MAX_HEAD = 2**18


class Sessions:
    """The sessions in a folder. Ids become file names; the caller checks them.

    >>> Sessions(Path("there/is/none")).found()
    []
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, id: str, session: Session) -> None:
        """Save a session.

        Raises:
            InputError: there is no room; no other session is deleted to make room.
        """
        path = self._path(id)
        head = {"id": id, "title": session.title, "saved": time.time(), "picture": _thumbnail(session.picture)}
        text = json.dumps(head) + "\n" + session.model_dump_json(exclude_unset=True) + "\n"
        others = [other for other in self._files() if other != path]
        if len(others) >= MAX_SESSIONS or sum(_size_and_time(other)[0] for other in others) + len(text) > MAX_BYTES:
            raise InputError(
                f"there is no room for another session: {len(others)} are kept; "
                "delete some in the list of sessions, or save this one to a file"
            )
        keep_private(self.folder)
        write_text(path, text)
        with suppress(FileNotFoundError):  # deleted a moment ago
            path.chmod(0o600)

    def load(self, id: str) -> dict[str, Any] | None:
        """A session as it was saved, or None; raises `OSError` where it is there and cannot be read."""
        try:
            with self._path(id).open(encoding="utf-8") as file:
                file.readline(MAX_HEAD)
                return json.loads(file.read())
        except (FileNotFoundError, ValueError):
            return None

    def delete(self, id: str) -> bool:
        """Delete a session; False if there is none."""
        try:
            self._path(id).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InputError(f"the session cannot be deleted: {error.strerror}") from None
        return True

    def found(self, search: str = "") -> list[dict[str, Any]]:
        """The sessions whose titles hold these words, newest first: id, title, time and a small picture of each."""
        words = search.casefold().split()
        newest = sorted(self._files(), key=lambda path: _size_and_time(path)[1], reverse=True)
        heads = [head for path in newest if (head := _head(path)) is not None]
        return [head for head in heads if all(word in head["title"].casefold() for word in words)]

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}.session"

    def _files(self) -> list[Path]:
        return [path for path in self.folder.glob("*.session") if not path.name.startswith(".")]


def _head(path: Path) -> dict[str, Any] | None:
    """The summary in a session's file, or None."""
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline(MAX_HEAD))
    except (OSError, ValueError):  # deleted a moment ago, or no session
        return None
    return head if isinstance(head, dict) and isinstance(head.get("title"), str) else None


def _thumbnail(picture: str) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(picture)), formats=["PNG"]) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _size_and_time(path: Path) -> tuple[int, float]:
    try:
        found = path.stat()
        return found.st_size, found.st_mtime
    except OSError:  # deleted a moment ago
        return 0, 0.0
