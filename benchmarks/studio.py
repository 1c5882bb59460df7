"""The studio: from a click to the first new frame, what watching costs, how soon it is there, and what many runs leave.

python benchmarks/studio.py                 with the bundled classifier, over HTTP on 127.0.0.1
python benchmarks/studio.py --runs 200      how much memory that many short runs take
"""

import argparse
import base64
import io
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import psutil
from common import place

MODEL = "cifar10-l2-0.5"
RECIPE = {"steps": 40, "eps": 6.0, "step_size": 0.25}


class Studio:
    """A studio in a process of its own."""

    def __init__(self, folder: str):
        environment = {**os.environ, "PELLUCID_STATE": f"{folder}/state", "PELLUCID_CACHE": f"{folder}/cache"}
        self.began = time.perf_counter()
        command = [sys.executable, "-m", "pellucid", "studio", "--device", "cpu", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        self.url = self.process.stdout.readline().split()[2]

    def ask(self, path: str, body: dict | None = None):
        return json.load(self.open(path, body))

    def open(self, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(urllib.request.Request(self.url + path, data, {"X-Pellucid": "1"}), timeout=60)

    def since_start(self) -> float:
        return time.perf_counter() - self.began

    def sketch(self, picture: str, number: int = 0, steps: int = 40) -> tuple[float, float]:
        """Seconds to the first frame after the start, and to the end."""
        began, first = time.perf_counter(), None
        body = {
            "tab": f"benchmark-{number % 5:08d}",
            "action": "sketch",
            "model": MODEL,
            "label": "dog",
            "picture": picture,
        }
        job = self.ask("api/jobs", {**body, "picture": picture, "settings": {**RECIPE, "steps": steps}})["job"]
        with self.open(f"api/jobs/{job}/events") as lines:
            for line in lines:
                if line.strip():
                    message = json.loads(line)
                    if first is None and message.get("number", 0) > 0:
                        first = time.perf_counter() - began
        assert message["type"] == "done", message
        return first, time.perf_counter() - began

    def end(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


def bare(picture: str):
    """The library's own call on the same picture, as a function."""
    import pellucid as pl
    from pellucid.data.image import decode_image, to_tensor

    classifier = pl.load(MODEL, "cpu")
    start = to_tensor(decode_image(io.BytesIO(base64.b64decode(picture)), "start"))[None]
    return lambda: pl.sketch(classifier, start, ["dog"], pl.SketchRecipe(**RECIPE))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--runs", type=int, default=0)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(folder)
        studio.open("")
        page = studio.since_start()
        while not studio.ask("api/state")["ready"]:
            time.sleep(0.05)
        ready = studio.since_start()
        picture = studio.ask("api/start", {"model": MODEL, "kind": "class", "label": "cat", "seed": 1})["picture"]
        try:
            print(place())
            print(f"start of the process to page {page:.2f} s, to a loaded classifier {ready:.2f} s")
            if flags.runs:
                memory(studio, picture, flags.runs)
            else:
                watching(studio, picture, flags.rounds)
        finally:
            studio.end()


def watching(studio: Studio, picture: str, rounds: int) -> None:
    alone = bare(picture)
    alone()
    studio.sketch(picture)
    firsts, shares, seconds = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        alone()
        bare_seconds = time.perf_counter() - began
        first, whole = studio.sketch(picture)
        firsts.append(first)
        shares.append(whole / bare_seconds)
        seconds.append((bare_seconds, whole))
    ours, theirs = (statistics.median(times) for times in zip(*seconds, strict=True))
    print(f"click to the first new frame: median {statistics.median(firsts):.3f} s, slowest {max(firsts):.3f} s")
    print(f"a sketch of {RECIPE['steps']} steps: {ours:.3f} s by the library, {theirs:.3f} s watched in the studio")
    print(f"ratio, median of {rounds} rounds in turns: {statistics.median(shares):.3f}")


def memory(studio: Studio, picture: str, runs: int) -> None:
    process = psutil.Process(studio.process.pid)
    for number in range(1, runs + 1):
        studio.sketch(picture, number, steps=2)
        if number % (runs // 4) == 0:
            print(f"after {number:4d} runs: {process.memory_info().rss / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
