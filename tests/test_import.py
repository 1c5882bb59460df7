import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pellucid

SOURCE = Path(pellucid.__file__).parent
LAYERS = [
    {"core"},
    {"data", "zoo"},
    {"training"},
    {"evaluation"},
    {"synthesis", "style", "representation", "transfer"},
    {"gallery"},
    {"cli", "studio"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path.name not in ("__init__.py", "__main__.py")]


def room_of(parts):
    """The room that a module lives in; files of the package itself are the core."""
    return parts[0] if parts and parts[0] in LEVEL else "core"


def imported_when_loaded(path):
    """The modules of pellucid, as parts, that importing this file imports; not what functions and type checkers do."""
    package = path.relative_to(SOURCE).parts[:-1]
    found = []

    def visit(nodes):
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.level:
                base = package[: len(package) + 1 - node.level]
                module = tuple(node.module.split(".")) if node.module else ()
                found.append((*base, *module) if module else (*base, node.names[0].name))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pellucid":
                found.append(tuple(node.module.split(".")[1:]))
            elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                visit(node.orelse)
            elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ClassDef)):
                visit(ast.iter_child_nodes(node))

    visit(ast.parse(path.read_text()).body)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down_the_layers(path):
    own = room_of(path.relative_to(SOURCE).parts)
    for module in imported_when_loaded(path):
        other = room_of(module)
        assert LEVEL[other] <= LEVEL[own], f"{own} imports {'.'.join(module)}"


def test_the_layering_test_sees_relative_imports_and_not_those_within_functions(tmp_path):
    path = SOURCE / "gallery" / "imaginary.py"
    text = "from ..cli import main\nfrom . import grid\ndef f():\n    from ..zoo import models\n"
    (tmp_path / "imaginary.py").write_text(text)

    class Imaginary(type(path)):
        def read_text(self):
            return text

    assert imported_when_loaded(Imaginary(path)) == [("cli",), ("gallery", "grid")]


def test_every_folder_is_a_known_room():
    folders = {path.parent.relative_to(SOURCE).parts[0] for path in FILES if path.parent != SOURCE}
    assert folders <= set(LEVEL)


def test_importing_pellucid_loads_nothing_heavy():
    heavy = {"torch", "torchvision", "timm", "tyro", "numpy", "PIL"}
    code = f"import sys, pellucid; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_descent_on_a_bundled_classifier_does_not_load_the_compiler():
    code = (
        "import sys, pellucid as pl\n"
        "classifier = pl.load('cifar10-l2-0.5', 'cpu')\n"
        "pl.generate(classifier, ['cat'], pl.GenerateRecipe(steps=3, step_size=10.0))\n"
        "print(sorted({'torch._dynamo', 'sympy'} & set(sys.modules)))"
    )
    if "cifar10-l2-0.5" not in pellucid.bundled():
        pytest.skip("needs the bundled classifier")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", pellucid.__all__)
def test_every_public_name_is_there(name):
    value = getattr(pellucid, name)
    assert value.__module__.startswith("pellucid.")
    assert value.__name__ == name
    assert name in dir(pellucid)


def test_the_names_for_type_checkers_are_those_for_everyone():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    names = {alias.name: node.module for node in block.body for alias in node.names}
    assert names == pellucid._HOME


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="pellucid has no 'sculpt'"):
        pellucid.sculpt  # noqa: B018
