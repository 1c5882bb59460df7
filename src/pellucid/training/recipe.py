"""The settings of a training run. The same class is the Python API and the command line's flags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypedDict

from ..base.checks import check_fields, check_seed, number, positive, positive_int
from ..base.errors import InputError
from ..core.ball import Ball, Norm
from ..evaluation.threat import check_radius, threat_ball


@dataclass(frozen=True)
class Attack:
    """The inner maximization of adversarial training (Madry et al. 2018): PGD within a ball around each image."""

    eps: float = 0.0
    """Radius of the ball in [0, 1] units; 0 trains a standard classifier. The synthesis paper's CIFAR-10: 0.5."""
    norm: Norm = "l2"
    """Norm of the ball."""
    steps: int = 1
    """Steps of the attack. The papers take 7; one or two full-length steps cost a third and come close at small eps."""
    step_size: float | None = None
    """Length of a step; eps for a single step, else 2.5 eps / steps. The synthesis paper's CIFAR-10: 0.1."""
    random_start: bool = False
    """Begin at a random point of the ball. The papers do not; one step in an Linf ball needs it (Wong et al. 2020)."""
    warmup: float = 0.0
    """Share of the training in which eps (and the step) grow linearly from 0."""

    def __post_init__(self) -> None:
        check_fields(self)
        if number("eps", self.eps, 0):
            check_radius(self.norm, self.eps)
        positive_int("attack steps", self.steps)
        if self.step_size is not None:
            positive("attack step_size", number("attack step_size", self.step_size))
        if not 0 <= self.warmup <= 1:
            raise InputError(f"attack warmup is a share of the training, 0 to 1, not {self.warmup}")

    @property
    def ball(self) -> Ball:
        """The ball of this attack; only where eps is not 0."""
        return threat_ball(self.norm, self.eps)

    @property
    def length(self) -> float:
        """The length of one step."""
        if self.step_size is not None:
            return self.step_size
        return self.eps if self.steps == 1 else 2.5 * self.eps / self.steps

    def at(self, progress: float) -> Attack:
        """The attack when this share of the training is done: weaker while eps warms up.

        >>> Attack(eps=1.0, warmup=0.5).at(0.25).eps
        0.5
        """
        if progress >= self.warmup:
            return self
        share = progress / self.warmup
        step_size = self.step_size * share if self.step_size is not None and share else None
        return replace(self, eps=self.eps * share, step_size=step_size, warmup=0.0)


@dataclass(frozen=True)
class TrainRecipe:
    """Everything that decides what a training run yields, apart from the images."""

    arch: str = "preact-32-80-160-320"
    """Network: preact-W1-W2-... (preact2-... for 64 px), smooth-W1-W2-... (smooth2-, smooth4- for 64, 128 px),
    cifar-resnet18, wrn-DEPTH-WIDTH, timm:NAME, torchvision:NAME; see docs/zoo.md."""
    start: str = ""
    """Fine-tune: a model to take the weights (and the architecture) from. Its head is new where the classes differ."""
    attack: Attack = Attack()
    """The inner maximization; eps 0 for none."""
    method: Literal["pgd", "trades", "free", "noise"] = "pgd"
    """What is minimized: cross-entropy at the worst images (Madry et al. 2018), TRADES (Zhang et al. 2019), or the same
    as pgd with attack and training sharing every pass (free, Shafahi et al. 2019); or cross-entropy at images with
    Gaussian noise, without an attack (noise, Cohen et al. 2019), for randomized smoothing."""
    sigma: float = 0.0
    """Noise: its standard deviation, in [0, 1] units."""
    beta: float = 6.0
    """TRADES: weight of the divergence between the predictions for an image and for its worst neighbor."""
    replays: int = 8
    """Free: how often in a row each batch is used, which multiplies the steps of an epoch."""
    epochs: int = 20
    """Passes over the training images. The synthesis paper's CIFAR-10: 350."""
    batch_size: int = 128
    """Images a step, over all processes together."""
    lr: float = 0.2
    """Peak learning rate of SGD."""
    schedule: Literal["one-cycle", "step", "multi-step", "cosine", "constant"] = "one-cycle"
    """How the learning rate goes; the papers use step and multi-step."""
    step_epochs: int = 50
    """For the step schedule: the rate drops tenfold each time this many epochs have passed."""
    drops: tuple[int, ...] = (150, 250)
    """For the multi-step schedule: the rate drops tenfold after these epochs. The synthesis paper's CIFAR-10 of 350."""
    momentum: float = 0.9
    """Of SGD."""
    nesterov: bool = True
    """Nesterov's momentum; the papers use the plain one."""
    weight_decay: float = 5e-4
    """Of convolutions and linear layers."""
    decay_norms: bool = False
    """Weight decay on norms and biases too, as in the papers."""
    average: float = 0.998
    """Decay of the exponential moving average (EMA) of the weights, which the bundle holds. The papers: 0 (none)."""
    augment: Literal["crop-flip", "resized-crop", "crop-jitter", "madry-cifar", "madry-imagenet", "none"] = "crop-flip"
    """crop-flip shifts by an eighth of the side over reflected borders and mirrors; resized-crop takes random parts at
    the image's size and mirrors; crop-jitter takes larger ones and changes colors; the other two are the papers'."""
    seed: int = 0
    """Of the weights, the order of the images, the augmentation and random starts."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("epochs", "batch_size", "replays", "step_epochs"):
            positive_int(name, getattr(self, name))
        for name in ("lr", "weight_decay", "beta", "sigma"):
            number(name, getattr(self, name), 0)
        for name in ("momentum", "average"):
            number(name, getattr(self, name), 0, 1)
        if any(epoch < 1 for epoch in self.drops):
            raise InputError(f"drops are epochs of at least 1, not {' '.join(map(str, self.drops))}")
        check_seed(self.seed)
        if (self.method == "noise") != bool(self.sigma):
            raise InputError("--method noise and --sigma, such as 0.25, go together")
        if self.method == "noise" and self.attack.eps:
            raise InputError("noise trains without an attack: leave out --attack.eps")
        if self.method in ("trades", "free") and not self.attack.eps:
            raise InputError(f"{self.method} needs an attack: give its eps, such as --attack.eps 0.5")
        if self.method == "trades" and not self.attack.random_start:
            raise InputError("trades needs --attack.random-start: at the image itself its divergence has no gradient")
        if self.method == "free" and (self.attack.steps > 1 or self.attack.random_start):
            raise InputError(
                "free takes one step of its attack with every pass, from where the batch before ended; "
                "--replays says how many, and --attack.steps and --attack.random-start mean nothing to it"
            )

    def differences(self, saved: dict[str, Any]) -> list[str]:
        """What another recipe, saved as nested JSON, had otherwise: `["attack.eps was 0.5", ...]`."""
        now, was = dict(_flat(asdict(self))), dict(_flat(saved))
        return [f"{name} was {was.get(name)}" for name in now if name not in was or _plain(now[name]) != was[name]]


class TrainSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `train`."""

    arch: str
    start: str
    attack: Attack
    method: Literal["pgd", "trades", "free", "noise"]
    sigma: float
    beta: float
    replays: int
    epochs: int
    batch_size: int
    lr: float
    schedule: Literal["one-cycle", "step", "multi-step", "cosine", "constant"]
    step_epochs: int
    drops: tuple[int, ...]
    momentum: float
    nesterov: bool
    weight_decay: float
    decay_norms: bool
    average: float
    augment: Literal["crop-flip", "resized-crop", "crop-jitter", "madry-cifar", "madry-imagenet", "none"]
    seed: int


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
