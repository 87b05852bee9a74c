"""From a journal entry's fields to a record."""

from __future__ import annotations

from ec2rl.host import JournalRecord


def make_record(
    fields: dict[bytes, bytes], boot: str, monotonic: int, realtime: int, *, hit: bool
) -> JournalRecord:
    """Make a record of its fields; the message is cut at 4 KiB."""
    stamp = _number(fields.get(b"_SOURCE_MONOTONIC_TIMESTAMP"))
    return JournalRecord(
        message=fields.get(b"MESSAGE", b"")[:4096].decode("utf-8", "backslashreplace"),
        transport=fields.get(b"_TRANSPORT", b"")[:32].decode("ascii", "backslashreplace"),
        facility=_number(fields.get(b"SYSLOG_FACILITY")),
        boot=boot,
        monotonic=monotonic if stamp is None else stamp,
        realtime=realtime,
        hit=hit,
    )


def _number(text: bytes | None) -> int | None:
    return int(text) if text and len(text) <= 20 and text.isdigit() else None
