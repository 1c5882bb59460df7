"""An HTML page of pictures under which others lie: a slider uncovers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
.pair { position: relative; display: inline-block; margin: 0 1rem 1.5rem 0; vertical-align: top; width: 20rem;
  max-width: 100%; }
.pair img { display: block; width: 100%; border-radius: 4px; }
.pair .over { position: absolute; inset: 0 auto auto 0; clip-path: inset(0 0 0 var(--share, 50%)); }
.pair .stack { position: relative; }
.pair input { width: 100%; margin: 0.3rem 0 0; }
.pair p { margin: 0.2rem 0 0; font-size: 0.85rem; color: var(--soft); }
"""
SCRIPT = (
    "for (const slider of document.querySelectorAll('.pair input'))"
    " slider.addEventListener('input', () =>"
    " slider.parentElement.style.setProperty('--share', slider.value + '%'));"
)


@dataclass(frozen=True)
class Slider:
    """Two pictures of one size: `under` at the left of the slider, `over` at its right, and what they are."""

    under: str
    over: str
    caption: str


def sliders(found: Sequence[Slider]) -> str:
    """The HTML of several sliders in a row; every text is escaped."""
    return "\n".join(
        f'<div class="pair"><div class="stack"><img src="{escape(s.under)}" alt="before">'
        f'<img class="over" src="{escape(s.over)}" alt="{escape(s.caption)}"></div>'
        f'<input type="range" min="0" max="100" value="50" aria-label="{escape(s.caption)}">'
        f"<p>{escape(s.caption)}</p></div>"
        for s in found
    )
