"""What dead kernels left, where it was read in part."""

from __future__ import annotations

import pytest

from ec2rl.facts.crash_records import read_crash_records
from ec2rl.host import Phrase
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why


@pytest.mark.parametrize(
    "path",
    [
        "/sys/fs/pstore/dmesg-ramoops-0",
        "/var/lib/systemd/pstore/1/dmesg-efi-174000000001001",
        "/var/crash/127.0.0.1/vmcore-dmesg.txt",
    ],
)
def test_a_record_that_changed_while_it_was_read_is_not_read(path: str) -> None:
    gap = "was rewritten while it was read: what stood there before may be unseen"
    host = RecordedHost({f"{path}; gap={gap}": "[    1.000000] x\n"})
    records = read_crash_records(host, (Phrase(b"Kernel panic"),))
    assert records.unread == (Unreadable(path, Why.PARTIAL, gap),)
