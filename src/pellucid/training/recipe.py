"""The settings of a training run. The same class is the Python API and the command line's flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..ball import L2, Ball, Linf
from ..errors import InputError


@dataclass(frozen=True)
class Attack:
    """The inner maximization of adversarial training (Madry et al. 2018): PGD within a ball around each image."""

    eps: float = 0.0
    """Radius of the ball in [0, 1] units; 0 trains a standard classifier. The synthesis paper's CIFAR-10: 0.5."""
    norm: Literal["l2", "linf"] = "l2"
    """Norm of the ball."""
    steps: int = 1
    """Steps of the attack. The papers take 7; one or two full-length steps cost a third and come close at small eps."""
    step_size: float | None = None
    """Length of a step; eps for a single step, else 2.5 eps / steps. The synthesis paper's CIFAR-10: 0.1."""
    random_start: bool = False
    """Begin at a random point of the ball. The papers do not."""

    def __post_init__(self) -> None:
        if not 0 <= self.eps < float("inf"):
            raise InputError(f"eps must be 0 (standard training) or positive, not {self.eps}")
        if self.steps < 1:
            raise InputError(f"attack steps must be at least 1, not {self.steps}")

    @property
    def ball(self) -> Ball:
        """The ball of this attack; only where eps is not 0."""
        return {"l2": L2, "linf": Linf}[self.norm](self.eps)

    @property
    def length(self) -> float:
        """The length of one step."""
        if self.step_size is not None:
            return self.step_size
        return self.eps if self.steps == 1 else 2.5 * self.eps / self.steps


@dataclass(frozen=True)
class TrainRecipe:
    """Everything that decides what a training run yields."""

    arch: str = "preact-32-80-160-320"
    """Network: preact-W1-W2-..., cifar-resnet18, wrn-DEPTH-WIDTH, timm:NAME or torchvision:NAME."""
    attack: Attack = Attack()
    """The inner maximization; eps 0 for none."""
    epochs: int = 20
    """Passes over the training images. The synthesis paper's CIFAR-10: 350."""
    batch_size: int = 128
    """Images a step."""
    lr: float = 0.2
    """Peak learning rate of SGD."""
    schedule: Literal["one-cycle", "steps", "cosine", "constant"] = "one-cycle"
    """How the learning rate goes; the papers use steps."""
    drops: tuple[float, ...] = (0.43, 0.71)
    """For the steps schedule: when the rate drops tenfold, as shares of the training (150 and 250 of 350 epochs)."""
    momentum: float = 0.9
    """Nesterov momentum."""
    weight_decay: float = 5e-4
    """Of convolutions and linear layers; norms and biases are left free."""
    average: float = 0.998
    """Decay of the moving average of the weights, which is what the bundle holds; 0 for none."""
    augment: Literal["crop-flip", "none"] = "crop-flip"
    """Shifts by an eighth of the side over reflected borders, and mirroring."""
    seed: int = 0
    """Of the weights, the order of the images, the augmentation and random starts."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("lr", "weight_decay", "momentum", "average"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{name} must not be negative, infinite or NaN, not {getattr(self, name)}")
        if self.average >= 1:
            raise InputError(f"average must be below 1, not {self.average}")
