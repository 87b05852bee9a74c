"""Questions for units, jobs and times, against a socket that answers as systemd does."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest

from ec2rl.host.queries.boot_times import BootTimes
from ec2rl.host.queries.failed_units import FailedUnits
from ec2rl.model import Evidence, Unreadable, Why


def answer(body: bytes, serial: int) -> bytes:
    fields = struct.pack("<BB1sBI", 5, 1, b"u", 0, serial)
    head = struct.pack("<1sBBBIII", b"l", 2, 1, 1, len(body), serial, len(fields)) + fields
    return head + b"\0" * (-len(head) % 8) + body


def words(*texts: str) -> bytes:
    data = b""
    for one in texts:
        data += b"\0" * (-len(data) % 4) + struct.pack("<I", len(one)) + one.encode() + b"\0"
    return data


def unit(name: str, said: str) -> bytes:
    data = words(name, said, "loaded", "failed", "failed", "", f"/unit/{len(name)}")
    data += b"\0" * (-len(data) % 4) + struct.pack("<I", 0) + words("", "/")
    return data + b"\0" * (-len(data) % 8)


def listed(*units: bytes) -> bytes:
    data = b"".join(units).rstrip(b"\0") + b"\0" if units else b""
    return struct.pack("<I", len(data)) + b"\0" * 4 + data


def asked(
    folder: Path, *bodies: bytes, question: type[BootTimes] | type[FailedUnits] = FailedUnits
) -> Evidence | Unreadable:
    path = str(folder / "private")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                while b"BEGIN\r\n" not in peer.recv(4096):
                    pass
                peer.sendall(b"OK 1234deadbeef1234deadbeef1234dead\r\n")
                for serial, body in enumerate(bodies):
                    if not peer.recv(4096):
                        return
                    peer.sendall(answer(body, serial + 1))

        thread = threading.Thread(target=serve)
        thread.start()
        found = question(path).ask()
        thread.join(10)
    return found


def test_units_come_with_their_results(tmp_path: Path) -> None:
    units = listed(unit("a.service", "The first"), unit("b-c.mount", "/b c"))
    found = asked(tmp_path, units, b"\1s\0\0" + words("oom-kill"), b"\1s\0\0" + words("exit-code"))
    assert isinstance(found, Evidence)
    assert found.text == (
        "a.service loaded failed oom-kill The first\nb-c.mount loaded failed exit-code /b c\n"
    )


def test_there_may_be_none(tmp_path: Path) -> None:
    found = asked(tmp_path, listed())
    assert isinstance(found, Evidence)
    assert found.text == ""


def number(value: int) -> bytes:
    return b"\1t\0" + b"\0" * 5 + struct.pack("<Q", value)


def test_a_boot_that_is_over_has_its_times(tmp_path: Path) -> None:
    found = asked(tmp_path, number(1200000), number(1 << 40), question=BootTimes)
    assert isinstance(found, Evidence)
    assert found.text == f"userspace 1200000\nfinish {1 << 40}\n"


def test_a_boot_that_goes_on_has_jobs(tmp_path: Path) -> None:
    data = b""
    for unit, state in (("a.service", "running"), ("b.target", "waiting")):
        data += b"\0" * (-len(data) % 8) + struct.pack("<I", 7)
        data += words(unit, "start", state, "/job/7", "/unit/a")
    jobs = struct.pack("<I", len(data)) + b"\0" * 4 + data
    found = asked(tmp_path, number(5), number(0), jobs, question=BootTimes)
    assert isinstance(found, Evidence)
    assert found.text == (
        "userspace 5\nfinish 0\njob a.service start running\njob b.target start waiting\n"
    )


@pytest.mark.parametrize("body", [b"", b"\xff\xff\xff\x7f\0\0\0\0abc", listed(b"\xff" * 40)])
def test_an_answer_that_is_none(tmp_path: Path, body: bytes) -> None:
    found = asked(tmp_path, body)
    assert isinstance(found, Unreadable)
    assert found.why is Why.FAILED
