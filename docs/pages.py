"""Pages of the site that are made from the code when it is built: the commands, and the recipes."""

from __future__ import annotations

import ast
import inspect
import io
import json
import os
import re
from contextlib import redirect_stdout, suppress
from dataclasses import fields, is_dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

os.environ["COLUMNS"] = "84"  # the width of a command's --help

# The tasks in the order of the page, each with the module that holds its recipe and its presets.
RECIPES = {
    "GenerateRecipe": "synthesis.generate", "InpaintRecipe": "synthesis.inpaint", "BrushRecipe": "synthesis.brush",
    "TranslateRecipe": "synthesis.translate", "SuperresRecipe": "synthesis.superres",
    "SketchRecipe": "synthesis.sketch", "PaintRecipe": "synthesis.paint",
    "TextToImageRecipe": "synthesis.text_to_image",
    "InvertRecipe": "representation.invert", "InterpolateRecipe": "representation.interpolate",
    "VisualizeRecipe": "representation.visualize", "DistanceRecipe": "representation.distance",
    "ManipulateRecipe": "representation.manipulate", "StylizeRecipe": "style.recipe",
    "TrainRecipe": "training.recipe", "Attack": "training.recipe", "EvaluateRecipe": "evaluation.accuracy",
    "CertifyRecipe": "evaluation.certify",
    "LayersRecipe": "evaluation.layers", "TransferabilityRecipe": "evaluation.transferability",
    "TransferRecipe": "transfer_learning.recipe", "StylizeDataRecipe": "transfer_learning.stylized",
    "QualityRecipe": "evaluation.quality", "SimilarityRecipe": "evaluation.similarity",
    "NonrobustRecipe": "training.nonrobust", "TransferabilityStudyRecipe": "training.transferability_study",
    "ConvertRecipe": "zoo.convert",
}  # fmt: skip
OUTSIDE = re.compile(
    r"""<(?:script|img|iframe|source|link rel="(?:stylesheet|preconnect|icon)")[^>]*"https?://[^>]*>"""
)
SHIM = "https://unpkg.com/iframe-worker/shim"
RECIPES_LEAD = """# Recipes

The settings of each task. The same class is the Python API, the command's flags and the studio's form: `eps` in Python
is `--eps` on the command line. *Per px* is a length in proportion to the side of the images: 0.25 per px is 8 at 32 px,
16 at 64 px and 32 at 128 px. Presets are published settings (`--preset NAME`); the comments say where the numbers are
from."""
SAMPLES = """from pathlib import Path

import pellucid as pl

if not Path("samples").exists():
    pl.samples()"""  # the first cell of a notebook that takes pictures from there
PRESETS = {"training.recipe": "training.presets"}  # where they are in a module of their own


def on_files(files, config):
    """Add the pages to those that MkDocs builds."""
    from mkdocs.structure.files import File

    for path, text in (("reference/commands.md", commands()), ("reference/recipes.md", recipes())):
        files.append(File.generated(config, path, content=text))
    for file in [file for file in files.documentation_pages() if is_notebook(file.src_uri)]:
        path = file.src_uri.removesuffix(".md") + ".ipynb"
        files.append(File.generated(config, path, content=notebook(file.content_string)))
    return files


def on_page_markdown(markdown, page, config, files):
    """A tutorial has a link to itself as a notebook below its title."""
    if not is_notebook(page.file.src_uri):
        return markdown
    name = Path(page.file.src_uri).with_suffix(".ipynb").name
    return markdown.replace("\n", f"\n\n[This page as a notebook]({name})\n", 1)


def on_page_content(html, page, config, files):
    """A picture is a link to itself: on a phone eight in a row are small."""
    return re.sub(r'(<img alt="[^"]*" src="([^"]+)" */?>)', r'<a href="\2">\1</a>', html)


def on_post_page(output, page, config):
    """The theme takes a script for searching from a folder from another host; the site has its own."""
    return output.replace(SHIM, "../" * page.url.count("/") + "worker.js")


def on_post_template(output_content, template_name, config):
    """The same for the page of an address that is not there."""
    return output_content.replace(SHIM, "worker.js")


def on_post_build(config):
    """Stop if a page would ask another host for anything: a script, a style, a font, a picture."""
    for page in Path(config.site_dir).rglob("*.html"):
        if found := OUTSIDE.search(page.read_text(encoding="utf-8")):
            raise ValueError(f"{page.name} asks another host: {found[0]}")


def is_notebook(path: str) -> bool:
    """Whether a page is also to be had as a notebook."""
    return path.startswith("tutorials/") and path not in ("tutorials/index.md", "tutorials/lesson.md")


