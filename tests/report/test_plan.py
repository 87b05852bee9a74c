"""A plan and its end, as a person reads them."""

from __future__ import annotations

import json

import pytest

from ec2rl.facts.zone import InZone
from ec2rl.model import Finding, Proposal, Rate, Remedy, Risk, Verdict, say
from ec2rl.remedies import (
    EditLines,
    Lines,
    Rebuild,
    Rename,
    SetLink,
    SetRights,
    SetSysctl,
    SetSysfs,
    WriteFile,
)
from ec2rl.report.escape import tied
from ec2rl.report.formats.json import write
from ec2rl.report.plan import Done, claimed, done, fix_facts, helped, plan

MAX = "net.netfilter.nf_conntrack_max"
FILE = "/etc/sysctl.d/99-zz.conf"
WHOLE = Proposal(
    (
        Remedy(
            "Give it room",
            (SetSysctl(MAX, "524288", "262144"), WriteFile(FILE, "a = 2\n", "a = 1\n")),
            Risk.SAFE,
        ),
    ),
    (Remedy("a shorter timeout", (), Risk.RISKY, "it cuts"),),
    (),
    ("Size: twice", "Memory: little"),
    (f"{MAX}  65536  (/etc/sysctl.d/z.conf:1)",),
    (f"sysctl -w {MAX}=524288",),
    (f"{MAX} will be 65536: /etc/sysctl.d/z.conf:1: evil\x1b[2J = 1",),
)

CHOICES = """\
-----------------[Plan]-----------------

Nothing is proposed: what was found does not say that today's settings are too small.
To choose: --set NAME=N, with NAME one of max, buckets
"""

PLAN = """\
-----------------[Plan]-----------------

Give it room (risk: safe)
Now:
    net.netfilter.nf_conntrack_max  262,144 -> 524,288
For the next boot:
    --- /etc/sysctl.d/99-zz.conf
    +++ /etc/sysctl.d/99-zz.conf
    @@ -1 +1 @@
    -a = 1
    +a = 2
Size: twice
Memory: little
On trial: taken back after 2 min unless you confirm it (sudo ./ec2rl keep)
After a reboot:
    net.netfilter.nf_conntrack_max  65536  (/etc/sysctl.d/z.conf:1)
NOT PERSISTENT, a reboot will not keep it:
    net.netfilter.nf_conntrack_max will be 65536: /etc/sysctl.d/z.conf:1: evil\\x1b[2J = 1

Offered, and not in this plan:
    a shorter timeout
        high risk: it cuts

The same by hand, as root:
    sysctl -w net.netfilter.nf_conntrack_max=524288
"""

LOST = "packets lost"
ITEMS = ({"target": MAX, "before": "262144", "after": "524288"},)

DONE = """\
-----------------[Done]-----------------

Change 3:
    net.netfilter.nf_conntrack_max: 262,144 -> 524,288

It helped: packets lost 37/s before, 0/s after.
NOT PERSISTENT, a reboot will not keep it:
    net.netfilter.nf_conntrack_max will be 65536: /etc/sysctl.d/z.conf:1: evil\\x1b[2J = 1
To take it back: sudo ./ec2rl undo 3
"""


def test_a_plan_tells_everything_before_it_is_done() -> None:
    assert plan(WHOLE, 120.0) == PLAN


NARROW = """\
-----------------[Plan]-----------------

Give it room (risk: safe)
Now:
    net.netfilter.nf_conntrack_max
        262,144 -> 524,288
For the next boot:
    --- /etc/sysctl.d/99-zz.conf
    +++ /etc/sysctl.d/99-zz.conf
    @@ -1 +1 @@
    -a = 1
    +a = 2, as a line that is longer than the terminal is wide
Size: look first whether it is wanted:
   sudo ./ec2rl conntrack top
On trial: taken back after 2 min unless
   you confirm it (sudo ./ec2rl keep)
After a reboot:
    net.netfilter.nf_conntrack_max
        65,536  (/etc/sysctl.d/z.conf:1)

Offered, and not in this plan:
    a shorter timeout, as far as that
        goes
        high risk: it cuts, and not only
        what is dead

The same by hand, as root:
    sysctl -w net.netfilter.nf_conntrack_max=524288
"""


