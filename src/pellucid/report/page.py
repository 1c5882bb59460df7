"""The page of a report: one HTML file beside its pictures, which needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from .. import __version__
from ..gallery.page import STYLE
from .entry import Entry, Interval
from .published.tables import paper

OWN_STYLE = """
nav ul { columns: 2 22rem; column-gap: 2.5rem; padding-left: 1.1rem; font-size: 0.9rem; }
nav h3 { margin: 1.2rem 0 0.2rem; font-size: 1rem; }
a { color: inherit; }
h3 { font-size: 1.1rem; margin: 0 0 0.2rem; }
section > img { max-width: 100%; height: auto; display: block; margin: 0.8rem 0; border-radius: 4px; background: #fff; }
table { border-collapse: collapse; font-size: 0.9rem; margin: 0.8rem 0; display: block; overflow-x: auto; }
th, td { text-align: left; padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.claim { margin: 0.5rem 0; }
.verdict { display: inline-block; min-width: 6rem; padding: 0 0.5rem; border-radius: 4px; text-align: center;
  font-size: 0.85rem; color: #fff; background: #6b7280; }
nav .verdict { min-width: 0; padding: 0 0.35rem; font-size: 0.72rem; }
.agrees { background: #1f7a4d; } .disagrees { background: #b3402e; }
.ago { color: var(--soft); font-size: 0.85rem; }
"""
RULE = (
    "A claim of a paper stands here as a difference that the paper says is above zero. It agrees with the measurement "
    "if the whole 95% confidence interval is above zero, disagrees if the whole is below, and is undecided otherwise. "
    "Numbers of other networks and data sets than the paper's stand beside the published ones for orientation only."
)


def report_page(
    about: Mapping[str, Any],
    entries: Sequence[Entry],
    done: Mapping[str, Mapping[str, Any]],
    left: Mapping[str, str],
) -> str:
    """The HTML; every text is escaped.

    Args:
        about: the classifiers, the data, the scale and the seed, by name.
        entries: in the order of the page.
        done: the facts of the entries that were made, by id.
        left: why others were not, by id.
    """
    made = [entry for entry in entries if entry.id in done]
    papers = dict.fromkeys(entry.paper for entry in made)
    verdicts = [claim["verdict"] for facts in done.values() for claim in facts["claims"]]
    words = {"agrees": "agree", "undecided": "undecided", "disagrees": "disagree"}
    counts = ", ".join(f"{verdicts.count(verdict)} {word}" for verdict, word in words.items())
    facts = "; ".join(f"{name}: {_plain(value)}" for name, value in about.items() if value not in ("", (), []))
    contents = "\n".join(
        f"<h3>{escape(paper(name).title)}</h3><ul>"
        + "".join(
            f'<li><a href="#{entry.id}">{_place(entry)}</a>: {escape(entry.shows)} {_verdicts(done[entry.id])}</li>'
            for entry in made
            if entry.paper == name
        )
        + "</ul>"
        for name in papers
    )
    body = "\n".join(_section(entry, done[entry.id]) for entry in made)
    missing = "".join(
        f"<tr><td>{entry.paper.capitalize()}: {_place(entry)}</td><td>{escape(entry.shows)}</td>"
        f"<td>{escape(left[entry.id])}</td></tr>"
        for entry in entries
        if entry.id in left
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pellucid: report</title>
<style>{STYLE}{OWN_STYLE}</style>
</head>
<body>
<main>
<h1>Published beside measured</h1>
<p class="lead">{len(made)} figures and tables of four papers, made again. Claims: {counts}.</p>
<p>{escape(RULE)}</p>
<p class="ago">{escape(facts)}</p>
<nav aria-label="Contents">{contents}</nav>
{body}
<section id="left-out"><h2>Left out</h2>
<table><tr><th>place</th><th>what it shows</th><th>why it is not here</th></tr>{missing}</table></section>
<footer>Made by pellucid {__version__}.</footer>
</main>
</body>
</html>
"""


def _section(entry: Entry, facts: Mapping[str, Any]) -> str:
    pictures = "".join(
        f'<img src="{escape(file)}" alt="{escape(entry.shows)}" loading="lazy">\n' for file in facts["files"]
    )
    claims = "".join(_claim(claim) for claim in facts["claims"])
    table = _table(facts["table"]) if facts["table"] else ""
    again = "\n\n".join(facts["again"].values())
    like = f"pellucid {facts['command']}\n\n{facts['python']}"
    return f"""<section id="{entry.id}">
<h2>{escape(entry.shows.removesuffix("."))}</h2>
<p class="ago">{_place(entry)} of {escape(paper(entry.paper).title)} · {facts["seconds"]:.0f} s</p>
{claims}
<p>{escape(facts["text"])}</p>
{pictures}{table}<details><summary>Make the like of your own images</summary><pre>{escape(like)}</pre></details>
<details><summary>Make this entry again</summary><pre>{escape(again)}</pre></details>
</section>"""


def _verdicts(facts: Mapping[str, Any]) -> str:
    """What became of an entry's claims, in the contents."""
    found = dict.fromkeys(claim["verdict"] for claim in facts["claims"])
    return " ".join(f'<span class="verdict {verdict}">{verdict}</span>' for verdict in found)


def _claim(claim: Mapping[str, Any]) -> str:
    published = "" if claim["published"] is None else f", published {claim['published']:.3g}"
    measured = _interval(claim["difference"])
    return (
        f'<p class="claim"><span class="verdict {claim["verdict"]}">{claim["verdict"]}</span> {escape(claim["says"])} '
        f'<span class="ago">(measured difference {measured}{published})</span></p>'
    )


def _table(table: Mapping[str, Any]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f"<td>{escape(value)}</td>"
        if isinstance(value, dict):
            value = _interval(value)
        elif isinstance(value, float):
            value = f"{value:.4g}"
        return f'<td class="number">{"" if value is None else value}</td>'

    head = ""
    for number, column in enumerate(table["columns"]):
        words = any(isinstance(row[number], str) for row in table["rows"])
        head += f"<th>{escape(column)}</th>" if words else f'<th class="number">{escape(column)}</th>'
    rows = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in table["rows"])
    return f"<table><tr>{head}</tr>{rows}</table>"


def _interval(known: Mapping[str, float | None]) -> str:
    """A measured number as it stands in JSON, which has no infinite bounds."""
    value, low, high = known["value"], known["low"], known["high"]
    if value is None:
        return "not a number"
    return str(Interval(value, low, high)) if low is not None and high is not None else f"{value:.3g}"


def _place(entry: Entry) -> str:
    """`Figure 3`, of `synthesis-figure-3`."""
    place = entry.id.partition("-")[2].replace("-", " ")
    return escape(place.upper() if place in ("fid", "psnr") else place.capitalize())


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(value)
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 else text  # a sha256
