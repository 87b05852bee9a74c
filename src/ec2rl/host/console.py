"""A machine's console, as clouds and terminals hand it out: its text, and how far it goes.

Beside what the kernel prints it has what firmware, boot loader, getty and systemd print there.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from datetime import datetime

from ec2rl.forms.mend import SEQUENCE, typed
from ec2rl.forms.parse import parse_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    Read = Callable[[int], bytes]

MOST = 4 << 20
"""Bytes; EC2 gives the last 64 KiB, Google Compute Engine the last MiB."""

TAIL = 4 << 10
"""Bytes of a text's end that are looked at."""

_LOOKED_AT = 256 << 10
"""Bytes of a text in which what only a console has is looked for."""

_LONGEST = 64 << 10
"""Bytes of a line that are looked at together."""

# `aws ec2 get-console-output` (also as boto3 gives it), `gcloud compute instances
# get-serial-port-output --format=json`; Azure's boot log is text, and a string in JSON.
_DOCUMENT = (
    rb'\s*\{\s*"(?:InstanceId|Output|Timestamp|ResponseMetadata|contents|kind|next|selfLink|start)"'
    rb'\s*:|\s*"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*\\n'
)
# `--output text`: the fields in the order of their names, with tabs between them.
_COLUMNS = rb"(?:\s*)(i-[0-9a-f]{3,17})\t"
_WHEN = rb"\t(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,16})\s*\Z"
# The API itself (GetConsoleOutput).
_REPLY = rb"\s*(?:<\?xml[^>]{0,200}>\s*)?<GetConsoleOutputResponse[\s>]"
_FIELD = rb"<%s>([^<]*)</%s>"
_BASE64 = rb"[A-Za-z0-9+/]{60}[A-Za-z0-9+/\r\n]*={0,2}\s*\Z"

_CONTROLS = bytes((*range(1, 7), *range(14, 27), *range(28, 32)))
_FEW = 3
_PACKED = (b"\x1f\x8b\x08", b"\xfd7zXZ", b"(\xb5/\xfd", b"BZh91AY&SY", b"PK\x03\x04")
"""What gzip, xz, zstd, bzip2 and zip begin with."""

_STAMP = rb"(?:<\d{1,3}>)?\[ *\d{1,9}\.\d{6}\]"
# What firmware, boot loaders, initial file systems, systemd and getty print, and dmesg never has.
_MARKS = (
    rb"(?m)(?<=[\w.-]) login: |\[ {0,2}(?:OK|FAILED|DEPEND|TIME|SKIP) {0,2}\] "
    rb"|^(?:Begin: Running /|\(initramfs\)|SeaBIOS \(version|iPXE |GNU GRUB|GRUB loading|BdsDxe: "
    rb"|EFI stub: |U-Boot |Booting from |Booting `|Press any key|Decompressing Linux"
    rb"|Welcome to .{1,60}!$|ci-info: |Cloud-init v\. |You are in (?:emergency|rescue) mode"
    rb"|Give root password|Gave up waiting for root|dracut:/# |Xen Minimal OS|"
    rb"grub(?: rescue|dom)?> |dracut(?::| Warning:| FATAL:) |Entering rescue mode\.\.\.|"
    rb"ALERT! +\S+ does not exist\.|"
    rb"[\w ./-]{1,60} tty(?:S|AMA)\d{1,3}$|Kernel \S{1,80} on an? \w)"
    rb"|^\*\* \d{1,19} printk messages dropped \*\*"
    # kernel/panic.c: told when nothing but a console hears the kernel any more
    rb"|^" + _STAMP + rb"(?:\[ *[TC]\d{1,10}\])? Rebooting in \d{1,10} seconds\.\.\r?$"
)
_BEGINS = rb"(?m)(?:^|[\t ])(?:<\d{1,3}>)?\[ *0\.\d{6}\](?:\[ *[TC]\d{1,10}\])? ?Linux version \d"
"""The first line of a kernel's: a ring buffer has one at most."""
_PROMPT = rb"(?:.*(?:login|[Pp]assword): *|\(initramfs\) *|[^\[]{0,80}[#$>] *)\Z"
_EMPTY = "the console was empty when it was asked for; --latest asks a Nitro instance anew"
_UNFINISHED = "its last line has no end: it may be cut within a message"


def is_document(head: bytes) -> bool:
    """Tell whether a file that begins so is a console as a cloud's program prints it."""
    return any(re.match(form, head) for form in (_DOCUMENT, _COLUMNS, _REPLY, _BASE64))


def is_other_json(data: bytes) -> bool:
    """Tell whether a document is whole JSON, and no console's: another program's."""
    import json  # python3-minimal has none, and other consoles can be read without

    try:
        said = json.loads(data)
    except (RecursionError, ValueError):
        return False
    return isinstance(said, dict) and not {"InstanceId", "Output", "contents"} & said.keys()


def document_text(data: bytes) -> tuple[bytes, float | None]:
    """Take the console's text, and its time in seconds since the epoch.

    ValueError for anything else.

    EC2's API gives it in base64, which its command line has decoded.
    """
    if re.match(_COLUMNS, data):
        text, when = re.sub(_COLUMNS, b"", data, count=1), re.search(_WHEN, data)
        if when is None:
            return text, None
        return text[: -len(when[0])] + b"\n", _when(when[1].decode())
    if re.match(_REPLY, data):
        reply, at = (re.search(_FIELD % (name, name), data) for name in (b"output", b"timestamp"))
        if reply is None:
            raise ValueError("it is no console output")
        return _decoded(reply[1], strict=True), None if at is None else _when(at[1].decode())
    if re.match(_BASE64, data):
        return _decoded(data, strict=True), None
    import json

    try:
        said = json.loads(data)
        if isinstance(said, dict) and "InstanceId" in said:
            said = {"Output": "", **said}  # the command line leaves out what is empty
        told = said if isinstance(said, str) else said["Output" if "Output" in said else "contents"]
        text = told.encode("utf-8", "backslashreplace")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise ValueError("it is no console output") from None
    if not text.strip():
        raise ValueError(_EMPTY)
    return _decoded(text), _when(said.get("Timestamp") if isinstance(said, dict) else None)


