"""Scenarios: the studio under clients, while its disk fills up, its clock jumps, and it is killed."""

import random
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from client import Client
from orders import ORDERS, carry_out
from server import Server
from tally import Tally

CLIENTS = 20
DAY = 86400.0
JUMPS = (-3650 * DAY, -DAY, -3600.0, 3600.0, DAY, 3650 * DAY)
LEAST = 10.0  # seconds of work, however slow the start was
GROWTH = 1.05  # of memory, at most, after the warm-up

Fault = Callable[[Server, random.Random, Tally], None]


def full_disk(server: Server, rng: random.Random, tally: Tally) -> None:
    """For a few seconds no file can be written whole."""
    server.fill_disk(rng.randrange(500))
    time.sleep(rng.uniform(0.5, 3))
    server.empty_disk()
    tally.faults["full disks"] += 1


def clock_jump(server: Server, rng: random.Random, tally: Tally) -> None:
    """The time of day is another one, by hours or by years."""
    server.set_clock(rng.choice(JUMPS))
    tally.faults["clock jumps"] += 1


def kill(server: Server, rng: random.Random, tally: Tally) -> None:
    """kill -9, every second time on a full disk, and a new start on the same folder."""
    if rng.random() < 0.5:
        server.fill_disk(rng.randrange(500))
        time.sleep(rng.uniform(0, 0.5))
    server.kill()
    tally.faults["kills"] += 1
    server.start()


def memory_stays(folder: Path, seconds: float, seed: int) -> Tally:
    """Full disks and clock jumps; resident memory after half of the time, against that at the end."""
    tally = Tally("studio, never killed")
    sizes: list[tuple[float, float]] = []

    def watch(server: Server, share: float) -> None:
        sizes.append((share, server.memory()))

    under_clients(folder, seconds, seed, tally, [full_disk, clock_jump], watch)
    warm, end = (
        statistics.median(size for share, size in sizes if first <= share < first + 0.1) for first in (0.5, 0.9)
    )
    tally.figures.append(f"{warm:.0f} MiB after the warm-up, {end:.0f} MiB at the end")
    if end > GROWTH * warm:
        tally.wrong.append(f"memory grew from {warm:.0f} to {end:.0f} MiB")
    return tally


def killed(folder: Path, seconds: float, seed: int) -> Tally:
    """kill -9 in the middle of runs and of savings, full disks and clock jumps."""
    tally = Tally("studio, killed and started again")
    under_clients(folder, seconds, seed, tally, [kill, full_disk, kill, clock_jump])
    return tally


def under_clients(
    folder: Path, seconds: float, seed: int, tally: Tally, faults: list[Fault],
    watch: Callable[[Server, float], None] = lambda server, share: None,
) -> None:  # fmt: skip
    """Twenty clients work while one fault follows the other; in the end every session must be there."""
    began, server, ended = time.monotonic(), Server(folder), threading.Event()
    try:
        expected = {order: carry_out(server, "undisturbed-0123456789", order)[0] for order in ORDERS}
        clients = [Client(server, number, seed, expected, tally) for number in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            working = [pool.submit(client.work, ended) for client in clients]
            working.append(pool.submit(disturb, server, random.Random(seed), tally, faults, ended))
            start = time.monotonic()
            end = max(began + seconds, start + LEAST)
            try:
                while (now := time.monotonic()) < end:
                    watch(server, (now - start) / (end - start))
                    time.sleep(0.2)
            finally:
                ended.set()
        for worker in working:
            worker.result()  # raises what ended it, if that was not the time
        for client in clients:
            client.do(client.look)
            client.do(client.name_a_unit)
    finally:
        server.kill()
    tally.figures.append(f"{sum(len(client.kept) for client in clients)} sessions kept")
    if tally.wrong:
        print("".join(server.log))


def disturb(server: Server, rng: random.Random, tally: Tally, faults: list[Fault], ended: threading.Event) -> None:
    """One fault after the other, at random moments."""
    while True:
        for fault in faults:
            if ended.wait(rng.uniform(0.5, 4)):
                return
            fault(server, rng, tally)
