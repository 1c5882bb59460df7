"""The studio as a person meets it: a real browser, the real server, the bundled classifier."""

from urllib.parse import urlsplit

import pytest
from studio_helpers import serving_from, settings

FLAGS = ["no-sandbox", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
         "disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return "cifar10-l2-0.5"  # small, so that a run is short


@pytest.fixture(scope="module")
def address(tmp_path_factory, model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pellucid.studio.runs.units.Units.work", lambda units, busy: False)  # nobody waits for thumbnails
        with serving_from(tmp_path_factory.mktemp("studio"), settings(model)) as client:
            yield f"http://127.0.0.1:{client.port}"


@pytest.fixture(scope="session")
def browser():
    from page import CHROMIUM, playwright  # skips where they are missing, which a conftest must not

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[f"--{flag}" for flag in FLAGS])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """Opens a tab; afterwards no request may have left the server, and no tab may have complained."""
    from page import PATIENCE, ready

    contexts, hosts, complaints = [], set(), []

    def opener(context=None, **options):
        if context is None:
            context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
            contexts.append(context)
            context.on("request", lambda request: hosts.add(urlsplit(request.url)[:2]))
        context.set_default_timeout(1000 * PATIENCE)
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
