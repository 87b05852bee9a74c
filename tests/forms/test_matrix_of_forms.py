"""Each event in each form: the same verdict, or a doubt that is named."""

from __future__ import annotations

import pytest

from ec2rl.model import Verdict
from ec2rl.report.wording import details, summary
from support.log_forms import ALL, EVENTS, NO_LOGS, STRONG, records
from support.log_verdicts import NAMES, judged
from support.mutations import PACKED

_DOUBTS = ("not verified", "not understood: ", "Not verified")


@pytest.mark.parametrize("form", ALL)
def test_each_event_is_told_in_each_form(form: str) -> None:
    missed = {}
    for event, (name, message) in EVENTS.items():
        finding = judged(ALL[form](records(message)), [name])[name]
        said = " ".join((summary(finding), *details(finding)))
        if form in STRONG:
            is_told = finding.verdict is Verdict.PROBLEM
        else:
            wanted = (Verdict.UNKNOWN,) if form in NO_LOGS else (Verdict.WARNING, Verdict.UNKNOWN)
            is_told = finding.verdict in wanted and any(doubt in said for doubt in _DOUBTS)
        if not is_told:
            missed[event] = finding.verdict, said
    assert missed == {}


@pytest.mark.parametrize("form", ALL)
def test_a_quiet_log_in_each_form_has_no_event(form: str) -> None:
    found = judged(ALL[form](records("EXT4-fs (nvme0n1p1): re-mounted")), ["softlockup"])
    assert found["softlockup"].verdict in (Verdict.OK, Verdict.UNKNOWN)


DROPPED = "** 17 printk messages dropped **"


def _of_a_console(form: str) -> bytes:
    """A console's text in a form, in which the kernel says, without a stamp, what it dropped."""
    text = ALL[form](records(DROPPED))
    for coding in ("utf-8", "utf-16-le", "utf-16-be"):
        words = "[   99.500000] **".encode(coding)
        text = text.replace(words, "**".encode(coding))
    return text


# journald reads /dev/kmsg, which never says so.
CONSOLES = [form for form in ALL if form not in PACKED and not form.startswith("journalctl -o ")]


@pytest.mark.parametrize("form", CONSOLES)
def test_messages_that_the_kernel_dropped_leave_nothing_known(form: str) -> None:
    found = judged(_of_a_console(form), NAMES)
    assert [name for name, one in found.items() if one.verdict is Verdict.OK] == []
