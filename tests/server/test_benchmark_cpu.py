"""Processor time is counted per picture, by what a process is to a call and by thread."""

from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from server.benchmark_cpu import CpuWatch, _role, _Sample, _spent_s


@pytest.mark.parametrize(
    ("name", "command", "role"),
    [
        ("actor-engine", ["python", "-c", "spawn_main"], "engine"),
        ("python", ["python", "-m", "server", "--port", "0"], "media"),
        ("python", ["python", "-m", "client", "probe"], "probe"),
        ("chromium", ["chromium", "--headless"], "chromium browser"),
        ("chromium", ["chromium", "--type=renderer"], "chromium renderer"),
        (
            "chromium",
            ["chromium", "--type=utility", "--utility-sub-type=audio.mojom.AudioService"],
            "chromium AudioService",
        ),
    ],
)
def test_a_process_is_named_by_its_part_in_the_call(
    name: str, command: list[str], role: str
) -> None:
    assert _role(name, command) == role


def test_time_is_shared_out_over_the_pictures_between_two_looks() -> None:
    watch = CpuWatch("http://localhost:1/", 1.0)
    assert watch.report() is None, "a call that never settled"
    watch._before = _Sample(10.0, 100.0, {("engine", 7, "lane"): 1.0})
    watch._after = _Sample(
        12.0,
        150.0,
        {("engine", 7, "lane"): 1.5, ("engine", 8, "body"): 0.1, ("media", 9, "m"): 0.4},
    )
    report = watch.report()
    assert report is not None
    assert report["ms_per_picture"] == {"engine": 12.0, "media": 8.0}
    assert report["threads"]["engine"] == {"lane": 10.0, "body": 2.0}
    assert report["cores"] == 0.5


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_every_thread_of_this_process_is_seen_with_the_time_it_took() -> None:
    busy = threading.Event()
    worker = threading.Thread(target=busy.wait)
    worker.start()
    try:
        while time.process_time() < 0.05:
            pass
        spent_s = _spent_s(os.getpid())
    finally:
        busy.set()
        worker.join()
    assert {os.getpid(), worker.native_id} <= {thread for _, thread, _ in spent_s}
    assert sum(spent_s.values()) >= 0.04
