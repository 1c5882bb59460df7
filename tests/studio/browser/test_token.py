"""The address that the studio prints for everybody opens the page, in a real browser."""

import re

from page import ready


def test_the_printed_address_opens_the_page_and_the_token_leaves_the_address_bar(browser, serving):
    with serving("--host", "0.0.0.0") as printed:
        port, query = re.fullmatch(r"http://[^/]+:(\d+)/(\?token=[\w-]{43})", printed).groups()
        page = browser.new_context().new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        assert "token" in page.inner_text("body")
        page.goto(f"http://127.0.0.1:{port}/{query}")
        ready(page)
        assert page.url == f"http://127.0.0.1:{port}/"
        page.context.close()