def notebook(text: str) -> str:
    """A page as a notebook: its snippets and command lines are cells, and so is the text between them."""
    cells: list[dict] = []
    saved = r"^(\w+(?:\[-1\])?)\.save\((.*)\)$"
    for number, part in enumerate(re.split(r"^```(python\n.*?|\npellucid .*?)^```\n", text, flags=re.M | re.S)):
        kind = "code" if number % 2 else "markdown"
        source = part.removeprefix("python").strip()
        if kind == "code" and not part.startswith("python"):
            source = shown(source)
        if kind == "code" and (made := re.findall(saved, source, flags=re.M)):
            source = re.sub(saved, r"\1.save(\2, overwrite=True)", source, flags=re.M)
            source += f"\ndisplay({', '.join(name for name, _ in made)})"
        source = re.sub(r"!\[.*?\]\(.*?\)\n?|<div.*?</div>\n?", "", source) if kind == "markdown" else source
        if cells and (printed := re.match(r"```text\n(.*?)```\s*", source, flags=re.S)):
            cells[-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": printed[1]}]
            source = source[printed.end() :]
        extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
        if source.strip():
            cells.append({"cell_type": kind, "metadata": {}, "source": source, **extra})
    if "samples/" in text:
        cells.insert(
            0, {"cell_type": "code", "metadata": {}, "source": SAMPLES, "outputs": [], "execution_count": None}
        )
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}, indent=1)


def shown(lines: str) -> str:
    """Commands as a cell that shows the pictures which they write, and may be run again."""
    written = r"--(?:out|gif|save-frames) (\S+\.(?:png|gif))"
    cells = [f"!{line}" + " --overwrite" * bool(re.search("--out|rerun", line)) for line in lines.splitlines()]
    show = ", ".join(f'Image("{file}")' for file in re.findall(written, lines))
    return "\n".join([*cells, *(["from IPython.display import Image", f"display({show})"] if show else [])])


def commands() -> str:
    """Every command with what its `--help` prints."""
    from pellucid.cli.main import COMMANDS, main

    parts = ["# Commands\n\nWhat `pellucid COMMAND --help` prints. `pellucid --help` lists the commands."]
    for name, about in COMMANDS.items():
        out = io.StringIO()
        with redirect_stdout(out), suppress(SystemExit):
            main([name, "--help"])
        parts.append(f"## pellucid {name}\n\n{about[0].upper()}{about[1:]}.\n\n```text\n{out.getvalue().strip()}\n```")
    return "\n\n".join(parts) + "\n"


def recipes() -> str:
    """Every recipe: its fields with defaults, and its presets as the source has them, with their comments."""
    parts = [RECIPES_LEAD]
    for name, place in RECIPES.items():
        module = import_module(f"pellucid.{place}")
        recipe = getattr(module, name)
        parts.append(f"## {name}\n\n{inspect.cleandoc(recipe.__doc__).splitlines()[0]}\n\n{table(recipe)}")
        if name != "Attack" and (found := presets(import_module(f"pellucid.{PRESETS.get(place, place)}"))):
            parts.append(f'??? note "Presets of {name}"\n\n    ```python\n{indented(found)}\n    ```')
    return "\n\n".join(parts) + "\n"


def table(recipe: type) -> str:
    """A row for each field: its name, its default and the text under it."""
    texts: dict[str, str] = {}
    for kind in reversed(recipe.__mro__[:-1]):
        texts |= field_texts(kind)
    rows = ["| setting | default | |", "|---|---|---|"]
    for field in fields(recipe):
        value = field.default
        shown = f"`{type(value).__name__}()`" if is_dataclass(value) else f"`{value!r}`".replace("|", "\\|")
        text = " ".join(texts.get(field.name, "").split()).replace("|", "\\|").replace("<", "&lt;")
        rows.append(f"| `{field.name}` | {shown} | {text} |")
    return "\n".join(rows)


def field_texts(kind: type) -> dict[str, str]:
    """The docstrings under a class's own fields."""
    body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    texts = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            texts[field.target.id] = ast.literal_eval(text.value)
    return texts


def presets(module: ModuleType) -> str:
    """The source of a module's `PRESETS`, comments included; empty if there are none."""
    source = Path(module.__file__ or "").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(targets[0], ast.Name) and targets[0].id == "PRESETS":
            return "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno])
    return ""


def indented(text: str) -> str:
    """Four spaces before each line."""
    return "\n".join(f"    {line}" for line in text.splitlines())
