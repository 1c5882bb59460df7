"""Worker processes: whatever happens to the process that started them, they end with it."""

import os
import signal
import sys
import time
from multiprocessing import get_context
from select import select

import pytest

from pellucid import InputError
from pellucid.base.files import replacing
from pellucid.transfer_learning.study import worker
from pellucid.transfer_learning.study.worker import in_processes


@pytest.fixture(autouse=True)
def forked(monkeypatch):
    monkeypatch.setattr(worker, "CONTEXT", "fork")  # nothing to import again; with one thread of torch's it is safe


def negative(job):
    if job == 2:
        os._exit(7)
    return -job


def test_a_job_whose_process_dies_takes_no_other_with_it():
    results = dict(in_processes(negative, range(6), 2))
    assert isinstance(results[2], InputError)
    assert "exit code 7" in str(results.pop(2))
    assert results == {0: 0, 1: -1, 3: -3, 4: -4, 5: -5}
    assert list(in_processes(negative, [], 2)) == []


class Work:
    """Writes a file for each job. The first is done at once; the others are never done."""

    def __init__(self, folder, told, stubborn=False):
        self.folder, self.told, self.stubborn = folder, told, stubborn

    def __call__(self, job):
        if self.stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with replacing(self.folder / f"{job}.json") as temporary:
            temporary.write_text("half")
            os.write(self.told, bytes([job]))
            while job:
                time.sleep(0.01)


def starter(work, heard):
    os.close(heard)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    worker.GRACE = 0.2 if work.stubborn else 600.0
    try:
        list(in_processes(work, range(6), 2))
    except KeyboardInterrupt:
        sys.exit(130)


@pytest.mark.parametrize(
    ("number", "code", "stubborn"),
    [(signal.SIGINT, 130, False), (signal.SIGINT, 130, True), (signal.SIGKILL, -signal.SIGKILL, False)],
)
def test_workers_end_with_their_starter_and_what_is_finished_is_kept(tmp_path, number, code, stubborn):
    heard, told = os.pipe()
    process = get_context("fork").Process(target=starter, args=(Work(tmp_path, told, stubborn), heard))
    process.start()
    os.close(told)
    assert {os.read(heard, 1) for _ in range(3)} == {b"\0", b"\1", b"\2"}
    os.kill(process.pid, number)  # to the starter alone
    process.join(300)
    try:
        assert process.exitcode == code
        assert select([heard], [], [], 300)[0]
        assert os.read(heard, 1) == b""  # nobody is left who could write
        assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["0.json"]
    finally:
        process.kill()
        os.close(heard)
