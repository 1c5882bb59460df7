"""The address that the studio prints for everybody opens the page, in a real browser."""

import os
import re
import subprocess
import sys

from page import ready

COMMAND = [sys.executable, "-m", "pellucid", "studio", "--port=0", "--host=0.0.0.0", "--device=cpu", "--model"]


def test_the_printed_address_opens_the_page_and_the_token_leaves_the_address_bar(browser, tiny_bundle, tmp_path):
    own = {"PELLUCID_STATE": str(tmp_path / "state"), "PELLUCID_CACHE": str(tmp_path / "cache")}
    command = [*COMMAND, str(tiny_bundle)]
    with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed = process.stdout.readline().split()[2]
            port, query = re.fullmatch(r"http://[^/]+:(\d+)/(\?token=[\w-]{43})", printed).groups()
            page = browser.new_context().new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            assert "token" in page.inner_text("body")
            page.goto(f"http://127.0.0.1:{port}/{query}")
            ready(page)
            assert page.url == f"http://127.0.0.1:{port}/"
            page.context.close()
        finally:
            process.terminate()
            process.wait(60)
