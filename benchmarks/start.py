"""How long it takes until something is there: medians of processes that start cold.

python benchmarks/start.py [--rounds 7]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

from common import place
from studio import Studio


def seconds(words: list[str], folder: str) -> float:
    """Of one process with these words after `python`."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - began


def page(folder: str) -> float:
    """Until the studio has served its page."""
    studio = Studio(folder)
    try:
        studio.open("").read()
        return studio.since_start()
    finally:
        studio.process.kill()
        studio.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    flags = parser.parse_args()
    print(f"{place()}; seconds, the median of {flags.rounds} rounds in turns")
    generate = ["generate", "--classes", "zebra", "--count", "1", "--overwrite", "--quiet", "--out", "one.png"]
    sides = {
        "python alone": ["-c", "pass"],
        "import pellucid": ["-c", "import pellucid"],
        "pellucid --help": ["-m", "pellucid", "--help"],
        "import torch": ["-c", "import torch"],
        "pellucid generate, one image": ["-m", "pellucid", *generate],
    }
    with tempfile.TemporaryDirectory() as folder:
        times: dict[str, list[float]] = {}
        for number in range(flags.rounds + 1):
            for name, words in sides.items():
                times.setdefault(name, []).append(seconds(words, folder))
            times.setdefault("studio, until its page", []).append(page(os.path.join(folder, str(number))))
    for name, measured in times.items():
        print(f"{name:<30} {statistics.median(measured[1:]):6.2f}")  # the first round fills the disk's cache


if __name__ == "__main__":
    main()
