"""`pellucid transfer-study`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from ..base.checks import positive_int
from ..base.devices import pick_device, pick_precision
from ..base.errors import InputError
from ..base.files import write_json
from ..base.processes import processes
from ..gallery.save import check_writable
from ..gallery.sidecar import made_by
from ..transfer_learning.recipe import TransferRecipe
from ..transfer_learning.source import SourceFacts, known_sources
from ..transfer_learning.study.advise import advise
from ..transfer_learning.study.analysis import Textures, analyses
from ..transfer_learning.study.cluster import LOCAL, on_cluster
from ..transfer_learning.study.figures import save_tables
from ..transfer_learning.study.jobs import Place, Runner, one_by_one, run_points, side_by_side
from ..transfer_learning.study.printed import cell, printed
from ..transfer_learning.study.study import Study
from ..transfer_learning.study.study_file import read_study
from ..transfer_learning.targets import open_target
from ..zoo.checksum import cache_folder
from ..zoo.models import load
from .flags import INLINE, MachineFlags, QuietFlags
from .parse import parse
from .run import progress_bar
from .table import print_table

ADVICE = ("--study", "--sources", "--targets", "--advise", "--probe", "--root", "--size", "--cache", "--device",
          "--precision", "--quiet", "--layer", "--metric")  # fmt: skip
"""The flags that mean something to `--advise`."""


@dataclass(frozen=True)
class StudyFlags(MachineFlags, QuietFlags):
    """Many sources transferred to many targets, and what that says: by eps, width, accuracy, granularity, texture.

    pellucid transfer-study --sources cifar10-standard cifar10-l2-0.5 --targets photos signs.npz --out study

    Each transfer has a file of its own in the folder; started again, the command computes what is missing.
    """

    study: Path | None = None
    """A .json or .toml with sources, targets, modes, granularities and recipe, in place of those flags."""
    sources: tuple[str, ...] = ()
    """Names of `pellucid models`, or bundles' paths."""
    targets: tuple[str, ...] = ()
    """Folders with train and test, .npz files, torchvision:NAME, or paper:NAME, a data set of the paper."""
    modes: tuple[str, ...] = ("fixed",)
    """fixed, full, or both."""
    granularities: tuple[int, ...] = ()
    """Also with images brought to each of these sides and back: 16 32 64."""
    stylized: tuple[str, ...] = ()
    """A stylized copy of each target, in their order, made by `pellucid stylize-data`: accuracy on both is compared."""
    texture_augmented: tuple[str, ...] = ()
    """Those of the sources that were trained on stylized images."""
    advise: bool = False
    """Only say which source to use for each target, from fixed features of some of its training images."""
    probe: int = 1000
    """How many images that takes."""
    out: Path = Path("transfer-study")
    """A folder for results, tables and figures."""
    jobs: int = 1
    """Transfers at once, each in a process of its own."""
    cluster: str | None = None
    """Run the transfers under Ray: auto for the cluster that this host belongs to, HOST:PORT for another, local for
    one on this host with --jobs workers. On a cluster, --device cuda takes a GPU for each transfer."""
    root: Path = Path("data")
    """Where the data sets of the paper lie, as torchvision expects them."""
    size: int | None = None
    """Side of the images, for sources that do not say which they take."""
    cache: Path | None = None
    """A folder for features; pellucid's own if not given."""
    recipe: Annotated[TransferRecipe, INLINE] = TransferRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(StudyFlags, argv, "transfer-study")
    check_flags(flags, argv)
    study = study_of(flags)
    if processes().count > 1:
        raise InputError("a study's transfers run side by side with --jobs or --cluster; start it without accelerate")
    if flags.advise:
        return tell(flags, study)
    run = runner_of(flags)
    if flags.out.is_file():
        raise InputError(f"{flags.out} is a file; name a folder for the study")
    check_writable(flags.out / "study.json")
    precision = pick_precision(flags.precision, pick_device(flags.device))
    sources = sources_of(study, flags)
    points = study.points(flags.root, flags.size, precision)
    cache = flags.cache or cache_folder() / "features"
    place = Place(flags.out, cache, flags.root, flags.size, flags.device, precision)
    with progress_bar("transfer-study", flags.quiet) as advance:
        results, failed = run_points(points, place, run, advance)
    if results:
        write(flags, argv, study, sources, results)
    if failed:
        raise InputError(f"{len(failed)} of {len(points)} transfers failed: {'; '.join(failed)}")
    return 0


