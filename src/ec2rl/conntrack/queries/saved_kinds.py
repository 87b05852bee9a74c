"""What people save of connection tracking, told by how it begins."""

from __future__ import annotations

import re

from ec2rl.evidence.kinds import Kind, Row, Use, begins, share

# What its tools and the kernel print alike: addresses in their place in an entry.
_ENTRY = rb".{0,64}\bsrc=[0-9a-fA-F.:*xX-]+ dst="
_OF_SIX = rb".{0,64}\bsrc=[0-9a-fA-F]*:"
# conntrack-tools, src/conntrack.c: a line a CPU; before 1.0.1 /proc's own columns, one a line.
_STATS = (
    rb"(?s).{0,512}?^cpu=\d+\s+(?:found|searched|clashres|entries)=\d+|entries\s+\d+\s*\nsearched\s"
)
_PROC = rb"entries +(?:clashres +|searched +)found +new +invalid "
_FAILED = rb"conntrack v[\w.]+ \(conntrack-tools\): (?!\d+ (?:flow entries|expectations))"
_TABLE = "conntrack -L"


def _is_table(head: bytes) -> bool:
    return share(head, _ENTRY) >= 0.5


def _is_of_six(head: bytes) -> bool:
    return _is_table(head) and share(head, _OF_SIX) >= 0.9


KINDS = (
    Row(Kind(f"{_TABLE} of IPv6", Use.STREAM, _TABLE, "IPv6"), _is_of_six),
    Row(Kind(_TABLE, Use.STREAM, _TABLE), _is_table),
    Row(
        Kind("conntrack -S", Use.TEXT, "conntrack -S"),
        lambda head: re.match(_STATS, head, re.MULTILINE) is not None,
    ),
    Row(
        Kind("/proc/net/stat/nf_conntrack", Use.TEXT, "/proc/net/stat/nf_conntrack"), begins(_PROC)
    ),
    Row(Kind("conntrack, which failed", Use.NOTHING), begins(_FAILED)),
)
