"""Commands about representations, run as a user types them."""

import pytest

from pellucid.cli.main import main


@pytest.fixture
def command(tiny_bundle, capsys, tmp_path, monkeypatch):
    """Makes a function that runs a command on the tiny bundle in an empty folder: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def command(name):
        def run(*words):
            capsys.readouterr()
            code = main([name, "--model", str(tiny_bundle), "--device", "cpu", *words])
            return code, *capsys.readouterr()

        return run

    return command
