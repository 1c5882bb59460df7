"""pellucid: a robust classifier is a prior on images.

>>> import pellucid as pl
>>> classifier = pl.load("cifar10-l2-0.5", "cpu")
>>> cats = pl.generate(classifier, ["cat"] * 4, pl.GenerateRecipe(steps=2), seed=0)
"""

import lazy_loader

__version__ = "0.1.0"

# The public names are listed in `__init__.pyi`. Each is imported when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
