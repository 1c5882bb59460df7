"""The frozen twin of a network: a copy of its modules, which shares its weights."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from .errors import InputError


def frozen_twin(network: nn.Module) -> nn.Module:
    """A copy of the modules of a network, in eval mode, whose weights need no gradient and are not copied.

    Every parameter and buffer of the twin shares the memory of the network's, so a twin costs milliseconds and sees
    weights that change in place. Hooks set on the twin never reach the network.

    Raises:
        InputError: a network that cannot be copied.

    >>> network = nn.Linear(2, 2)
    >>> twin = frozen_twin(network)
    >>> twin.weight.data_ptr() == network.weight.data_ptr(), twin.weight.requires_grad, network.weight.requires_grad
    (True, False, True)
    """
    shared: dict[int, Any] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in network.parameters()}
    shared |= {id(buffer): buffer.detach() for buffer in network.buffers()}
    # Weights that hooks compute, as the older weight_norm does, are attributes that Python cannot copy.
    kept = (value for module in network.modules() for value in vars(module).values() if isinstance(value, Tensor))
    shared |= {id(value): value.detach() for value in kept}
    try:
        twin = copy.deepcopy(network, shared)
    except Exception as error:
        raise InputError(
            f"this {type(network).__name__} cannot be copied ({error}); a descent runs on a copy of its modules"
        ) from error
    return twin.eval().requires_grad_(False)
