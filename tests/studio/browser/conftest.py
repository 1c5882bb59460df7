"""The studio as a person meets it: a real browser, the real server, the bundled classifier."""

from urllib.parse import urlsplit

import pytest
from studio_helpers import serving_from, settings

FLAGS = ["no-sandbox", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update",
         "disable-sync"]  # fmt: skip


WINDOW = {"width": 1280, "height": 800}


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


@pytest.fixture(scope="session")
def tab(browser):
    """A tab that the tests use in turn: a new one takes a second more, and this one a moment to be made blank."""
    return browser.new_context(viewport=WINDOW).new_page()


@pytest.fixture
def open_page(browser, tab, address):
    """Opens a tab; afterwards no request may have left the server, and no tab may have complained.

    The first is `tab`. Who listens to a tab's events, or brings a context or its options, gets a new one.
    """
    from page import PATIENCE, ready

    contexts, hosts, complaints, heard = [], set(), [], []

    def hear(emitter, event, listener):
        emitter.on(event, listener)
        heard.append((emitter, event, listener))

    def opener(context=None, shared=True, **options):
        if context is None:
            first = shared and not options and not contexts
            context = tab.context if first else browser.new_context(viewport=WINDOW, **options)
            contexts.append(context)
            hear(context, "request", lambda request: hosts.add(urlsplit(request.url)[:2]))
            context.set_default_timeout(1000 * PATIENCE)
            page = tab if first else context.new_page()
        else:
            page = context.new_page()
        hear(page, "console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        hear(page, "pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        ready(page)
        return page

    opener.complaints = complaints
    yield opener
    for context in contexts:
        if context is not tab.context:
            context.close()
    for emitter, event, listener in heard:
        emitter.remove_listener(event, listener)
    if tab.context in contexts:
        cleared(tab, address)
    assert {host for host in hosts if host[0] not in ("data", "blob")} == {urlsplit(address)[:2]}
    assert complaints == []


def cleared(tab, address):
    """Leave nothing of a test in the tab and its context."""
    tab.unroute_all()
    for page in tab.context.pages:
        if page is not tab:
            page.close()
    tab.mouse.up()
    tab.goto(f"{address}/page/icon.svg")  # of the same origin, and without a script that stores
    tab.evaluate("localStorage.clear(); sessionStorage.clear()")
    tab.context.clear_cookies()
    tab.set_viewport_size(WINDOW)
    tab.goto("about:blank")