def test_on_a_terminal_sentences_are_filled_and_commands_and_texts_stay_whole() -> None:
    longer = "a = 2, as a line that is longer than the terminal is wide\n"
    changes = SetSysctl(MAX, "524288", "262144"), WriteFile(FILE, longer, "a = 1\n")
    caveat = "it cuts, and not only what is dead"
    shown = Proposal(
        (Remedy("Give it room", changes, Risk.SAFE),),
        (Remedy("a shorter timeout, as far as that goes", (), Risk.RISKY, caveat),),
        notes=(f"Size: look first whether it is wanted: {tied('sudo ./ec2rl conntrack top')}",),
        after=(f"{MAX}  65,536  (/etc/sysctl.d/z.conf:1)",),
        by_hand=(f"sysctl -w {MAX}=524288",),
    )
    assert plan(shown, 120.0, width=40) == NARROW
    wide, found = plan(shown, 120.0), Finding(Verdict.PROBLEM, say("full"))
    assert "wanted: sudo ./ec2rl conntrack top\n" in wide
    assert "\u00a0" not in wide + NARROW + write(fix_facts("m", found, shown, None))


def test_the_end_on_a_terminal_keeps_commands_whole() -> None:
    said = done(Done(3, ITEMS, True, Rate(37.0, LOST), Rate(9.0, LOST), None, ""), WHOLE, "a b", 40)
    assert "    net.netfilter.nf_conntrack_max:\n        262,144 -> 524,288\n" in said
    assert said.endswith("\nTo take it back: sudo ./ec2rl undo 3\n")


def test_what_an_undo_claims_is_filled_and_its_texts_stay_whole() -> None:
    text = "        -" + "a" * 60
    said = claimed(["Would take back change 1:", f"    {MAX}: 9 -> 8", text], 40)
    assert said == ["Would take back change 1:", f"    {MAX}:\n        9 -> 8", text]
    assert claimed([f"    {MAX}: 9 -> 8"], None) == [f"    {MAX}: 9 -> 8"]


def test_the_end_of_a_trial_is_told_with_its_zone() -> None:
    with InZone("IST-5:30"):
        said = done(Done(3, ITEMS, True, None, None, 1790000000.0, ""), WHOLE)
    assert "On trial: taken back at 19:43:20 +0530 unless you say: sudo ./ec2rl keep\n" in said


def test_what_was_done_whether_it_helped_and_how_it_is_taken_back() -> None:
    assert done(Done(3, ITEMS, True, Rate(37.0, LOST), Rate(0.0, LOST), None, ""), WHOLE) == DONE


@pytest.mark.parametrize(
    ("proposal", "words"),
    [
        (Proposal(), "Nothing to do: everything is already as you asked.\n"),
        (
            Proposal(refused=("not here",), by_hand=("sysctl -w a=1",)),
            "Refused:\n    not here\n\nBy hand, there:\n    sysctl -w a=1\n",
        ),
        (
            Proposal(not_persistent=("a will be 1",)),
            "Nothing that this program could do: now it is as you asked.\n"
            "NOT PERSISTENT, a reboot will not keep it:\n    a will be 1\n",
        ),
        (
            Proposal(maybe_persistent=("a: nobody can tell",)),
            "Nothing that this program could do: now it is as you asked.\n"
            "It cannot be told whether a reboot keeps it:\n    a: nobody can tell\n",
        ),
    ],
)
def test_a_plan_of_nothing(proposal: Proposal, words: str) -> None:
    assert plan(proposal) == f"-----------------[Plan]-----------------\n\n{words}"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (None, 0.0, "Whether it helped is not known: what is lost now could not be counted."),
        (0.0, 0.0, "Nothing is being lost now: packets lost 0/s before, 0/s after."),
        (37.0, 0.0, "It helped: packets lost 37/s before, 0/s after."),
        (37.0, 2.0, "It helps: packets lost 37/s before, 2/s after; look again soon: sudo x"),
        (37.0, 36.0, "It did not help yet: packets lost 37/s before, 36/s after; details: sudo x"),
        (0.0, 5.0, "It did not help yet: packets lost 0/s before, 5/s after; details: sudo x"),
    ],
)
def test_whether_it_helped(before: float | None, after: float, words: str) -> None:
    first = None if before is None else Rate(before, LOST)
    assert helped(first, Rate(after, LOST), "sudo x") == words


