"""Many images as one, and as an animation; see `pellucid.base.grid`."""

from ..base.grid import LEGIBLE as LEGIBLE
from ..base.grid import gif as gif
from ..base.grid import grid as grid
from ..base.grid import magnified as magnified
from ..base.grid import write_gif as write_gif
