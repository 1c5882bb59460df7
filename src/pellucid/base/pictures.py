"""How results show themselves: in a notebook, in one line, as one image, as an animation."""

from __future__ import annotations

import csv
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from .errors import InputError, shortened
from .files import replacing, write_json, write_text
from .grid import LEGIBLE, gif, grid, magnified
from .image import to_pil
from .made import Made
from .progress import in_notebook
from .save import check_file, save

if TYPE_CHECKING:
    from typing_extensions import Self

AXIS = {"history": 1, "frames": 1}  # along which the images are, where it is not the first
SHOWN = 16  # images that a notebook shows of a result
ROWS = 40  # rows of a table that are shown


class Pictures:
    """A result of images. A subclass has `images` and `start`, `(N, C, H, W)`, and says more in `captions`."""

    images: Tensor
    start: Tensor
    frames: Tensor | None = None
    made: Made | None = None

    def grid(self, columns: int | None = None) -> Tensor:
        """All images as one, `(C, H, W)` in [0, 1], for looking at: small ones are enlarged."""
        return grid(magnified(self.images.detach().cpu()), columns)

    def to_pil(self) -> Image.Image:
        """The grid as a PIL image; `result[0].to_pil()` is the first image."""
        return to_pil(self.grid())

    def show(self) -> None:
        """Show it: in a notebook below the cell, elsewhere in the system's viewer of images."""
        display(self) if in_notebook() else self.to_pil().show()

    def animate(self, seconds: float = 4.0) -> Animation:
        """The images as they formed, from the start to the end, as a GIF of this length.

        In a notebook it shows itself; `animate().save("forming.gif")` writes it. Of a large result there are fewer
        frames, and of one whose work was shared by several processes the start and the end.
        """
        frames = [] if self.frames is None else [frame.float() / 255 for frame in self.frames]
        start = self.start.cpu()
        begin = [start] if start.shape == self.images.shape else []
        sheets = [grid(magnified(part)) for part in [*begin, *frames, self.images.detach().cpu()]]
        return Animation(gif(sheets, seconds))

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the images and a JSON sidecar; see `pellucid.save`. Returns the path of the image, or of the folder."""
        return save(self, path, overwrite=overwrite)

    @property
    def captions(self) -> list[str]:
        """What is said of each image."""
        return [""] * len(self.images)

    def _repr_html_(self) -> str:
        before = self.start if len(self.start) == len(self.images) else [None] * len(self.images)
        cells = [_cell(*cell) for cell in zip(before, self.images, self.captions, strict=True)][:SHOWN]
        more = len(self.images) - len(cells)
        rest = f"<p>... and {more} more</p>" if more else ""
        row = f'<div style="display:flex;flex-wrap:wrap;gap:10px">{"".join(cells)}</div>'
        return f"<p>{escape(repr(self))}</p>{row}{rest}"


class Rows(Pictures):
    """A dataclass of pictures with a row for each: it has a length, and its parts are such results again."""

    loss: Tensor
    history: Tensor
    stopped_at: Tensor
    label: Tensor | None
    info: dict[str, Any]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Self]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, which: int | slice | Sequence[int] | Tensor) -> Self:
        index = torch.arange(len(self))[which].reshape(-1)
        found = {name: value for name, value in vars(self).items() if isinstance(value, Tensor) and value.numel()}
        rows = {name: value.index_select(AXIS.get(name, 0), index.to(value.device)) for name, value in found.items()}
        info = dict(self.info)
        if "features" in info:
            info["features"] = [info["features"][number] for number in index.tolist()]
        return replace(self, **rows, info=info, made=self.made and self.made.at(index))  # type: ignore[type-var]

    @property
    def captions(self) -> list[str]:
        losses = [f"loss {loss + 0.0:.3g}" for loss in self.loss.tolist()]
        names = [f"{fact['feature']}: {fact['class']}" for fact in self.info.get("features", ())] or self.class_names
        return [f"{name}, {loss}" for name, loss in zip(names, losses, strict=True)] if names else losses

    @property
    def class_names(self) -> list[str]:
        """The class intended for each image, or nothing."""
        names = self.made.names if self.made is not None else None
        labels = [] if self.label is None else self.label.tolist()
        return [names[int(label)] if names else str(label) for label in labels]

    def __repr__(self) -> str:
        first = f"{float(self.history[0].nanmean()):.3g} to " if len(self.history) else ""
        loss = f"loss {first}{float(self.loss.nanmean()):.3g}"
        return summary(
            type(self).__name__,
            self.images,
            self.class_names,
            loss,
            f"{max(self.stopped_at.tolist(), default=0)} steps",
        )


@dataclass(frozen=True, repr=False)
class Animation:
    """A GIF, which a notebook shows."""

    content: bytes

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write it; returns the path. Raises `InputError` if it exists, or does not end in .gif."""
        path = Path(path)
        check_file(path, overwrite, "an animation", ".gif", "give overwrite=True")
        with replacing(path) as temporary:
            temporary.write_bytes(self.content)
        return path

    def show(self) -> None:
        """Show it: in a notebook below the cell, elsewhere in the system's viewer of images."""
        display(self) if in_notebook() else Image.open(BytesIO(self.content)).show()

    def __repr__(self) -> str:
        return f"Animation({len(self.content) / 1024:.0f} KiB of GIF; .save('name.gif') writes it)"

    def _repr_html_(self) -> str:
        return f'<img alt="animation" src="data:image/gif;base64,{b64encode(self.content).decode()}">'


