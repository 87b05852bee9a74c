"""One question to systemd for its state, against a socket that answers as systemd does."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path

import pytest

from ec2rl.host.queries.system_state import SystemState
from ec2rl.model import Evidence, Unreadable, Why

OK = b"OK 1234deadbeef1234deadbeef1234dead\r\n"


def answer(body: bytes, kind: int = 2, order: str = "<") -> bytes:
    fields = struct.pack(f"{order}BB1sBI", 5, 1, b"u", 0, 1)
    fields += b"\0" * (-len(fields) % 8) + struct.pack(f"{order}BB1sB", 8, 1, b"g", 0) + b"\1v\0"
    mark = b"l" if order == "<" else b"B"
    head = struct.pack(f"{order}1sBBBIII", mark, kind, 1, 1, len(body), 7, len(fields)) + fields
    return head + b"\0" * (-len(head) % 8) + body


def state(word: bytes, order: str = "<") -> bytes:
    return b"\1s\0\0" + struct.pack(f"{order}I", len(word)) + word + b"\0"


def asked(
    folder: Path, *pieces: bytes, greeting: bytes = OK
) -> tuple[Evidence | Unreadable, bytes]:
    """What the question gives of a server that answers with these pieces, and what it got.

    As systemd 252 it does not look at what comes together with BEGIN.
    """
    path = str(folder / "private")
    got = b""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(1)

        def serve() -> None:
            nonlocal got
            peer, _ = server.accept()
            with peer:
                while b"BEGIN\r\n" not in got:
                    got += peer.recv(4096)
                peer.sendall(greeting)
                question = b""
                while pieces and not question.endswith(b"SystemState\0"):
                    question += peer.recv(4096)
                    if not question:
                        return
                got += question
                for piece in pieces:
                    peer.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        found = SystemState(path).ask()
        thread.join(10)
    return found, got


def test_systemd_says_its_state(tmp_path: Path) -> None:
    found, got = asked(tmp_path, answer(state(b"maintenance")))
    assert isinstance(found, Evidence)
    assert found.text == "maintenance\n"
    assert got.startswith(b"\0AUTH EXTERNAL ")
    assert b"\r\nBEGIN\r\nl\1\0\1" in got


def test_an_answer_may_come_in_pieces_and_behind_a_signal(tmp_path: Path) -> None:
    signal = answer(state(b"UnitNew"), kind=4)
    text = signal + answer(state(b"degraded", ">"), order=">")
    found, _ = asked(tmp_path, *(text[n : n + 7] for n in range(0, len(text), 7)))
    assert isinstance(found, Evidence)
    assert found.text == "degraded\n"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        answer(b"", kind=3),
        answer(b"\1u\0\0\1\0\0\0"),
        answer(state(b"running\n[FAILURE]")),
        b"l\2\0\1" + b"\xff" * 12,
        b"x" * 100,
        answer(state(b"running"))[:-4],
    ],
)
def test_no_answer_is_no_state(tmp_path: Path, said: bytes) -> None:
    found, _ = asked(tmp_path, said)
    assert isinstance(found, Unreadable)
    assert found.why is Why.FAILED


@pytest.mark.parametrize("greeting", [b"", OK, b"REJECTED EXTERNAL\r\n"])
def test_no_word_behind_the_greeting_is_no_state(tmp_path: Path, greeting: bytes) -> None:
    found, _ = asked(tmp_path, greeting=greeting)
    assert isinstance(found, Unreadable)
    assert found.why is Why.FAILED


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    found = SystemState(str(tmp_path / "none")).ask()
    assert isinstance(found, Unreadable)
    assert found.why is Why.ABSENT
