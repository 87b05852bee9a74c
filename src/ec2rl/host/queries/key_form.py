"""The form of a private key's file, and nothing of the key.

PROTOCOL.key of OpenSSH has the form of its own, RFC 7468 that of the others.
"""

from __future__ import annotations

from ec2rl.host.queries.about_file import AboutFile
from ec2rl.record import record

_OWN = "-----BEGIN OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"
WHOLE, LOCKED, EMPTY, OTHER, CUT = "whole", "passphrase", "empty", "no private key", "cut"


@record(frozen=True)
class KeyForm(AboutFile):
    """What a file is that should hold a private key: one of the words above."""

    path: str

    @property
    def key(self) -> str:
        return f"key form {self.path}"

    def told(self, data: bytes) -> str:
        return f"{_form(data.decode('utf-8', 'backslashreplace'))}\n"


def _form(text: str) -> str:
    lines = [line.strip() for line in text.strip().split("\n")]
    if not lines[0]:
        return EMPTY
    if lines[0] == _OWN:
        return _of_openssh(lines)
    if not (lines[0].startswith("-----BEGIN ") and lines[0].endswith("PRIVATE KEY-----")):
        return OTHER
    if lines[-1] != lines[0].replace("BEGIN", "END"):
        return CUT
    return LOCKED if "ENCRYPTED" in lines[0] or "Proc-Type: 4,ENCRYPTED" in lines else WHOLE


def _of_openssh(lines: list[str]) -> str:
    from binascii import Error, a2b_base64

    if lines[-1] != _OWN.replace("BEGIN", "END"):
        return CUT
    try:
        raw = a2b_base64("".join(lines[1:-1]))
    except (Error, ValueError):
        return OTHER
    if not raw.startswith(_MAGIC):
        return OTHER
    fields = []
    at = len(_MAGIC)
    for skipped in (0, 0, 0, 4, 0):  # cipher, kdf, its options; how many keys; both parts
        at += skipped
        size = int.from_bytes(raw[at : at + 4], "big")
        fields.append(raw[at + 4 : at + 4 + size])
        at += 4 + size
    if at > len(raw):
        return CUT
    return WHOLE if fields[0] == b"none" else LOCKED
