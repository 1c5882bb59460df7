import pytest
from style_helpers import preact


@pytest.fixture(scope="module")
def network():
    return preact()
