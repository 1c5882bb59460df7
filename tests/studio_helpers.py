"""A studio that really serves, in a thread, and a client that says exactly what it is told to."""

import base64
import http.client
import io
import json
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from pellucid.studio.runs.frames import Frame
from pellucid.studio.studio import Settings, Studio
from pellucid.studio.web.server import bind, server

TAB = "tab-0123456789abcdef"
OWN = {"X-Pellucid": "1"}


@contextmanager
def serving(settings, host="127.0.0.1", token=None, public=None):
    """A served studio, as soon as its classifier is loaded."""
    studio = Studio(settings)
    listener = bind("127.0.0.1", 0)
    running = server(studio, host, token, public)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    client = Client(listener.getsockname()[1], studio, settings.model)
    try:
        wait_until(lambda: studio.models.ready or studio.models.error)
        yield client
    finally:
        studio.close()
        running.should_exit = True
        thread.join(180)
        listener.close()


def wait_until(true):
    end = time.monotonic() + 180  # the machine may be busy, and only a failure waits so long
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


class Client:
    """Talks to a served studio."""

    def __init__(self, port, studio, model):
        self.port, self.studio, self.model = port, studio, model

    def request(self, method, path, body=None, headers=OWN):
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **query):
        """The JSON of an answer that is all right."""
        if query:
            path += "?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        status, _, body = self.request("GET", path)
        assert status == 200, body
        return json.loads(body)

    def send(self, method, path, body):
        """The JSON of an answer that is all right."""
        status, _, answer = self.request(method, path, json.dumps(body))
        assert status == 200, answer
        return json.loads(answer)

    def refused(self, method, path, body=None, status=400, headers=OWN):
        """The one line of an answer that says no."""
        body = json.dumps(body) if isinstance(body, (dict, list)) else body
        found, _, answer = self.request(method, path, body, headers)
        assert found == status, answer
        line = json.loads(answer)["error"]
        assert line
        assert "\n" not in line
        assert "Traceback" not in line
        return line

    def run(self, action, tab=TAB, **fields):
        """The id of a new run."""
        return self.send("POST", "/api/jobs", {"tab": tab, "action": action, "model": self.model, **fields})["job"]

    def listen(self, job, after=-1):
        """Everything a run tells, until it is over."""
        with self.listening(job, after) as lines:
            return list(lines)

    @contextmanager
    def listening(self, job, after=-1):
        """Within, an iterator over what a run tells."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", f"/api/jobs/{job}/events?after={after}", headers=OWN)
            answer = connection.getresponse()
            assert answer.status == 200
            yield (json.loads(line) for line in answer if line.strip())
        finally:
            connection.close()

    def finish(self, action, **fields):
        """Run an action to its end; its id and what it told."""
        job = self.run(action, **fields)
        last = self.listen(job)[-1]
        assert last["type"] == "done", last
        return job, self.listen(job)  # with all frames: on a busy machine the first may have missed some


@contextmanager
def serving_from(folder, settings, **options):
    """The same, with its state and its cache in this folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_STATE", str(folder / "state"))
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        with serving(settings, **options) as client:
            yield client


def settings(model, **others):
    return Settings(model=str(model), device="cpu", **others)


def as_png(pixels):
    """`(H, W, 3)` bytes, or `(3, H, W)` in [0, 1], as base64 of a PNG."""
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        array = (array.transpose(1, 2, 0) * 255).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def from_png(data):
    """A PNG's pixels, `(H, W, 3)` bytes."""
    data = base64.b64decode(data) if isinstance(data, str) else data
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def as_mask(array):
    """A boolean array as a mask is posted."""
    rows = np.asarray(array, dtype=np.uint8)
    content = base64.b64encode(rows.tobytes()).decode()
    return {"width": rows.shape[1], "height": rows.shape[0], "bytes": content}


def box(side, left, top, right, bottom):
    """A mask with a rectangle painted."""
    painted = np.zeros((side, side), bool)
    painted[top:bottom, left:right] = True
    return as_mask(painted)


def shot(number=0, size=10):
    return Frame(number, number, 100, None, b"x" * size, 1, 1, [], None)


def session(**changes):
    picture = as_png(np.full((16, 16, 3), 90, np.uint8))
    return {
        "pellucid_session": 1,
        "title": "A fox",
        "model": "cifar10-l2-0.5",
        "action": "sketch",
        "picture": picture,
        "mask": box(16, 1, 1, 4, 4),
        "strokes": [{"mask": box(16, 1, 1, 4, 4), "unit": 3, "strength": 1.5, "on": False}],
        "settings": {"sketch": {"steps": 5, "eps": None}},
        "label": "dog",
        "optional": "ship",
        "unit": None,
        "seed": 7,
        "factor": 8,
        "history": [
            {"picture": picture, "action": "sketch", "note": "40 steps"},
            {
                "picture": picture,
                "action": "sketch",
                "note": "dog",
                "run": {
                    "job": "x1",
                    "action": "sketch",
                    "model": "cifar10-l2-0.5",
                    "label": "dog",
                    "seed": 3,
                    "settings": {"steps": 5},
                },
            },
        ],
        **changes,
    }
