"""Calls to systemd itself over its own socket: D-Bus (specification 0.43) without a library or bus.

systemd 219 to 257 listen on /run/systemd/private, for root alone.
"""

from __future__ import annotations

import os

PRIVATE = "/run/systemd/private"
MANAGER = "org.freedesktop.systemd1"
ROOT = "/org/freedesktop/systemd1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_SECONDS = 2.0
_MOST = 1 << 20
_CALL, _ANSWER, _ERROR = 1, 2, 3
_PATH, _INTERFACE, _MEMBER, _DESTINATION, _SIGNATURE = 1, 2, 3, 6, 8


class ManagerBus:
    """A connection; every method raises OSError, or ValueError for an answer that is none."""

    def __init__(self, path: str = PRIVATE) -> None:
        from _socket import AF_UNIX, SOCK_STREAM, socket

        self._connection = socket(AF_UNIX, SOCK_STREAM)
        self._data = b""
        self._serial = 0
        try:
            self._connection.settimeout(_SECONDS)
            self._connection.connect(path)
            who = str(os.getuid()).encode().hex()
            self._connection.sendall(f"\0AUTH EXTERNAL {who}\r\nBEGIN\r\n".encode())
            # systemd does not look at what came together with BEGIN, until more comes (252).
            while b"\r\n" not in self._data:
                self._more()
        except BaseException:
            self._connection.close()
            raise
        self._data = self._data.partition(b"\r\n")[2]

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str, interface: str, name: str) -> str:
        """Give a property that is a text."""
        body = padded(text(interface), 4) + text(name)
        order, answer = self.call(path, _PROPERTIES, "Get", "ss", body)
        if answer[:3] != b"\x01s\0":
            raise ValueError("the answer is no text")
        return Reader(order, answer, 4).text()

    def get_number(self, path: str, interface: str, name: str) -> int:
        """Give a property that is a number of 64 bits."""
        body = padded(text(interface), 4) + text(name)
        order, answer = self.call(path, _PROPERTIES, "Get", "ss", body)
        if answer[:3] != b"\x01t\0" or len(answer) < 16:
            raise ValueError("the answer is no number")
        return int.from_bytes(answer[8:16], "little" if order == "<" else "big")

    def call(
        self, path: str, interface: str, member: str, signature: str, body: bytes
    ) -> tuple[str, bytes]:
        """Call a method: the order of bytes of its answer (struct), and the answer's body."""
        self._serial += 1
        self._connection.sendall(_call(self._serial, path, interface, member, signature, body))
        while True:
            found = _first(self._data)
            if found is None:
                self._more()
                continue
            kind, order, answer, size = found
            self._data = self._data[size:]
            if kind == _ERROR:
                raise ValueError("systemd answered with an error")
            if kind == _ANSWER:
                return order, answer

    def _more(self) -> None:
        piece = self._connection.recv(65536)
        self._data += piece
        if not piece or len(self._data) > _MOST:
            words = "systemd closed the connection, or gave no answer that is understood"
            raise ValueError(words)


def padded(data: bytes, to: int) -> bytes:
    """Fill up to a multiple of bytes."""
    return data + bytes(-len(data) % to)


def text(value: str) -> bytes:
    """Write a text as a call has it."""
    from struct import pack

    return pack("<I", len(value.encode())) + value.encode() + b"\0"


class Reader:
    """The values of an answer's body, in their order; ValueError where it ends before one does."""

    def __init__(self, order: str, body: bytes, at: int = 0) -> None:
        self._order, self._body, self.at = order, body, at

    def align(self, to: int) -> None:
        self.at += -self.at % to

    def number(self) -> int:
        """Give a number of 32 bits."""
        from struct import error, unpack_from

        self.align(4)
        try:
            (value,) = unpack_from(f"{self._order}I", self._body, self.at)
        except error:
            raise ValueError("the answer is cut") from None
        self.at += 4
        return int(value)

    def text(self) -> str:
        """Give a text, or the path of an object."""
        size = self.number()
        said = self._body[self.at : self.at + size]
        if len(said) < size:
            raise ValueError("the answer is cut")
        self.at += size + 1
        return said.decode("utf-8", "backslashreplace")


def _call(
    serial: int, path: str, interface: str, member: str, signature: str, body: bytes
) -> bytes:
    from struct import pack

    fields = b""
    for code, kind, value in (
        (_PATH, b"o", text(path)),
        (_INTERFACE, b"s", text(interface)),
        (_MEMBER, b"s", text(member)),
        (_DESTINATION, b"s", text(MANAGER)),
        (_SIGNATURE, b"g", bytes([len(signature)]) + signature.encode() + b"\0"),
    ):
        fields = padded(fields, 8) + pack("<BB", code, 1) + kind + b"\0" + value
    head = pack("<cBBBIII", b"l", _CALL, 0, 1, len(body), serial, len(fields))
    return padded(head + fields, 8) + body


def _first(data: bytes) -> tuple[int, str, bytes, int] | None:
    """Give the first message: its kind, order of bytes, body, and size; None while it is cut."""
    from struct import unpack_from

    if len(data) < 16:
        return None
    order = {b"l": "<", b"B": ">"}.get(data[:1])
    if order is None:
        raise ValueError("no answer of D-Bus")
    body, _, fields = unpack_from(f"{order}III", data, 4)
    start = 16 + fields + -fields % 8
    if start + body > _MOST:
        raise ValueError("the answer is too large")
    if len(data) < start + body:
        return None
    return data[1], order, data[start : start + body], start + body
