"""The published tables, and R² against numpy, scipy and the paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid import InputError
from pellucid.transfer_learning.study.linearity import linearity
from pellucid.transfer_learning.study.published import curve, fixed_robustness, tables
from pellucid.transfer_learning.targets import TARGETS


@pytest.mark.parametrize(("eps", "r2"), [("0", 0.79), ("3", 0.98)])
def test_the_papers_r2_follows_from_its_tables(eps, r2):
    found = linearity(*fixed_robustness(eps))
    assert round(found.r2, 2) == r2
    assert found.low < r2 < found.high


def test_what_breaks_the_line_of_standard_sources_is_one_architecture():
    """Without VGG-16, the third, the standard sources are on a line as good as the robust ones'."""
    standard = linearity(*fixed_robustness("0"))
    assert standard.without[2] > 0.97
    assert max(standard.without[:2] + standard.without[3:]) < 0.78


def test_every_data_set_has_its_numbers():
    known = tables()
    twelve = set(TARGETS) - {"stylized-imagenet"}
    for kinds in (known["table1"], *(known["by_architecture"][mode] for mode in ("fixed", "full"))):
        for found in kinds.values():
            if isinstance(found, dict):
                assert set(found["robust"]) == set(found["standard"]) == twelve
    assert set(known["granularity"]["curves"]) == twelve - {"cifar10", "cifar100"}


def test_the_best_of_the_architectures_is_in_the_first_table():
    """The first table has the maxima over architectures, of all radii: never below those of the tables by one."""
    known = tables()
    for mode in ("fixed", "full"):
        for data, best in known["table1"][mode]["robust"].items():
            assert best >= max(found["robust"][data] for found in known["by_architecture"][mode].values()) - 0.07
        for data, best in known["table1"][mode]["standard"].items():
            assert best == max(found["standard"][data] for found in known["by_architecture"][mode].values())


def test_curves_for_a_figure():
    assert curve("cifar10") == {0.0: 79.61, 3.0: 94.77}
    assert curve("flowers") == {0.0: 91.28}
    assert curve("pets", 16) == curve("my photos") == {}


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=4, max_size=12))
def test_a_line_is_numpys_and_scipys(points):
    from scipy.stats import linregress

    x, y = np.array(points).round(3).T
    if np.ptp(x) < 1 or np.ptp(y) < 1:
        return
    found, expected = linearity(x, y), linregress(x, y)
    assert found.r2 == pytest.approx(expected.rvalue**2, abs=1e-9)
    assert (found.slope, found.intercept) == pytest.approx((expected.slope, expected.intercept), abs=1e-6)
    assert -1e-9 <= found.low <= found.r2 + 1e-9 <= found.high + 2e-9
    assert len(found.without) == len(x)


def test_each_point_is_left_out_once():
    x, y = [1.0, 2.0, 3.0, 10.0], [1.0, 2.1, 2.9, -10.0]
    found = linearity(x, y)
    assert found.without[3] == pytest.approx(linearity(x[:3], y[:3]).r2)
    assert found.without[3] > 0.99 > max(found.without[:3])


def test_the_interval_covers_what_it_says():
    """Of samples from a normal pair whose correlation is known, 95% of the intervals hold its square."""
    generator, rho, held = np.random.default_rng(0), 0.8, 0
    for _ in range(300):
        x = generator.normal(size=8)
        y = rho * x + np.sqrt(1 - rho**2) * generator.normal(size=8)
        found = linearity(x, y)
        held += found.low <= rho**2 <= found.high
    assert 0.9 < held / 300 < 0.99


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [([1, 2], [3, 4], "three points or more"), ([1, 1, 1], [1, 2, 3], "differ"), ([1, 2, 3], [4, 4, 4], "differ")],
)
def test_points_without_a_line(x, y, message):
    with pytest.raises(InputError, match=message):
        linearity(x, y)
