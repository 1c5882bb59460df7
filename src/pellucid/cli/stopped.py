"""A run that somebody stopped: the command that makes what it had reached, where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import InputError
from .common import value_of

# A step of theirs is the same one however many follow it.
STEADY = ("generate", "sketch", "brush", "paint", "translate", "inpaint", "superres", "manipulate")


def reached(words: Sequence[str], facts: dict) -> list[str]:
    """The command of a sidecar, with no more steps than were made.

    Raises:
        InputError: fewer steps would make another picture than the one that was reached.
    """
    words = list(words)
    if facts.get("interrupted") is True:
        raise InputError(
            f"this {words[0]} was interrupted, which cannot be repeated; for all of it, run its command anew"
        )
    if "stopped" not in facts:
        return words
    step = facts["stopped"]
    if type(step) is not int or step < 1:
        raise InputError("this run was stopped before its first step: there is no result to repeat")
    if words[0] not in STEADY:
        raise InputError(
            f"this {words[0]} was stopped at step {step}, and its steps depend on how many there are to be; "
            "for all of it, run its command anew"
        )
    strokes = _strokes(words)
    if strokes > 1:
        raise InputError(
            f"this painting of {strokes} strokes was stopped at step {step} of them all, and --steps is each stroke's; "
            "for all of it, run its command anew"
        )
    if value_of(words, "--steps") is None:
        raise InputError(f"the run was stopped at step {step}, but its command has no --steps")
    return _with_steps(words, step)


def _strokes(words: Sequence[str]) -> int:
    """How many values follow `--strokes`."""
    if "--strokes" not in words:
        return 0
    rest = words[words.index("--strokes") + 1 :]
    return next((count for count, word in enumerate(rest) if word.startswith("--")), len(rest))


def _with_steps(words: list[str], steps: int) -> list[str]:
    at = next(at for at, word in enumerate(words) if word.partition("=")[0] == "--steps")
    return [*words[:at], f"--steps={steps}", *words[at + (1 if "=" in words[at] else 2) :]]
