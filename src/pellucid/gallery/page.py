"""A self-contained HTML page of titled rows of pictures, and the folder that it appears in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ..base.errors import InputError
from .sliders import SCRIPT, Slider, sliders
from .sliders import STYLE as SLIDER_STYLE

STYLE = """
:root { color-scheme: light dark; --ink: #1d1f24; --soft: #626873; --paper: #fbfaf7; --line: #dcd8cf; --card: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e7e2; --soft: #a3a7b0; --paper: #16171a; --line: #33353b; --card: #1e2024; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif; }
main { max-width: 1440px; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
h1 { font-size: 2.6rem; letter-spacing: -0.02em; margin: 0 0 0.4rem; }
h2 { font-size: 1.5rem; margin: 0 0 0.3rem; }
.lead { font-size: 1.15rem; color: var(--soft); max-width: 44rem; }
section { border-top: 1px solid var(--line); padding: 2rem 0 1rem; margin-top: 2rem; }
section > p { max-width: 46rem; }
figure { margin: 1rem 0 0; display: grid; grid-template-columns: 8rem 1fr; gap: 1rem; align-items: center; }
figcaption { font-size: 0.9rem; color: var(--soft); text-align: right; }
figure img { max-width: 100%; height: auto; display: block; border-radius: 4px; }
figure.names { margin-top: 0.6rem; }
.names div { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; font-size: 0.8rem; color: var(--soft);
  text-align: center; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 0.7rem 1rem;
  overflow-x: auto;  font-size: 0.85rem; }
footer { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 1rem; color: var(--soft);
  font-size: 0.9rem; }
@media (max-width: 640px) { figure { grid-template-columns: 1fr; gap: 0.3rem; } figcaption { text-align: left; } }
"""


@dataclass(frozen=True)
class Row:
    """One picture: a row of images of equal width, what it shows, and optionally a name for each image."""

    caption: str
    file: str
    width: int
    height: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """One task: title, what it does, the command that does it or "", its rows, and pairs of pictures with sliders."""

    title: str
    text: str
    command: str
    rows: tuple[Row, ...] = ()
    sliders: tuple[Slider, ...] = ()


def page(title: str, lead: str, sections: list[Section], footer: str) -> str:
    """The HTML of a page; every text is escaped."""
    body = "\n".join(_section(section) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}{SLIDER_STYLE if any(section.sliders for section in sections) else ""}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
{body}
<footer>{escape(footer)}</footer>
</main>
{f"<script>{SCRIPT}</script>" if any(section.sliders for section in sections) else ""}
</body>
</html>
"""


def _section(section: Section) -> str:
    rows = "\n".join(_row(row) for row in section.rows)
    return f"""<section id="{escape(section.title.lower().replace(" ", "-"))}">
<h2>{escape(section.title)}</h2>
<p>{escape(section.text)}</p>
{rows}
{sliders(section.sliders)}
{f"<pre>{escape(section.command)}</pre>" if section.command else ""}
</section>"""


def _row(row: Row) -> str:
    names = ""
    if row.names:
        cells = "".join(f"<span>{escape(name)}</span>" for name in row.names)
        names = f'<figure class="names"><span></span><div style="max-width:{row.width}px">{cells}</div></figure>\n'
    alt = escape(f"{row.caption}: {', '.join(row.names)}" if row.names else row.caption)
    return f"""{names}<figure>
<figcaption>{escape(row.caption)}</figcaption>
<img src="{escape(row.file)}" width="{row.width}" height="{row.height}" alt="{alt}">
</figure>"""


@contextmanager
def folder_replacing(folder: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yields an empty temporary folder that becomes `folder` if the block ends well, and is removed otherwise.

    Raises:
        InputError: the folder holds something and is not to be replaced, or cannot be written.
    """
    if folder.exists() and not overwrite and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists; choose another --out or say --overwrite")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from None
    temporary.chmod(0o755)
    try:
        yield temporary
        if folder.is_dir():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
