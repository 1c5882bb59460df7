"""The studio as a person meets it: a real browser, the real server, the bundled classifier."""

import os
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

FLAGS = ["no-sandbox", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
         "disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """Starts a studio in a process of its own, on a free port; a context with the address that it prints."""

    @contextmanager
    def serving(*flags):
        folder = tmp_path_factory.mktemp("studio")
        own = {"PELLUCID_STATE": str(folder / "state"), "PELLUCID_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
        model = () if "--model" in flags else ("--model", "cifar10-l2-0.5")  # small, so that a run is short
        command = [sys.executable, "-m", "pellucid", "studio", "--port", "0", "--device", "cpu", *model, *flags]
        with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield process.stdout.readline().split()[2]
            finally:
                process.terminate()
                process.wait(60)

    return serving


@pytest.fixture(scope="module")
def address(serving):
    with serving() as printed:
        yield printed.rstrip("/")


@pytest.fixture(scope="module")
def browser():
    from page import CHROMIUM, playwright  # skips where they are missing, which a conftest must not

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Opens a tab; afterwards no request may have left the server, and no tab may have complained."""
    from page import ready

    contexts, hosts, complaints = [], set(), []

    def opener(context=None, **options):
        if context is None:
            context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
            contexts.append(context)
            context.on("request", lambda request: hosts.add(urlsplit(request.url)[:2]))
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        ready(page)
        return page

    opener.complaints = complaints
    yield opener
    for context in contexts:
        context.close()
    assert {host for host in hosts if host[0] not in ("data", "blob")} == {urlsplit(address)[:2]}
    assert complaints == []