def write(
    flags: StudyFlags, argv: Sequence[str], study: Study, sources: dict[str, SourceFacts],
    results: dict[str, dict[str, Any]],
) -> None:  # fmt: skip
    """Tables and figures of these results, and which they are."""
    textures = Textures(dict(zip(study.targets, study.stylized, strict=False)), study.texture_augmented)
    tables = analyses(list(results.values()), sources, textures)
    figures = save_tables(tables, sources, flags.out)
    facts = made_by("transfer-study", argv, recipe=study.recipe)
    facts |= {"sources": {name: asdict(known) for name, known in sources.items()}, "points": list(results)}
    write_json(flags.out / "study.json", facts)
    if not flags.quiet:
        for table in tables:
            print_table(*printed(table), table.title)
        print(f"{flags.out}  ({len(results)} transfers; {', '.join(path.name for path in figures) or 'no figure'})")


def study_of(flags: StudyFlags) -> Study:
    """The study that a file or the flags describe."""
    if flags.study is not None:
        return read_study(flags.study)
    return Study(**{field.name: getattr(flags, field.name) for field in fields(Study)})


def check_flags(flags: StudyFlags, argv: Sequence[str]) -> None:
    """Raise `InputError` for flags that mean nothing beside `--study` or `--advise`, or without `--advise`."""
    given = [word.partition("=")[0].replace("_", "-") for word in argv if word.startswith("--")]
    ours = {f"--{field.name.replace('_', '-')}" for field in fields(StudyFlags)}
    described = {f"--{field.name.replace('_', '-')}" for field in fields(Study)}
    if flags.study is not None and (twice := [flag for flag in given if flag in described or flag not in ours]):
        raise InputError(f"{flags.study} is the whole study; leave out {' '.join(twice)}, or write it there")
    if flags.advise and (idle := [flag for flag in given if flag not in ADVICE]):
        raise InputError(f"advice is from fixed features at full resolution, and only told; leave out {' '.join(idle)}")
    if not flags.advise and "--probe" in given:
        raise InputError("--probe is for --advise")


def sources_of(study: Study, flags: StudyFlags) -> dict[str, SourceFacts]:
    """The cards of the sources; raises `InputError` for a size that none of them needs."""
    known = known_sources(list(study.sources))
    if flags.size is not None and all(facts.size for facts in known.values()):
        raise InputError("every source says which images it takes; leave out --size")
    return known


def runner_of(flags: StudyFlags) -> Runner:
    """How the transfers are carried out."""
    positive_int("jobs", flags.jobs)
    if flags.cluster is None:
        return one_by_one if flags.jobs == 1 else partial(side_by_side, jobs=flags.jobs)
    if flags.jobs > 1 and flags.cluster != LOCAL:
        raise InputError(f"the cluster at {flags.cluster} decides how many transfers run at once; leave out --jobs")
    return partial(on_cluster, address=flags.cluster, jobs=flags.jobs)


def tell(flags: StudyFlags, study: Study) -> int:
    """Print which source to use for each target."""
    known = sources_of(study, flags)
    sources = {name: load(name, flags.device) for name in study.sources}
    precision = pick_precision(flags.precision, pick_device(flags.device))
    for target in study.targets:
        with progress_bar(f"advise {target}", flags.quiet) as advance:
            advice = advise(
                sources, lambda size, target=target: open_target(target, flags.root, size or flags.size),
                images=flags.probe, layer=study.recipe.layer, metric=study.recipe.metric,
                cache=flags.cache or cache_folder() / "features", precision=precision, callback=advance,
            )  # fmt: skip
        rows = [
            (name, cell(known[name].eps), f"{100 * accuracy:.2f}", f"[{100 * low:.2f}, {100 * high:.2f}]",
             f"{100 * share:.0f} %")
            for name, accuracy, (low, high), share in zip(
                advice.sources, advice.accuracies, advice.intervals, advice.shares, strict=True
            )
        ]  # fmt: skip
        print_table(("source", "eps ", "accuracy ", "95%", "best in "), rows, target)
        print(advice)
    return 0
