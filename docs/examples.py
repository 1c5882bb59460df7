"""A griffe extension: the examples in docstrings are shown as code."""

import re

from griffe import Extension, Object

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!>>> ).+\n?)*)+", re.MULTILINE)  # prompts, continuations and what is printed
EQUATION = re.compile(r"^(.*?):   (.+)$", re.MULTILINE)  # a summary that ends in an equation


class Examples(Extension):
    """Fences every doctest, and gives the equation after a summary a line of its own."""

    def on_object(self, *, obj: Object, **kwargs) -> None:
        if obj.docstring is not None:
            text = EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", obj.docstring.value)
            obj.docstring.value = EQUATION.sub(r"\1:\n\n    \2", text, count=1)
