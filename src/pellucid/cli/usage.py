"""What the parser of the command line says of a mistake, as one line."""

from __future__ import annotations

import re

MEANT = "Perhaps you meant:"


def one_line(box: str) -> str:
    """The mistake, and the flags that may have been meant, out of the box that the parser draws; "" if it is none.

    >>> print(one_line('''
    ... ╭─ Unrecognized options ───────────╮
    ... │ Unrecognized options: --clases,  │
    ... │ cat                              │
    ... │ ──────────────────────────────── │
    ... │ Perhaps you meant:               │
    ... │     --classes [STR [STR ...]]    │
    ... │         Names of classes.        │
    ... ╰──────────────────────────────────╯
    ... '''))
    Unrecognized options: --clases, cat; perhaps you meant --classes
    """
    paragraphs: list[list[str]] = [[]]
    for line in box.strip("\n").splitlines()[1:]:
        inside = line[1:-1]  # the border is made of lines, or of spaces where the terminal has none
        if inside.strip(" ─-"):
            paragraphs[-1].append(inside)
        else:
            paragraphs.append([])
    first, *others = [lines for lines in paragraphs if lines] or [[]]
    said = " ".join(line.strip() for line in first)
    meant = [line for lines in others if MEANT in lines[0] for line in lines]
    flags = [match[1] for line in meant if (match := re.match(r" {5}(--[\w.-]+)", line))]
    return said + (f"; perhaps you meant {' or '.join(flags)}" if flags else "")