class Table:
    """A result of numbers. A subclass says in `table` what its columns are called, and its rows; in `to_json` the
    whole result."""

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        """The names of the columns, and the rows."""
        raise NotImplementedError

    def to_json(self) -> Any:
        """The whole result as plain JSON."""
        raise NotImplementedError

    def to_csv(self) -> str:
        """The table as a spreadsheet reads it."""
        text, (header, rows) = StringIO(), self.table()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        return text.getvalue()

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write a .json with the whole result and how it was measured, or a .csv with the table. Returns the path.

        Raises:
            InputError: the path exists, cannot be written, or ends otherwise.
        """
        path = Path(path)
        if path.suffix not in (".json", ".csv"):
            raise InputError(f"a table is a .json or a .csv, not {path}")
        check_file(path, overwrite, remedy="give overwrite=True")
        write_json(path, self.to_json()) if path.suffix == ".json" else write_text(path, self.to_csv())
        return path

    def __repr__(self) -> str:
        header, rows = self._shown()
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in (header, *rows)]
        return "\n".join([type(self).__name__, *lines])

    def _repr_html_(self) -> str:
        header, rows = self._shown()
        body = "".join(f"<tr>{_tags('td', row)}</tr>" for row in rows)
        return f"<table><tr>{_tags('th', header)}</tr>{body}</table>"

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        header, rows = self.table()
        more = [f"... and {len(rows) - ROWS} more", *[""] * (len(header) - 1)]
        return header, [*rows[:ROWS], more] if len(rows) > ROWS else rows


def about_classifier(classifier: Any) -> str:
    """A classifier in three lines: its name, its network, and what it was made for."""
    card, count = classifier.card, sum(weights.numel() for weights in classifier.network.parameters())
    names = classifier.class_names or []
    network = card.get("arch", type(classifier.network).__name__)
    made_for = [f"{classifier.size} px" if classifier.size else "images of any size", f"{classifier.classes} classes"]
    made_for[1] += f" ({shortened(names, 4)})" if names else ""
    made_for += [f"threat model {card['threat']}"] if "threat" in card else []
    lines = [f"Classifier {classifier.name or 'of your own'}", f"{network}, {count:,} weights", ", ".join(made_for)]
    return "\n  ".join(lines)


def display(shown: Any) -> None:
    """Show it below the cell of a notebook."""
    from IPython.display import display as below  # type: ignore[import-not-found]

    below(shown)


def summary(kind: str, images: Tensor, names: Iterable[str], *more: str) -> str:
    """A result in one line."""
    count, width, height = len(images), images.shape[3], images.shape[2]
    several = f"{count} image{'s' * (count != 1)}, {width} x {height}"
    named = shortened(list(dict.fromkeys(names)))
    return f"{kind}({'; '.join([several + (f': {named}' if named else ''), *filter(None, more)])})"


def strip(images: Iterable[Tensor], captions: Iterable[str]) -> str:
    """Images in a row with their captions, as HTML."""
    cells = "".join(_cell(None, image, caption) for image, caption in zip(images, captions, strict=True))
    return f'<div style="display:flex;flex-wrap:wrap;gap:10px">{cells}</div>'


def _tags(tag: str, cells: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)


def _cell(before: Tensor | None, after: Tensor, caption: str) -> str:
    images = "".join(_img(image) for image in (before, after) if image is not None)
    return f'<figure style="margin:0">{images}<figcaption>{escape(caption)}</figcaption></figure>'


def _img(image: Tensor) -> str:
    """An image in the page itself; a small one is enlarged, and every pixel stays a square of one color."""
    file, factor = BytesIO(), max(1, round(LEGIBLE / max(image.shape[1:])))
    to_pil(image).save(file, "PNG")
    width = image.shape[2] * factor
    source = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    return f'<img width="{width}" style="image-rendering:pixelated;margin:1px" src="{source}">'
