"""The kinds of files that are evidence, each told by how a file begins.

A kind is a row of a table; a package that is a subject brings its own (`saved_evidence.kinds`).
"""

from __future__ import annotations

import re
from io import BytesIO

from ec2rl import slices
from ec2rl.forms.line_ends import has_form
from ec2rl.forms.mend import SEQUENCE
from ec2rl.host import DF, DF_INODES
from ec2rl.host.bare import bare
from ec2rl.host.codings import decoded
from ec2rl.host.saved import BLANK
from ec2rl.host.sos_layout import SETTING
from ec2rl.record import Choice, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

HEAD = 256 << 10
FORM = 16 << 10
"""Bytes of a text by which it is told, and of a log."""


FIRST = rb"(?:[^\n]{0,200}\n){0,3}?"
"""What somebody may have written above a text that begins in a form."""


class Use(Choice):
    """What becomes of a file."""

    LOG = "searched"
    TEXT = "read whole"
    SETTINGS = "the text of sysctl -a"
    RELEASE = "the text of uname -a"
    STREAM = "read as it streams past, by the package of its subject"
    ARCHIVE = "a machine of its own, read as a sosreport"
    ROOT = "a machine of its own, mounted"
    RECORDING = "a machine of its own, replayed"
    NOTHING = "not read"
    LOST = "may be evidence, and could not be read"


@record(frozen=True)
class Kind:
    """What a file is: `name` is what people call it.

    `key` is the look that it answers (`RecordedHost`), `part` what tells it from others that
    answer the same and go with it: the tables of IPv4 and of IPv6.
    """

    name: str
    use: Use
    key: str = ""
    part: str = ""


@record(frozen=True)
class Row:
    """A kind, and what says of a beginning (`plain`) whether it is one.

    `first` and `line` are the forms of its first line and of the others, by which it is found where
    it stands among what else somebody pasted; without a `first`, any line begins it.
    """

    kind: Kind
    tell: Callable[[bytes], bool]
    line: bytes = b""
    first: bytes = b""


def share(head: bytes, line: bytes) -> float:
    """Tell how many of a beginning's lines have a form, from 0 to 1; a cut last one does not count.

    Blank lines are none.
    """
    lines = [one for one in head.split(b"\n") if one.strip()]
    if len(lines) > 1 and len(head) >= HEAD:
        lines.pop()
    matches = re.compile(line).match
    return sum(matches(one) is not None for one in lines) / len(lines) if lines else 0.0


def plain(head: bytes) -> bytes:
    """Write a beginning in UTF-8, without the marks of its encoding, colours and line ends."""
    head = decoded(head).removeprefix(b"\xef\xbb\xbf")
    return re.sub(SEQUENCE.encode() + rb"|\r(?=\r*\n)", b"", head)


def mostly(line: bytes) -> Callable[[bytes], bool]:
    """Tell a text of which most lines have a form."""
    return lambda head: share(head, line) >= 0.5


def begins(pattern: bytes) -> Callable[[bytes], bool]:
    """Tell a text that begins in a form."""
    return lambda head: re.match(pattern, head) is not None


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _is_recording(head: bytes) -> bool:
    """Before its first look it has a title or comments; a log may hold anything, in its middle."""
    first = re.search(rb"(?m)^(?:# )?-- (?:clock|options) --$", head)
    if first is None:
        return False
    return not any(map(has_form, head[: first.start()].decode("utf-8", "replace").split("\n")))


# procps, sysctl.c, and busybox alike; what it may not read it says on its other stream.
_SETTING = b"(?:sysctl: .*|" + SETTING.encode() + b")$"
# Among other text only what nothing else is written like.
CLEAR_SETTING = (
    rb"(?:sysctl: |/proc/sys/\S+ *[:=]"
    rb"|(?:abi|crypto|debug|dev|fs|kernel|net|sunrpc|user|vm|xen)[./][\w./@:*-]+ = )"
)


