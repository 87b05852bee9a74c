"""What modules say of a saved text of a log."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ec2rl.catalogue import load
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host import Phrase
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.host.saved import Saved
from ec2rl.host.saved_logs import read_logs
from ec2rl.model import Finding, Why
from ec2rl.module import Options
from support.log_forms import EVENTS


def modules(names: Sequence[str]) -> tuple[Phrase, ...]:
    return tuple({phrase: None for name in names for phrase in load(name).phrases})


NAMES = tuple(dict.fromkeys(name for name, _ in EVENTS.values()))
PHRASES = modules(NAMES)


def judged(
    data: bytes, names: Sequence[str], phrases: tuple[Phrase, ...] = PHRASES
) -> dict[str, Finding]:
    """The findings of these modules on a saved text, without a process of its own."""
    fd = os.memfd_create("log")
    try:
        os.write(fd, data)
        os.lseek(fd, 0, os.SEEK_SET)
        text = read_logs([Saved("log", fd)], phrases)
    finally:
        os.close(fd)
    host = RecordedHost(sections(text)[1], "the log", missing=Why.NOT_COLLECTED)
    log = read_kernel_log(host, phrases)
    options = Options()
    loaded = {name: load(name) for name in names}
    return {name: one.judge(one.read(host, log, options)) for name, one in loaded.items()}
