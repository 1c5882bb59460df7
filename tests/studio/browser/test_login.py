"""Who knows the password gets in, with a browser as it is."""

import os
import re
import subprocess
import sys

import pytest
from page import ready


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """The address of a studio for everybody, with a password."""
    folder = tmp_path_factory.mktemp("studio")
    own = {"PELLUCID_STATE": str(folder / "state"), "PELLUCID_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    own["PELLUCID_PASSWORD"] = "correct horse"
    command = [sys.executable, "-m", "pellucid", "studio", "--port", "0", "--device", "cpu", "--host", "0.0.0.0"]
    with subprocess.Popen(command, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            (port,) = re.findall(r"http://[^\s/]+:(\d+)", process.stdout.readline())
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def test_the_right_password_opens_the_page_and_a_wrong_one_says_so(browser, closed):
    page = browser.new_context().new_page()
    page.goto(closed)
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Enter").click()
    assert "That is not the password." in page.get_by_role("status").inner_text()
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Enter").click()
    ready(page)
    assert page.url == f"{closed}/"
    page.context.close()
