import math
from dataclasses import replace

import pytest
from style_helpers import FAST

from pellucid import InputError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_weight": -1.0}, "style_weight .* -1.0"),
        ({"content_weight": math.nan}, "content_weight .* nan"),
        ({"optimizer": "sgd"}, "unknown optimizer 'sgd'"),
        ({"style_layers": "stem"}, "style_layers .* 'stem'"),
        ({"style_weight": 0.0, "content_weight": 0.0}, "all weights are 0"),
        ({"strength": 1.5}, "strength .* 1.5"),
        ({"evaluations": 0}, "evaluations .* 0"),
        ({"size": 0}, "size must be"),
        ({"jitter": 2}, "jitter goes with optimizer adam, not auto"),
        ({"averaging": 0.9}, "averaging goes with optimizer adam"),
        ({"parametrization": "fourier"}, "fourier goes with optimizer adam"),
        ({"optimizer": "adam", "jitter": 2, "tile": 64}, "jitter does not go with tiles"),
        ({"smooth_activations": True, "tile": 64}, "does not go with tiles"),
        ({"learning_rate": 0.0}, "learning_rate .* 0.0"),
        ({"style_scale": 0.0}, "style_scale .* 0.0"),
        ({"layer_weights": (0.0, 0.0)}, "layer_weights are all 0"),
        ({"tile": -1}, "numbers of pixels"),
        ({"style_layers": ("stem", "stage1", "stem")}, "style_layers has stem twice"),
        ({"content_layers": ("stem", "stem")}, "content_layers has stem twice"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        replace(FAST, **changes)