def _decoded(text: bytes, strict: bool = False) -> bytes:
    """What a text is in base64; itself where it is none. ValueError for `strict`."""
    try:
        return b64decode(b"".join(text.split()), validate=True) if text.strip() else text
    except Error:
        if strict:
            raise ValueError("it is no console output") from None
        return text


def _when(stamp: object) -> float | None:
    try:
        return datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None


def is_console(text: bytes) -> bool:
    """Tell whether a part of a text has what only a console has: programs' words, two boots."""
    return re.search(_MARKS, text) is not None or begins(text) > 1


def begins(text: bytes) -> int:
    """Count the kernels that begin in a part of a text."""
    return len(re.findall(_BEGINS, text)) if b"Linux version " in text else 0


def unfinished(tail: bytes) -> str:
    """Say why a kernel's text that ends so may be cut in its last line, "" where it is not."""
    last = tail.rpartition(b"\n")[2].rstrip(b"\r\x00 ")
    if not last or re.match(_PROMPT, last) or not re.search(rb"\[(?: *\d|\Z)", last):
        return ""
    return _UNFINISHED


class CleanText:
    """A text as it is read, without what terminals and serial lines add; `tail` is its end.

    `is_console` is whether it had what only a console has, in its beginning or its end.

    Colours are taken off, and typography is; where a line was written over, or the screen was
    cleared, another begins.
    Behind a stamp of the kernel's none does: what stands there may be a user's string.
    """

    def __init__(self, read: Read) -> None:
        self.tail = b""
        self._seen = self._begun = 0
        self._is_console = False
        self._read = read
        self._rest = self._clean = b""
        self._at = 0
        self._binary = ""

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes, b"" at the end; OSError as the text's own `read`."""
        while not self._clean:
            data = self._read(size)
            whole, end, rest = (self._rest + data).rpartition(b"\n")
            if not data or len(rest) > _LONGEST:
                whole, rest = whole + end + rest, b""
            self._rest = rest
            whole += end if rest or data else b""
            if not whole.isascii():
                self._binary = self._binary or _binary(whole, self._at)
                told = typed(whole.decode("utf-8", "surrogateescape"))
                whole = told.encode("utf-8", "surrogateescape")
            self._at += len(whole)
            self._clean = cleaned(whole) if is_spoilt(whole) else whole
            if not data:
                break
        data, self._clean = self._clean[:size], self._clean[size:]
        self.tail = (self.tail + data)[-TAIL:]
        if not self._is_console and self._seen < _LOOKED_AT:
            self._begun += begins(data)
            self._is_console = self._begun > 1 or is_console(data[:_LOOKED_AT])
        self._seen += len(data)
        return data

    @property
    def is_console(self) -> bool:
        return self._is_console or is_console(self.tail)

    def told(self) -> str:
        """Say what in it is no text, once all was read; "" for nothing."""
        return self._binary


def _binary(text: bytes, offset: int) -> str:
    """Say where in a part of a text, which begins at `offset`, a line is none; "" for nowhere.

    What an old coding of one language writes has bytes that are no UTF-8, and no controls.
    """
    if len(text.translate(None, _CONTROLS)) == len(text):
        return ""
    at = 0
    for line in text.split(b"\n"):
        if len(line) - len(line.translate(None, _CONTROLS)) >= _FEW:
            told = line.decode("utf-8", "surrogateescape")
            odd = re.findall("[\udc80-\udcff]", told)
            if len(odd) >= 2 * _FEW:
                packed = (re.search(re.escape(mark), line) for mark in _PACKED)
                first = min((one.start() for one in packed if one is not None), default=0)
                what = "a packed file" if first or line.startswith(_PACKED) else "no text"
                return f"{what} at byte {offset + at + first}: what stands there was not read"
        at += len(line) + 1
    return ""


def is_spoilt(text: bytes) -> bool:
    """Tell whether terminals or serial lines have added to a text."""
    if any(mark in text for mark in (b"\r", b"\x1b", b"\x00", b"\x08")):
        return True
    return b"^" in text and b"^[[" in text  # most texts lack the first, which is found faster


# A letter that another one was written over, and colours as `cat -v` shows them.
_SHOWN = rb"[^\n]\x08|\x08|\^\[\[[0-?]*[ -/]*[@-~]"
_SEQUENCE = SEQUENCE.encode() + rb"|\x00"
# What clears the screen, or resets the terminal.
_AFRESH = rb"\x1b\[[\d;]*[HJf]|\x1bc"


def cleaned(text: bytes) -> bytes:
    """Whole lines of a text without what terminals and serial lines add."""
    lines = text.split(b"\n")
    return b"\n".join(_cleaned_line(line) if is_spoilt(line) else line for line in lines)


def _cleaned_line(line: bytes) -> bytes:
    line = line.rstrip(b"\r")
    line = re.sub(_SHOWN, b"", line)
    if not is_spoilt(line):
        return line
    plain = re.sub(_SEQUENCE, b"", line)
    text = plain.replace(b"\r", b"").decode("utf-8", "replace")
    if re.match(rb"\s*" + _STAMP, plain) or parse_record(text) is not None:
        return plain.replace(b"\r", b"")
    pieces = re.split(rb"\r+|" + _AFRESH, line)
    return b"\n".join(filter(None, (re.sub(_SEQUENCE, b"", piece) for piece in pieces)))
