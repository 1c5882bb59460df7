import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pellucid

SOURCE = Path(pellucid.__file__).parent
LEVELS = [  # a room imports from rooms above it in this list, and from no other
    {"base"},
    {"core"},
    {"data"},
    {"zoo"},
    {"evaluation"},
    {"training", "synthesis", "style", "representation"},
    {"transfer_learning", "statistics"},
    {"gallery"},
    {"report"},
    {"studio"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
MODULES = {
    path.relative_to(SOURCE).with_suffix("").parts: path
    for path in sorted(SOURCE.rglob("*.py"))
    if path.parent != SOURCE and path.name != "__init__.py"
}
NAMES = [".".join(module) for module in MODULES]


def imports(module, text):
    """Every import from pellucid in this text, also within functions and under TYPE_CHECKING: (module, name)."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "pellucid"):
            base = module[: len(module) - node.level] if node.level else ()
            source = (node.module or "").split(".") if node.module else []
            source = tuple(source if node.level else source[1:])
            for alias in node.names:
                found = (*base, *source)
                yield ((*found, alias.name), None) if (*found, alias.name) in MODULES else (found, alias.name)


def graph():
    """The modules that each module imports."""
    return {m: {f for f, _ in imports(m, path.read_text()) if f in MODULES} for m, path in MODULES.items()}


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_down_the_levels(name):
    module = tuple(name.split("."))
    for found, _ in imports(module, MODULES[module].read_text()):
        if found and found[0] != module[0]:  # `from .. import __version__` is the root itself
            assert LEVEL[found[0]] < LEVEL[module[0]], f"{name} imports {'.'.join(found)}"


@pytest.mark.parametrize("name", NAMES)
def test_no_private_name_is_imported_from_another_package(name):
    module = tuple(name.split("."))
    for found, what in imports(module, MODULES[module].read_text()):
        if found[:1] != module[:1]:
            assert not (what or "").startswith("_") or what == "__version__", f"{name} imports {what}"


def test_no_modules_import_each_other_in_a_circle():
    rest = graph()
    while free := [module for module, needed in rest.items() if not needed & rest.keys()]:
        for module in free:
            del rest[module]
    assert not rest, f"these are on circles, or above one: {sorted('.'.join(module) for module in rest)}"


def test_the_layering_test_sees_every_kind_of_import():
    text = """
from ..core.ball import L2
from . import grid
from .. import __version__
def f():
    from ..zoo.models import _load
if TYPE_CHECKING:
    from pellucid.cli.main import main
"""
    assert list(imports(("gallery", "imaginary"), text)) == [
        (("core", "ball"), "L2"), (("gallery", "grid"), None), ((), "__version__"), (("zoo", "models"), "_load"),
        (("cli", "main"), "main"),
    ]  # fmt: skip


def test_every_folder_is_a_known_room_and_the_root_holds_none_of_the_code():
    assert {module[0] for module in MODULES} == set(LEVEL)
    assert {path.name for path in SOURCE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import pellucid", {"torch", "torchvision", "timm", "tyro", "numpy", "PIL"}),
        ("from pellucid.cli.main import main; main(['--help'])", {"torch", "tyro", "numpy", "PIL"}),
        (
            "from pellucid.cli.main import main; main('generate --model cifar10-l2-0.5 --device cpu --classes cat "
            "--count 1 --steps 2 --eps 0.1 --quiet --out one.png'.split())",
            {"torch._dynamo", "sympy", "torchvision", "timm", "matplotlib", "fastapi", "pydantic", "scipy", "rich"},
        ),
    ],
    ids=["import", "help", "generate"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code, heavy, tmp_path):
    code = f"import sys; {code}; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", pellucid.__all__)
def test_every_public_name_is_there(name):
    value = getattr(pellucid, name)
    assert value.__module__.startswith("pellucid.")
    assert value.__name__ == name
    assert name in dir(pellucid)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="sculpt"):
        pellucid.sculpt  # noqa: B018
