"""What a scenario did, and a table of it."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """One scenario's counts.

    Attributes:
        scenario: its name.
        done: what was done and checked, by kind.
        faults: what was done to it, by kind.
        wrong: one line for each lost session and each wrong result.
        figures: further measurements, as text.
    """

    scenario: str
    done: Counter = field(default_factory=Counter)
    faults: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, kind: str) -> None:
        """Count one that is done, from any thread."""
        with self.lock:
            self.done[kind] += 1

    def check(self, right: bool, kind: str, otherwise: str) -> None:
        """Count a result of this kind, which is right, or note what is wrong with it."""
        if right:
            self.count(kind)
        else:
            self.wrong.append(f"{kind}: {otherwise}")


def table(tallies: list[Tally]) -> str:
    """All scenarios as a table in Markdown."""
    rows = ["| scenario | done and right | disturbed by | measured | lost or wrong |", "|---|---|---|---|---|"]
    for tally in tallies:
        cells = [tally.scenario, _counted(tally.done), _counted(tally.faults), ", ".join(tally.figures)]
        rows.append(f"| {' | '.join(cells)} | {len(tally.wrong)} |")
    return "\n".join(rows) + "\n"


def _counted(counts: Counter) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()))
