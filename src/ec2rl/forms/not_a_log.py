"""Files that are no log, whatever words are in them: told by how they begin."""

from __future__ import annotations

import re

_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"{\\rtf", "an office document"),
    (b"\xd4\xc3\xb2\xa1", "a capture of packets"),
    (b"\x0a\x0d\x0d\x0a", "a capture of packets"),
    (b"SQLite format 3\0", "a database"),
)
PACKED = ("a ZIP archive", "a 7-Zip archive", "a RAR archive")
"""What may hold logs that are not seen in its bytes."""
_PAGE = rb"(?is)\s*(?:<!--.{0,4096}?-->\s*)*<(?:!doctype\s+html|html|head|body|div|script)\b"
_XML = rb"\s*<\?xml\b"


def not_a_log(head: bytes) -> str:
    """Say what a file that begins so is instead of a log, with its article; "" where it may be one.

    The numbers that formats begin with are those of file(1).
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf")
    if re.match(_PAGE, text):
        return "an HTML page"
    return "an XML document" if re.match(_XML, text) else ""
