"""The runs that clients ask for, and what each of them yields when nothing disturbs it."""

import base64
import hashlib
import http.client
import json
from itertools import product
from urllib.error import HTTPError

from server import MODEL, Gone, Server

SIDE = 32
PAINTED = base64.b64encode(bytes(8 <= column < 20 and 6 <= row < 24 for row, column in product(range(SIDE), repeat=2)))
ACTIONS = {
    "generate": {},
    "sketch": {"picture": None},
    "translate": {"picture": None},
    "inpaint": {"picture": None, "mask": {"width": SIDE, "height": SIDE, "bytes": PAINTED.decode()}},
}
Order = tuple[str, str, int]
"""An action, a class and a seed."""
ORDERS: list[Order] = list(product(ACTIONS, ("dog", "ship"), (0, 1)))


def carry_out(server: Server, tab: str, order: Order) -> tuple[str, float]:
    """Run an order to its end: the sha256 of the picture, and the seconds that the studio says it took.

    Raises `Gone` where the server is killed meanwhile, and `ValueError` where it answers as it should not.
    """
    last, job = follow(server, submit(server, tab, order))
    if last["type"] != "done":
        raise ValueError(f"{order} ended as {last}")
    status, png = server.ask("GET", f"api/jobs/{job}/result.png")
    sidecar_status, sidecar = server.ask("GET", f"api/jobs/{job}/result.json")
    if (status, sidecar_status) != (200, 200) or json.loads(sidecar)["seed"] != order[2]:
        raise ValueError(f"the result of {order} came with {status}, its JSON with {sidecar_status}")
    return hashlib.sha256(png).hexdigest(), last["seconds"]


def submit(server: Server, tab: str, order: Order) -> str:
    """The id of a new run."""
    action, label, seed = order
    given = {name: value or picture(server, seed) for name, value in ACTIONS[action].items()}
    body = {"tab": tab, "action": action, "model": MODEL, "label": label, "seed": seed, "settings": {"steps": 3}}
    return said(server.ask("POST", "api/jobs", {**body, **given}))["job"]


def follow(server: Server, job: str) -> tuple[dict, str]:
    """The last message of a run, and its id."""
    last = {}
    try:
        with server.open("GET", f"api/jobs/{job}/events") as lines:
            for line in lines:
                if line.strip() and line.endswith(b"\n"):
                    last = json.loads(line)
    except HTTPError as error:
        raise ValueError(f"a run's stream was answered with {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Gone(str(error)) from None
    if last.get("type") not in ("done", "stopped", "failed"):
        raise Gone("the stream broke off")
    return last, job


def picture(server: Server, seed: int) -> str:
    """A picture to begin with, as base64 of a PNG."""
    return said(server.ask("POST", "api/start", {"model": MODEL, "kind": "class", "label": "cat", "seed": seed}))[
        "picture"
    ]


def said(answer: tuple[int, bytes]) -> dict:
    """The JSON of an answer that is all right; `ValueError` for any other."""
    status, content = answer
    if status != 200:
        raise ValueError(f"answered with {status}: {content[:300]!r}")
    return json.loads(content)
