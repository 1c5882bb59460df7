"""pellucid: a robust classifier is a prior on images."""

from .ball import L2, Ball, Linf, Unbounded
from .classifier import Activations, Classifier
from .descend import Descent, Progress, descend
from .errors import InputError
from .objective import Activation, CrossEntropy, Distance, Objective, Outside
from .parametrize import Fourier, Pixels

__version__ = "0.1.0"
