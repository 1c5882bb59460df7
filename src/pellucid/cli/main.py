"""`pellucid COMMAND ...`: finds the command, and turns mistakes into one line."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from ..base.errors import InputError, unknown
from ..base.memory import keep_freed_memory

COMMANDS = {
    "demo": "the gallery: every task on the bundled classifiers, into ./pellucid-demo/index.html",
    "samples": "photos, drawings and a small data set to try everything with",
    "models": "what can be loaded",
    "show": "one classifier: its card, layers, parameters and cost",
    "convert": "a published checkpoint as a bundle, executing nothing in it",
    "export": "a classifier for torchvision, timm or ONNX",
    "gaussians": "fit class Gaussians, from which generate draws its seeds, to a data set",
    "train": "train a standard or an adversarially robust classifier",
    "evaluate": "clean accuracy, and accuracy under PGD and AutoAttack",
    "certify": "within which radius a classifier, smoothed by noise, provably keeps its predictions",
    "quality": "generated images as a set: Inception Score, FID, KID, precision and recall",
    "transferability": "adversarial examples of each model, tried on every other",
    "transferability-study": "do examples transfer to whoever learns the same non-robust features?",
    "layers": "how robust each layer is",
    "statistics": "superres, inpaint, invert or translate over a test set: means with intervals",
    "generate": "images of a class, from class Gaussian seeds, noise, gray or patterns",
    "text-to-image": "images of what words say, under a CLIP",
    "similarity": "how unlike images look to a classifier",
    "similarity-study": "how good a perceptual distance each classifier gives",
    "inpaint": "fill in a region of an image",
    "brush": "brush a class onto a region of an image",
    "translate": "turn an image into one of another class",
    "superres": "enlarge a small image",
    "sketch": "turn a drawing into an image of a class",
    "paint": "paint units of the representation onto an image",
    "invert": "recover images from their representations",
    "interpolate": "walk from one image to another through their representations",
    "visualize": "what maximizes units, channels, directions and classes",
    "activating": "the images of a data set that activate a unit most and least",
    "distance": "how near an image can be brought to another's representation, by how far it moves",
    "manipulate": "add a feature to images, and no more of it than it takes",
    "stylize": "the content of one picture in the style of others",
    "compare-style": "style transfer with several networks at equal budgets, as one page",
    "transfer": "how well a source serves for other classes: fixed features, or fine-tuned",
    "stylize-data": "a copy of a data set with other textures, to see who relies on them",
    "transfer-study": "many sources transferred to many targets: by eps, width, accuracy and granularity",
    "report": "every figure and table of the papers, published beside measured",
    "studio": "the local web app: draw, paint with features, and watch a classifier think",
    "rerun": "repeat a result from its JSON sidecar",
}

# What is there after Ctrl-C, of the commands that write before they are done.
AGAIN = "what is finished is kept, and the same command goes on"
KEPT = {
    "train": "the last checkpoint, if there is one yet, is kept: go on with --resume",
    "transfer-study": AGAIN,
    "stylize-data": AGAIN,
    "report": AGAIN,
    "certify": AGAIN,
    "transferability-study": AGAIN,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0, 2 for a mistake of the user's, 130 for Ctrl-C."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(overview())
        return 0
    if argv[0] == "--version":
        from .. import __version__

        print(f"pellucid {__version__}")
        return 0
    name, rest = argv[0], argv[1:]
    warnings.showwarning = _warn
    keep_freed_memory()
    try:
        if name not in COMMANDS:
            raise unknown("command", name, COMMANDS)
        return import_module(f".{name.replace('-', '_')}", __package__).main(rest) or 0
    except InputError as error:
        print(f"pellucid{f' {name}' if name in COMMANDS else ''}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupted:
        told = str(interrupted) or KEPT.get(name, "nothing was written")
        print(f"pellucid {name}: interrupted; {told}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as in `pellucid models | head`
        sys.stderr.close()
        return 0
    except OSError as error:  # a full disk, a name that is too long
        print(f"pellucid {name}: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if (asked := memory_asked_for(str(error))) is None:
            raise
        print(f"pellucid {name}: there is no memory for the {asked} that this takes at once; "
              "give smaller images, or fewer", file=sys.stderr)  # fmt: skip
        return 2


def memory_asked_for(text: str) -> str | None:
    """How much memory PyTorch says that it did not get; None if it says nothing of the kind.

    >>> memory_asked_for("DefaultCPUAllocator: can't allocate memory: you tried to allocate 120000000000 bytes.")
    '111.8 GiB'
    """
    match = re.search(r"[Tt]ried to allocate ([\d.]+) (bytes|[KMG]iB)", text)
    if match is None:
        return None
    return f"{int(match[1]) / 2**30:.1f} GiB" if match[2] == "bytes" else f"{match[1]} {match[2]}"


def overview() -> str:
    """The text of `pellucid --help`."""
    lines = [f"  {name:<23}{text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: pellucid COMMAND [flags]      (pellucid COMMAND --help lists a command's flags)",
            "",
            "A robust classifier is a prior on images. The commands:",
            "",
            *lines,
        ]
    )


def _warn(message, category, filename, lineno, file=None, line=None) -> None:
    if issubclass(category, UserWarning):
        print(f"warning: {message}", file=sys.stderr)
