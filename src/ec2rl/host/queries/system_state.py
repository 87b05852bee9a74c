"""How far systemd has brought this machine, asked of systemd itself over its own socket.

One D-Bus call (D-Bus specification 0.43; systemd 219 to 257 listen on /run/systemd/private, for
root alone): the property SystemState of the manager, which `systemctl is-system-running` prints.
"""

from __future__ import annotations

import os

from ec2rl.host.files import unreadable
from ec2rl.host.query import TextQuery
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record

_SECONDS = 2.0
_MOST = 64 << 10
_CALL, _ANSWER, _ERROR = 1, 2, 3
_PATH, _INTERFACE, _MEMBER, _DESTINATION, _SIGNATURE = 1, 2, 3, 6, 8
_MANAGER = "org.freedesktop.systemd1"


@record(frozen=True)
class SystemState(TextQuery):
    """What `systemctl is-system-running` says: `running`, `degraded`, `maintenance`, ..."""

    path: str = "/run/systemd/private"

    @property
    def key(self) -> str:
        return f"systemd state {self.path}"

    def ask(self) -> Evidence | Unreadable:
        try:
            return Evidence(self.key, f"{_asked(self.path)}\n")
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                return unreadable(self.path, error)
            return Unreadable(self.path, Why.FAILED, str(error) or "no answer in time")


def _asked(path: str) -> str:
    from _socket import AF_UNIX, SOCK_STREAM, socket

    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.settimeout(_SECONDS)
        connection.connect(path)
        who = str(os.getuid()).encode().hex()
        connection.sendall(f"\0AUTH EXTERNAL {who}\r\nBEGIN\r\n".encode())
        data = b""
        asked = False
        while len(data) < _MOST:
            piece = connection.recv(4096)
            if not piece:
                break
            data += piece
            # systemd does not look at what came together with BEGIN, until more comes (252).
            if not asked and b"\r\n" in data:
                connection.sendall(_question())
                asked = True
            state = _state(data.partition(b"\r\n")[2])
            if state:
                return state
        raise ValueError("systemd closed the connection, or gave no answer that is understood")
    finally:
        connection.close()


def _padded(data: bytes, to: int) -> bytes:
    return data + bytes(-len(data) % to)


def _text(text: str) -> bytes:
    from struct import pack

    return pack("<I", len(text)) + text.encode() + b"\0"


def _question() -> bytes:
    """The call org.freedesktop.DBus.Properties.Get of the manager's SystemState."""
    from struct import pack

    body = _padded(_text(f"{_MANAGER}.Manager"), 4) + _text("SystemState")
    fields = b""
    for code, kind, value in (
        (_PATH, b"o", _text("/org/freedesktop/systemd1")),
        (_INTERFACE, b"s", _text("org.freedesktop.DBus.Properties")),
        (_MEMBER, b"s", _text("Get")),
        (_DESTINATION, b"s", _text(_MANAGER)),
        (_SIGNATURE, b"g", b"\x02ss\0"),
    ):
        fields = _padded(fields, 8) + pack("<BB", code, 1) + kind + b"\0" + value
    head = pack("<cBBBIII", b"l", _CALL, 0, 1, len(body), 1, len(fields))
    return _padded(head + fields, 8) + body


def _state(data: bytes) -> str:
    """The state in the answer, "" while it is not whole. ValueError for an error."""
    from struct import unpack_from

    if len(data) < 16:
        return ""
    order = {b"l": "<", b"B": ">"}.get(data[:1])
    if order is None:
        raise ValueError("no answer of D-Bus")
    body, _, fields = unpack_from(f"{order}III", data, 4)
    start = 16 + fields + -fields % 8
    if start + body > _MOST:
        raise ValueError("the answer is too large")
    if len(data) < start + body:
        return ""
    if data[1] == _ERROR:
        raise ValueError("systemd answered with an error")
    if data[1] != _ANSWER:
        return _state(data[start + body :])
    text = data[start : start + body]
    if text[:3] != b"\x01s\0" or len(text) < 8:
        raise ValueError("the answer is no text")
    (length,) = unpack_from(f"{order}I", text, 4)
    word = text[8 : 8 + length].decode("ascii", "replace")
    if not word.isalpha() or len(word) > 32:
        raise ValueError("the answer is no word")
    return word
