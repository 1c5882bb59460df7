"""Every example in a docstring runs and prints what it says."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest
import torch

import pellucid

SOURCE = Path(pellucid.__file__).parent
MODULES = [
    "pellucid" + "".join(f".{part}" for part in path.relative_to(SOURCE).with_suffix("").parts if part != "__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if path.name != "__main__.py"
]
EXAMPLES = [test for name in MODULES for test in doctest.DocTestFinder().find(import_module(name)) if test.examples]


def test_there_are_examples():
    assert len(EXAMPLES) >= 10


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_in_docstrings_hold(example):
    if 'load("cifar10' in example.docstring and not pellucid.bundled():
        pytest.skip("needs a bundled classifier")
    report = []
    with torch.random.fork_rng(devices=[]):
        result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=report.append)
    assert not result.failed, "".join(report)
