"""Several descents, one after the other, as one: the next begins where the last ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..core.descend import Callback
from ..core.descent import Descent


def after(number: int, count: int, callback: Callback | None) -> Callback | None:
    """The callback as descent `number` of `count` is to call it: steps count on, if all have equally many."""
    if callback is None:
        return None
    return lambda p: callback(replace(p, step=number * p.steps + p.step, steps=count * p.steps))


def in_turn(descents: Sequence[Descent]) -> Descent:
    """Descents that followed each other as one, from the first start to the last images."""
    return replace(
        descents[-1],
        start=descents[0].start,
        history=torch.cat([descent.history for descent in descents]),
        forwards=sum(descent.forwards for descent in descents),
        backwards=sum(descent.backwards for descent in descents),
        stopped_at=torch.stack([descent.stopped_at for descent in descents]).sum(0),
    )