def test_the_plan_and_its_end_are_one_document() -> None:
    finding = Finding(Verdict.PROBLEM, say("full"))
    made = Done(3, ITEMS, True, Rate(37.0, LOST), Rate(0.0, LOST), None, "")
    told = json.loads(write(fix_facts("conntrackfull", finding, WHOLE, made)))
    assert told == {
        "module": "conntrackfull",
        "verdict": "PROBLEM",
        "summary": "full",
        "unsettled": [],
        "plan": [
            {
                "title": "Give it room",
                "risk": "safe",
                "caveat": "",
                "changes": [
                    {"set": MAX, "before": "262144", "value": "524288"},
                    {"write": FILE, "before": "a = 1\n", "text": "a = 2\n"},
                ],
            }
        ],
        "offered": [
            {"title": "a shorter timeout", "risk": "risky", "caveat": "it cuts", "changes": []}
        ],
        "refused": [],
        "notes": ["Size: twice", "Memory: little"],
        "after_reboot": list(WHOLE.after),
        "by_hand": list(WHOLE.by_hand),
        "lasting": False,
        "fleeting": list(WHOLE.not_persistent),
        "maybe_fleeting": [],
        "done": {
            "change": 3,
            "items": list(ITEMS),
            "per_second": LOST,
            "before": 37.0,
            "after": 0.0,
            "trial_until": None,
        },
    }
    assert json.loads(write(fix_facts("conntrackfull", finding, WHOLE, None)))["done"] is None


def test_every_kind_of_change_is_shown_with_what_was_and_what_will_be() -> None:
    line = "/dev/xvdf /data ext4 defaults 0 2"
    remedy = Remedy(
        "Let it boot",
        (
            SetSysfs("/sys/block/vda/queue/scheduler", "none", "kyber"),
            SetSysctl("vm.swappiness", "10", "60"),
            EditLines("/etc/fstab", (Lines(3, (line,), (line.replace("defaults", "nofail"),)),)),
            SetRights("/etc/shadow", (0o600, 0, 0), (0o666, 0, 0)),
            Rename("/etc/a.conf", "/etc/a.conf.off"),
            SetLink("/etc/localtime", "UTC\x1b", None),
            Rebuild("/boot/initrd.img", ("/usr/bin/dracut", "{out}"), "initrd"),
        ),
        Risk.RISKY,
    )
    assert plan(Proposal((remedy,))).splitlines()[2:] == [
        "Let it boot (risk: high)",
        "Now:",
        "    /sys/block/vda/queue/scheduler  kyber -> none",
        "    vm.swappiness                   60 -> 10",
        "On disk:",
        "    --- /etc/fstab",
        "    +++ /etc/fstab",
        "    @@ line 3 @@",
        "    -/dev/xvdf /data ext4 defaults 0 2",
        "    +/dev/xvdf /data ext4 nofail 0 2",
        "    /etc/shadow     mode 666, user 0, group 0 -> mode 600, user 0, group 0",
        "    /etc/a.conf     /etc/a.conf -> /etc/a.conf.off",
        "    /etc/localtime  no link -> link to UTC\\x1b",
        "For the next boot:",
        "    /boot/initrd.img  kept -> rebuilt by /usr/bin/dracut {out}",
    ]


def test_where_nothing_was_wished_for_and_nothing_is_proposed_it_is_said_how_to_choose() -> None:
    assert plan(Proposal(), choices=("max", "buckets")) == CHOICES
    assert "everything is already as you asked" in plan(Proposal())
    assert "To choose" not in plan(Proposal(refused=("not here",)), choices=("max",))