def _is_sysctl_conf(head: bytes) -> bool:
    """What is set by it has comments, and no count; sysctl(8) prints none."""
    is_said = re.search(rb"(?m)^[#;]", head) is not None and b"_count" not in head
    return is_said and share(head, b"[#;]|" + _SETTING) >= 0.9


# ethtool.c, do_gstats() and netlink/stats.c.
_COUNTER = rb"\s+[^\s:][^:]{0,40}: \d+$"
# iproute2, misc/nstat.c, dump_kern_db(): a name, a count, a rate.
_NSTAT = rb"(?:#kernel|(?:Ip|Icmp|Tcp|Udp|Sctp|Mptcp|Tls)\w* +\d+ +[\d.]+)$"
# net-tools, statistics.c: a title for each part, and what it counts below it.
_NETSTAT = rb"(?:Ip|Icmp|Tcp|Udp|TcpExt|IpExt|MPTcpExt):$"
_UNAME = rb"Linux [\w.-]+ \d+\.\d+[\w.+~-]* #\d"
_DF = (
    rb"(?:[A-Z][\w. ]{4,24} (?:Type +)?(?:\d+\w?-\S+|Size|Inodes) +|\S+ +(?:[a-z]\S* +)?"
    rb"(?:(?:[\d.,]+\w{0,3}|-) +){3}(?:\d{1,3}%|-) +/)"
)
# A device of a long name stands alone above its numbers.
_DF_LINE = _DF + rb"|/dev/\S+ *$| +(?:[\d.,]+\w{0,3} +){3}\d{1,3}% +/"
_NIC = rb"NIC statistics:\s*$"

_TEXTS = (
    Row(Kind("sysctl.conf, which a boot reads", Use.NOTHING), _is_sysctl_conf),
    Row(Kind("sysctl -a", Use.SETTINGS), mostly(_SETTING), CLEAR_SETTING),
    Row(Kind("uname -a", Use.RELEASE), begins(_UNAME + rb"[^\n]*\s*$"), _UNAME),
    Row(
        Kind("/proc/meminfo", Use.TEXT, "/proc/meminfo"),
        begins(rb"MemTotal: +\d+ kB\n"),
        rb"[\w()]+: +\d+(?: kB)?$",
        rb"MemTotal: ",
    ),
    Row(
        Kind("/proc/net/dev", Use.TEXT, "/proc/net/dev"),
        begins(rb"Inter-\| +Receive"),
        rb" face \||\s*\S+: *\d",
        rb"Inter-\| ",
    ),
    Row(Kind("nstat", Use.TEXT, "nstat"), mostly(_NSTAT), _NSTAT),
    Row(
        Kind("netstat -s", Use.TEXT, "netstat -s"),
        lambda h: len(re.findall(rb"(?m)^" + _NETSTAT, h)) > 1,
        rb"\w+:$|\s+\S",
        _NETSTAT,
    ),
    Row(
        Kind("df -i", Use.TEXT, DF_INODES),
        lambda h: share(h, _DF_LINE) >= 0.9
        and re.match(rb"[^\n]*(?:In[o\xc5][^\n ]*|IUse%)", h) is not None,
        _DF_LINE,
        _DF,
    ),
    Row(Kind("df", Use.TEXT, DF), lambda h: share(h, _DF_LINE) >= 0.9, _DF_LINE, _DF),
    Row(
        Kind("ethtool -S", Use.TEXT, "ethtool -S"),
        begins(FIRST + rb"NIC statistics:\s*\n"),
        _COUNTER,
        _NIC,
    ),
    Row(Kind("ethtool -S", Use.TEXT, "ethtool -S"), lambda h: share(h, _COUNTER) >= 0.9),
)
_MACHINES = (
    Row(Kind("recording", Use.RECORDING), _is_recording),
    Row(Kind("tar archive", Use.ARCHIVE), _is_tar),
)
_LOGS = {
    "journal file": "journal file",
    "export": "journal export",
    "json": "journal as JSON",
    "verbose": "journalctl -o verbose",
    "dmesg": "dmesg",
    "dmesg json": "dmesg as JSON",
    "docker json": "a container's log as JSON",
    "events json": "CloudWatch's events as JSON",
    "syslog": "syslog",
}
_CONSOLE = Kind("console", Use.LOG)
_EMPTY = Kind("empty", Use.NOTHING)
_UNSEEN = Kind("blank as far as it was looked at", Use.LOST)
UNKNOWN = Kind("text of no form that is known", Use.LOG)


