"""A client of the studio, which knows what it was promised."""

import json
import random
import threading
import time

from orders import ORDERS, Order, carry_out, follow, picture, said, submit
from server import MODEL, Gone, Server
from tally import Tally


class Client:
    """Does one thing after the other, as the page would, and begins again what a dead server has forgotten.

    Attributes:
        kept: its sessions whose saving the server has confirmed, by id: these must never be lost.
        unconfirmed: what was sent for a session while the server died: it may have been saved or not.
    """

    def __init__(self, server: Server, number: int, seed: int, expected: dict[Order, str], tally: Tally):
        self.server, self.number, self.expected, self.tally = server, number, expected, tally
        self.rng = random.Random(f"{seed}, {number}")
        self.tab = f"soak-tab-{number:010d}"
        self.picture = picture(server, number)
        self.kept: dict[str, dict] = {}
        self.unconfirmed: dict[str, list[dict]] = {}
        self.name, self.names = "", [""]

    def work(self, ended: threading.Event) -> None:
        """Go on until the end."""
        deeds = [self.run, self.run, self.stop_a_run, self.save, self.save, self.look, self.name_a_unit]
        while not ended.is_set():
            self.do(self.rng.choice(deeds))

    def do(self, deed) -> None:
        """One thing; where the server dies meanwhile, wait for the next one, which knows no runs of the one before."""
        process = self.server.process
        try:
            deed()
        except Gone:
            self.tally.count("answers broken off and asked for again")
            self.server.wait_until_ready()
        except (ValueError, LookupError, TypeError) as error:
            if self.server.process is process:
                self.tally.wrong.append(f"{deed.__name__}: {error}")

    def run(self) -> None:
        """A run, whose picture must be the undisturbed one."""
        order, began = self.rng.choice(ORDERS), time.monotonic()
        found, seconds = carry_out(self.server, self.tab, order)
        self.tally.check(found == self.expected[order], "runs", f"{order} has another picture than when undisturbed")
        if not 0 <= seconds <= time.monotonic() - began + 1:
            self.tally.wrong.append(f"runs: {order} is said to have taken {seconds} s")

    def stop_a_run(self) -> None:
        """A run that is stopped at once."""
        began = time.monotonic()
        job = submit(self.server, self.tab, self.rng.choice(ORDERS))
        said(self.server.ask("POST", f"api/jobs/{job}/stop", {}))
        last, _ = follow(self.server, job)
        right = last["type"] in ("stopped", "done") and 0 <= last["seconds"] <= time.monotonic() - began + 1
        self.tally.check(right, "stopped runs", f"ended as {last}")

    def save(self) -> None:
        """Save one of three sessions. A full disk may refuse it, in one line; then the earlier one stays."""
        id = f"soak-session-{self.number:04d}-{self.rng.randrange(3)}"
        content = self.session()
        self.unconfirmed.setdefault(id, []).append(content)
        before = self.server.emptied
        status, answer = self.server.ask("PUT", f"api/sessions/{id}", content)
        if status == 200:
            self.kept[id] = content
            del self.unconfirmed[id]
            self.tally.count("sessions saved")
            return
        self.unconfirmed[id].remove(content)
        self.refused("a session", status, answer, before)

    def refused(self, what: str, status: int, answer: bytes, emptied: int) -> None:
        """A disk that is full, or was since it had been emptied so often, is a reason, and must be said in one line."""
        full = self.server.filled > emptied
        right = full and status == 400 and answer.startswith(b'{"error":"cannot write')
        self.tally.check(right, "refusals as the disk was full", f"{what} was refused with {status} {answer[:200]!r}")

    def look(self) -> None:
        """Every session must be what was saved last, and in the list."""
        listed = {head["id"] for head in said(self.server.ask("GET", "api/sessions"))["sessions"]}
        for id in {*self.kept, *self.unconfirmed}:
            status, answer = self.server.ask("GET", f"api/sessions/{id}")
            possible = [self.kept.get(id), *self.unconfirmed.get(id, [])]
            found = json.loads(answer) if status == 200 else None
            self.tally.check(found in possible and (found is None or id in listed), "sessions read",
                             f"{id} is lost or damaged, the answer was {status}")  # fmt: skip
            if found is not None:
                self.kept[id], self.unconfirmed[id] = found, []

    def name_a_unit(self) -> None:
        """Read the name of a unit of its own, and give it another one."""
        units = said(self.server.ask("GET", f"api/units?model={MODEL}"))["units"]
        found = units[self.number]["name"]
        self.tally.check(found in self.names, "names read", f"unit {self.number} is called {found!r}")
        new = f"name {self.rng.randrange(10**6)}"
        self.names, before = [found, new], self.server.emptied
        status, answer = self.server.ask("PUT", f"api/units/{self.number}/name", {"model": MODEL, "name": new})
        self.names = [new] if status == 200 else [found]
        if status != 200:
            self.refused("a name", status, answer, before)

    def session(self) -> dict:
        """What is on the page."""
        history = [{"picture": self.picture, "action": "sketch", "note": "3 steps"}] * self.rng.randrange(20)
        about = {"title": f"Session {self.rng.randrange(10**6)}", "model": MODEL, "action": "sketch", "unit": None}
        return {"pellucid_session": 1, **about, "picture": self.picture, "strokes": [], "settings": {},
                "label": "dog", "seed": self.rng.randrange(2**31), "history": history}  # fmt: skip
