"""`pellucid studio` as a user starts and ends it, and what `pellucid rerun` does with a studio's sidecar."""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest
from helpers import images
from studio_helpers import as_png, wait_until

from pellucid.cli.main import main
from pellucid.studio.kept.models import Models
from pellucid.studio.web import server
from pellucid.studio.web.server import bind

PICTURE = as_png(images(1, size=16)[0])


@pytest.fixture
def refused(capsys):
    """Runs `pellucid studio`, which must say one line and end."""

    def refused(*words):
        assert main(["studio", *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        return err

    return refused


def test_it_answers_before_torch_is_imported_and_ctrl_c_ends_a_running_descent(tiny_bundle, tmp_path):
    environment = {**os.environ, "PELLUCID_STATE": str(tmp_path / "state"), "PELLUCID_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "pellucid", "studio", "--model", str(tiny_bundle), "--device=cpu", "--port=0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("pellucid studio: http://127.0.0.1:")
            place = line.split()[2]

            def ask(path, body=None):
                data = None if body is None else json.dumps(body).encode()
                request = urllib.request.Request(place + path, data, {"X-Pellucid": "1"})
                return json.load(urllib.request.urlopen(request, timeout=30))

            first = ask("api/state")
            assert first["ready"] is False
            assert first["loading"]["what"] == "importing"
            wait_until(lambda: ask("api/state")["ready"], 60)
            run = {"tab": "a" * 16, "action": "sketch", "model": str(tiny_bundle), "label": "cat", "picture": PICTURE}
            job = ask("api/jobs", {**run, "settings": {"steps": 10_000}})["job"]
            events = urllib.request.Request(f"{place}api/jobs/{job}/events", headers={"X-Pellucid": "1"})
            with urllib.request.urlopen(events, timeout=30) as stream:
                stream.readline()
                process.send_signal(signal.SIGINT)
                assert process.wait(30) == 0
            assert process.stdout.read() == ""
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def test_nothing_heavy_is_imported_to_serve():
    heavy = {"torch", "torchvision", "timm", "numpy", "PIL"}
    code = f"import sys, pellucid.cli.studio, pellucid.studio.web.server; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_port_that_is_taken_is_said(refused):
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        line = refused("--port", str(port))
    assert line.startswith(f"pellucid studio: cannot serve at 127.0.0.1, port {port}: Address already in use")
    assert f"--port {port + 1}" in line


def test_what_cannot_be_served_is_said_in_one_line(refused):
    assert "0 to 65535, not 99999" in refused("--port", "99999")
    assert "cannot serve at 999.1.2.3" in refused("--host", "999.1.2.3")


def test_without_the_extra_it_says_what_to_install(refused, monkeypatch):
    monkeypatch.delitem(sys.modules, "pellucid.studio.web.server")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert 'pip install "pellucid[studio]"' in refused()


@pytest.mark.parametrize(("host", "token"), [("127.0.0.1", ""), ("0.0.0.0", r"\?token=([\w-]{43})")])
def test_the_printed_address_is_opened_and_holds_a_token_if_others_reach_it(host, token, monkeypatch, capsys):
    opened, served = [], []

    def fake(studio, host, token, public):
        served.append(token)
        return SimpleNamespace(run=lambda sockets: None)

    monkeypatch.setattr(server.webbrowser, "open", opened.append)
    monkeypatch.setattr(server, "server", fake)
    assert main(["studio", "--port", "0", "--host", host, "--open"]) == 0
    wait_until(lambda: opened)
    found = re.fullmatch(rf"http://[\d.]+:\d+/{token}", opened[0])
    assert f" {opened[0]} " in capsys.readouterr().out
    assert [*found.groups()] == [one for one in served if one]
    assert main(["studio", "--port", "0", "--host", host]) == 0
    assert served[1] is None or served[1] != served[0]
    assert main(["studio", "--port", "0", "--host", host, "--public", "https://example.org/studio"]) == 0
    assert f" https://example.org/studio/?token={served[2]} " in capsys.readouterr().out
    assert len(opened) == 1


# Sidecars that embed their inputs


@pytest.fixture
def sidecar(tiny_bundle, tmp_path, monkeypatch):
    """Writes a sidecar as the studio makes one, with these changes to its one input."""
    monkeypatch.chdir(tmp_path)
    from pellucid import load
    from pellucid.zoo.models import fingerprint

    content = base64.b64decode(PICTURE)
    facts = {
        "task": "sketch",
        "command": ["sketch", "--model", str(tiny_bundle), "--device", "cpu", "--images", "{inputs}/start.png",
                    "--classes", "cat", "--steps=2", "--out", "made"],
        "model": str(tiny_bundle),
        "model_sha256": fingerprint(load(str(tiny_bundle), "cpu")),
    }  # fmt: skip
    entry = {"path": "start.png", "sha256": hashlib.sha256(content).hexdigest(), "content": PICTURE}

    def write(**changes):
        (tmp_path / "made.json").write_text(json.dumps({**facts, "inputs": [{**entry, **changes}]}))
        return tmp_path

    return write


def test_a_sidecar_with_its_inputs_suffices_and_leaves_no_temporary_file(sidecar, monkeypatch, capsys):
    folder = sidecar()
    temporary = folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert main(["rerun", "made.json"]) == 0
    assert (folder / "made-rerun" / "0000.png").is_file()
    assert list(temporary.iterdir()) == []
    assert main(["rerun", "made-rerun", "--out", "third"]) == 0
    assert (folder / "third" / "0000.png").read_bytes() == (folder / "made-rerun" / "0000.png").read_bytes()
    assert str(temporary) not in (folder / "third" / "descent.json").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "../start.png"}, "not a plain file name"),
        ({"path": "start.sh"}, "not a plain file name"),
        ({"path": "a\n.png"}, "not a plain file name"),
        ({"content": "%%"}, "not base64"),
        ({"content": None}, "not base64"),
        ({"content": PICTURE[:-8]}, "its sha256 is another"),
        ({"sha256": "0" * 64}, "its sha256 is another"),
    ],
    ids=str,
)
def test_a_hostile_embedded_input_is_refused(sidecar, changes, message, monkeypatch, capsys):
    folder = sidecar(**changes)
    before = sorted(folder.parent.rglob("*"))
    assert main(["rerun", "made.json"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize("way", [OSError, ("192.168.7.5", 40000)], ids=["no network", "network"])
def test_a_server_for_everybody_prints_an_address_that_can_be_opened(way, monkeypatch):
    class Probe(socket.socket):
        def connect(self, address):
            if way is OSError:
                raise OSError

        def getsockname(self):
            return super().getsockname() if self.type == socket.SOCK_STREAM else way

    with bind("0.0.0.0", 0) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(server.socket, "socket", Probe)
        found = server.address(listener, "0.0.0.0")
    assert found == f"http://{'127.0.0.1' if way is OSError else way[0]}:{port}/"


def test_a_first_classifier_that_is_not_there_is_said_in_one_line(capsys):
    first = Models("cifar10-l2-0.6")
    first.begin(lambda report: None)
    assert not first.ready
    line = f"pellucid studio: {first.error}\n"
    assert capsys.readouterr().err == line
    assert "unknown model 'cifar10-l2-0.6'; did you mean 'cifar10-l2-0.5'" in line
