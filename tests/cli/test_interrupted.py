"""Ctrl-C and a full disk leave nothing half-done."""

from words import COMMAND_LINES, QUICK, each, files, stops_after


@each
def test_ctrl_c_leaves_nothing_behind(command, run, here, monkeypatch):
    stops_after(monkeypatch, f"pellucid.cli.{command}", command, 3)
    before = files(here)
    code, out, err = run(*COMMAND_LINES[command], *QUICK, "--out", "made", "--save-frames", "made.gif")
    assert (code, out) == (130, "")
    assert err == f"pellucid {command}: interrupted; nothing was written\n"
    assert files(here) == before


def test_a_full_disk_is_one_line(run, here, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pellucid.base.save.write_image", full)
    code, out, err = run(*COMMAND_LINES["generate"], *QUICK, "--out", "made.png")
    assert (code, out) == (2, "")
    assert err == "pellucid generate: [Errno 28] No space left on device\n"
