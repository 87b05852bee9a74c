"""Netlink's messages and attributes (linux/netlink.h): split into kinds and contents.

Lengths are checked, and nothing else is trusted: what a kernel, or a file, has there may be cut.
"""

from __future__ import annotations

import errno
import os
import sys
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR, DONE = 2, 3  # NLMSG_...
REQUEST, DUMP = 0x1, 0x301  # NLM_F_...
DUMP_INTR = 0x10  # NLM_F_DUMP_INTR

HEADER = 16
"""Bytes of a struct nlmsghdr: length, type, flags, sequence number, port id."""

NFGEN = 4
"""Bytes of a struct nfgenmsg: family, version, resource id."""

NETFILTER = 12  # NETLINK_NETFILTER

NESTED, KIND = 0x8000, 0x3FFF  # NLA_F_NESTED, NLA_TYPE_MASK

_message, _attribute = Struct("=IH").unpack_from, Struct("=HH").unpack_from


class MalformedError(ValueError):
    """Bytes that are not what they should be."""


def messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the type and the body of each message of a datagram.

    MalformedError where a length runs out of the bytes at hand.
    """
    at, end = 0, len(datagram)
    while at + HEADER <= end:
        length, kind = _message(datagram, at)
        if length < HEADER or at + length > end:
            raise MalformedError(f"message of {length} bytes at {at} of {end}")
        yield kind, datagram[at + HEADER : at + length]
        at += length + 3 & ~3


def spans(
    data: bytes | bytearray, at: int, end: int, cut: bool = False
) -> list[tuple[int, int, int]]:
    """Give the type, and where the payload begins and ends, of each attribute in a part of `data`.

    The type has its flags, which `KIND` takes off.  MalformedError where a length runs out of the
    bytes at hand; with `cut` those are given that stand before.
    """
    found: list[tuple[int, int, int]] = []
    while at + 4 <= end:
        length, kind = _attribute(data, at)
        if length < 4 or at + length > end:
            if cut:
                return found
            raise MalformedError(f"attribute of {length} bytes at {at} of {end}")
        found.append((kind, at + 4, at + length))
        at += length + 3 & ~3
    if at < end and not cut:
        raise MalformedError(f"{end - at} bytes after the last attribute")
    return found


def attributes(data: bytes) -> dict[int, bytes]:
    """Split one level of attributes, type to payload; the last of a type wins, as in the kernel.

    MalformedError where a length runs out of the bytes at hand.
    """
    return {kind & KIND: data[start:end] for kind, start, end in spans(data, 0, len(data))}


def refusal(body: bytes) -> int:
    """Give the errno in the body of an `ERROR` or a `DONE`; 0 for an acknowledgement."""
    return -int.from_bytes(body[:4], sys.byteorder, signed=True)


def refused(body: bytes) -> OSError:
    """Give the error that the kernel answered with."""
    code = refusal(body) or errno.EBADMSG
    return OSError(code, os.strerror(code))
