"""The soak: everything that promises to keep what people made, disturbed for some minutes.

python benchmarks/soak --seconds 600          or: make soak

Needs Linux: a full disk is a limit on the size of a process's files. It ends with 1 if anything was lost or wrong.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parent.parent))

import studio
import works
from common import place
from tally import table


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("soak.md"))
    flags = parser.parse_args()
    began, tallies = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="pellucid-soak-") as name:
        folder = Path(name)
        for part in ("works", "memory", "killed"):
            (folder / part).mkdir()
        tallies += works.killed(folder / "works", 0.5 * flags.seconds, flags.seed)
        tallies.append(studio.memory_stays(folder / "memory", 0.3 * flags.seconds, flags.seed))
        left = began + flags.seconds - time.monotonic() - 5
        tallies.append(studio.killed(folder / "killed", max(20.0, left), flags.seed))
    text = f"{time.monotonic() - began:.0f} s, seed {flags.seed}, {place()}\n\n{table(tallies)}"
    flags.out.write_text(text)
    print(text)
    wrong = [line for tally in tallies for line in tally.wrong]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
