"""AutoAttack: an ensemble of attacks without parameters to tune, computed by pyautoattack."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..base.errors import InputError, unknown
from ..core.ball import Ball, Linf
from ..core.batch import at_once
from ..core.classifier import Classifier
from .threat import fooled

STANDARD = ("apgd-ce", "apgd-t", "fab-t", "square")
ATTACKS = (*STANDARD, "apgd-dlr", "fab")
# The losses of these compare so many of an image's logits.
CLASSES_NEEDED = {"apgd-t": 4, "apgd-dlr": 3}


def chosen(names: tuple[str, ...]) -> tuple[str, ...]:
    """The attacks that these names stand for; raises `InputError` for a name that there is not.

    >>> chosen(("standard",))
    ('apgd-ce', 'apgd-t', 'fab-t', 'square')
    """
    if names == ("standard",):
        return STANDARD
    for name in names:
        if name not in ATTACKS:
            raise unknown("attack of AutoAttack", name, ["standard", *ATTACKS])
    return names


@dataclass(frozen=True)
class AutoAttack:
    """AutoAttack (Croce and Hein 2020, arXiv 2003.01690) with its published settings, in float32.

    APGD: 100 steps, one try; the targeted attacks: the 9 most likely wrong classes (or all, where there are fewer);
    Square: 5,000 queries. Each attack gets what withstood the ones before it. Random draws are made for a batch as a
    whole, so the same seed gives the same result for the same batches.

    Raises:
        InputError: pyautoattack is not installed, or an attack needs more classes than there are.
    """

    attacks: tuple[str, ...]
    classes: int
    seed: int = 0

    def __post_init__(self) -> None:
        try:
            import pyautoattack  # noqa: F401
        except ImportError:
            raise InputError("AutoAttack needs pyautoattack: pip install 'pellucid[eval]'") from None
        for name in self.attacks:
            if self.classes < CLASSES_NEEDED.get(name, 2):
                raise InputError(
                    f"{name} needs {CLASSES_NEEDED[name]} classes or more; name others: --autoattack fab-t"
                )

    @property
    def name(self) -> str:
        """How results call it."""
        return "autoattack-" + ("standard" if self.attacks == STANDARD else ",".join(self.attacks))

    def __call__(self, classifier: Classifier, images: Tensor, labels: Tensor, index: Tensor, ball: Ball) -> Tensor:
        """Which images withstand it, `(N,)` bools; the arguments are those of `PGD`."""
        size = at_once(images)
        parts = zip(images.split(size), labels.split(size), strict=True)
        return torch.cat([self._withstand(classifier, x, y, ball) for x, y in parts])

    def _withstand(self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball) -> Tensor:
        held = torch.ones(len(images), dtype=torch.bool, device=images.device)
        for name in self.attacks:
            left = held.nonzero()[:, 0]
            if not len(left):
                break
            with _network(classifier) as network, _own_random_state(images.device):
                candidates = self._attack(name, network, ball, images.device)(images[left], labels[left])
            held[left] = ~fooled(classifier, candidates.detach(), images[left], labels[left], ball)
        return held

    def _attack(self, name: str, network: Callable, ball: Ball, device: torch.device) -> Callable[..., Tensor]:
        """One attack of the ensemble as a function from images and labels to candidates."""
        import pyautoattack

        # It warns of vanished gradients anew in every batch; `sanity` says it once.
        logging.getLogger("auto-attack").setLevel(logging.ERROR)
        norm = "Linf" if isinstance(ball, Linf) else "L2"
        # `standard` sets restarts and budgets as published; left to itself the library takes five restarts.
        ensemble: Any = pyautoattack.AutoAttack(
            network,  # pyright: ignore[reportArgumentType] - any function will do
            norm=norm, eps=float(ball.eps), seed=self.seed, version="standard", device=device,
        )  # fmt: skip
        for targeted in (ensemble.apgd_targeted, ensemble.fab):
            targeted.n_target_classes = min(9, self.classes - 1)
        attack = {
            "apgd-ce": ensemble.apgd,
            "apgd-dlr": ensemble.apgd,
            "apgd-t": ensemble.apgd_targeted,
            "fab": ensemble.fab,
            "fab-t": ensemble.fab,
            "square": ensemble.square,
        }[name]
        if attack is ensemble.apgd:
            attack.loss = name.removeprefix("apgd-")
        if attack is ensemble.fab:
            attack.targeted = name == "fab-t"
        return attack.perturb


@contextmanager
def _network(classifier: Classifier) -> Iterator[Callable[[Tensor], Tensor]]:
    """Within, the logits of the frozen network: some of the attacks call `backward`, which would fill its gradients."""
    read = classifier.reader()
    yield lambda images: read(images).logits.clone()  # a network may have made them in inference mode


@contextmanager
def _own_random_state(device: torch.device) -> Iterator[None]:
    """Within, seeding the global generators does no harm: their states come back after."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