def kind_of(head: bytes) -> Kind:
    """Tell what a file is by the beginning of its unpacked bytes, and never by its name."""
    text = plain(head)
    if not text.strip(BLANK):
        return _EMPTY if len(head) < HEAD else _UNSEEN
    for row in _MACHINES:
        if row.tell(text):
            return row.kind
    if printed := printed_kind(bare(text)):
        return printed
    if login := _logins(head):
        return login
    found = log_kind(head)
    if found is UNKNOWN and _is_binary(text[:4096]):
        return Kind("binary data of no format that is known", Use.LOST)
    return found


_WTMP = Kind("wtmp: logins and boots; read with the volume that it is of (--root)", Use.NOTHING)
_BTMP = Kind("btmp: failed logins, which no module reads", Use.NOTHING)
_LAST = Kind("lastlog: the last login of each user, which no module reads", Use.NOTHING)
_LOGIN_PROCESS = 6
_UTMP, _LASTLOG = 384, 292
"""Bytes of a record of utmp(5) and of lastlog, of glibc on all architectures (bits/utmp.h)."""


def _logins(head: bytes) -> Kind | None:
    """Tell what keeps logins, which no module reads, from binary data that may be evidence."""
    records = [head[at : at + _UTMP] for at in range(0, len(head) - _UTMP + 1, _UTMP)][:8]
    # ut_type from 0 to 9, its padding, and a line that ends in zeros or not at all.
    if records and all(
        one[0] < 10 and not any(one[1:4]) and _is_padded(one[8:40]) and _is_padded(one[44:76])
        and _is_padded(one[76:332]) and not any(one[364:])
        for one in records
    ):  # fmt: skip
        failed = any(b"ssh:notty" in one or one[0] == _LOGIN_PROCESS for one in records)
        return _BTMP if failed else _WTMP
    seen = [head[at : at + _LASTLOG] for at in range(0, len(head) - _LASTLOG + 1, _LASTLOG)]
    said = [one for one in seen if any(one)]
    if said and all(
        any(one[:4]) and _is_padded(one[4:36]) and _is_padded(one[36:]) and not one[35] | one[-1]
        for one in said
    ):
        return _LAST
    return None


def _is_padded(field: bytes) -> bool:
    """Tell a name that zeros follow to the end of its field."""
    return re.fullmatch(rb"[^\x00-\x1f\x7f]*\0*", field) is not None


def printed_kind(text: bytes) -> Kind | None:
    """Tell what printed a text that is `bare`, None for a log and what nobody knows."""
    return next((row.kind for row in rows() if row.tell(text)), None)


def rows() -> Iterator[Row]:
    """Give the kinds of what programs print, the one that counts first."""
    for form in slices.parts("saved_evidence").values():
        yield from form.kinds()
    yield from _TEXTS


def log_kind(head: bytes) -> Kind:
    """Tell a log by its form; a document that is none is searched all the same."""
    from ec2rl.host.console import is_document, is_other_json
    from ec2rl.host.transcode import plain_text

    if is_document(head) and not is_other_json(head):
        return _CONSOLE
    text = plain_text(BytesIO(head).read, head[:FORM])
    what = text.what.kind
    if what == "document":
        return Kind(text.what.no_log, Use.LOG, part="document")
    if what in ("dmesg", "unknown"):
        while text.read(HEAD):
            pass
        what = "console" if text.clean.is_console else what
    if what == "console":
        return _CONSOLE
    return Kind(_LOGS[what], Use.LOG) if what in _LOGS else UNKNOWN


def _is_binary(head: bytes) -> bool:
    return len(re.findall(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head)) > len(head) // 10
