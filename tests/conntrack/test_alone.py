"""`--netns`: one network namespace judged alone, by its own table and its own lines."""

from __future__ import annotations

import json

import pytest

from ec2rl.catalogue import load
from ec2rl.host.recording import RecordedHost
from ec2rl.module import Diagnosis, Options, diagnose
from support.answers import validate
from support.cases import told
from test_cli import ec2rl

HOST, SHOP, OTHER = 4026531840, 4026532001, 4026532002
NAMES = (
    "entries clashres found new invalid ignore delete chainlength insert insert_failed drop "
    "early_drop icmp_error expect_new expect_create expect_delete search_restart"
)
LINE = "nf_conntrack: nf_conntrack: table full{}, dropping packet"


def counters(entries: int, drop: int) -> str:
    numbers = [entries, *[0] * 9, drop, *[0] * 6]
    return f"{NAMES}\n{' '.join(f'{n:08x}' for n in numbers)}"


def kmsg(*messages: str, lost: bool = False) -> str:
    first = ["4,90000,50000000,-;something"] if lost else ["6,0,0,-;Linux version 6.18"]
    lines = [f"4,{number},{3600 + number}000000,-;{one}" for number, one in enumerate(messages, 1)]
    return "\n".join(first + lines)


def judged(
    said: str, log: str, drops: dict[int, int], release: str = "6.18.44", **looks: str
) -> Diagnosis:
    """The host (PID 1), the shop (30) and another namespace (40), each with its drops."""
    made = {
        "clock": "now=2026-11-24T02:00:00Z uptime=86400",
        "/proc/sys/kernel/random/boot_id": "11111111-1111-1111-1111-111111111111",
        "/proc/sys/kernel/osrelease": release,
        "link /proc/self/ns/pid": "pid:[4026531836]",
        "link /proc/self/ns/net": f"net:[{HOST}]",
        "/proc/sys/net/nf_conntrack_max": "1000",
        "/proc/sys/net/netfilter/nf_conntrack_max": "1000",
        "/proc/self/mountinfo": f"40 30 0:4 net:[{SHOP}] /run/netns/shop rw - nsfs nsfs rw",
        "/dev/kmsg": log,
    }
    for pid, inode in ((1, HOST), (30, SHOP), (40, OTHER)):
        made[f"link /proc/{pid}/ns/net"] = f"net:[{inode}]"
        made[f"/proc/{pid}/net/stat/nf_conntrack"] = counters(5, drops.get(inode, 0))
    door = "netns /run/netns/shop: "
    made[f"{door}/proc/net/stat/nf_conntrack"] = made["/proc/30/net/stat/nf_conntrack"]
    made[f"{door}inode /proc/thread-self/ns/net"] = str(SHOP)
    made.update(looks)
    return diagnose(load("conntrackfull"), RecordedHost(made), Options(0, netns=said))


def said_of(*what: object, **looks: str) -> str:
    found = judged(*what, **looks)  # type: ignore[arg-type]
    return told("conntrackfull", found.finding)


def test_lines_and_counters_of_others_are_not_its_own() -> None:
    log = kmsg(LINE.format(f" in netns {OTHER}"), LINE.format(""), LINE.format(""))
    assert said_of("shop", log, {OTHER: 7, HOST: 2}) == (
        "OK conntrackfull: No conntrack table full errors found. (in shop (netns 4026532001) "
        "alone)\n"
        "-- Judged alone: shop (netns 4026532001); 3 table-full lines are about another one\n"
        "-- shop (netns 4026532001): 5 of 1,000 entries (below 1%)\n"
        "-- Rests on: dmesg, whole since boot, without a table-full line; 1 table seen, the "
        "fullest with 5 of 1,000 entries\n"
        "-- Read: dmesg\n"
        "-- Not read: journal: absent; /var/log: absent"
    )


@pytest.mark.parametrize("said", ["shop", str(SHOP), "30", "/run/netns/shop"])
def test_it_is_named_in_every_way_and_told_of_its_own(said: str) -> None:
    log = kmsg(LINE.format(f" in netns {SHOP}"), LINE.format(f" in netns {OTHER}"))
    text = said_of(said, log, {SHOP: 3, OTHER: 7})
    assert text.startswith(
        "PROBLEM conntrackfull: Conntrack table full errors found. 1 occurrence in dmesg "
        "(in shop (netns 4026532001) alone)\n"
    )
    assert "shop (netns 4026532001): 5 of 1,000 entries (below 1%), 3 packets lost since it" in text
    assert "7 packets" not in text
    assert f"Next: sudo ./ec2rl explain conntrackfull --netns={SHOP}" in text


def test_a_number_that_was_given_anew_brings_no_lines_along() -> None:
    text = said_of("shop", kmsg(LINE.format(f" in netns {SHOP}")), {})
    assert text.startswith("OK ")
    assert "1 table-full line is about another one" in text


OLD = kmsg(LINE.format(""), LINE.format(""))


def test_an_old_kernel_names_none_and_the_counter_decides() -> None:
    text = said_of("shop", OLD, {SHOP: 3, OTHER: 7}, "6.1.0-18-amd64")
    assert text.startswith("PROBLEM conntrackfull: Conntrack table full errors found. 2 occ")
    assert "; 2 lines name no namespace, and may be about another one" in text
    assert said_of("shop", OLD, {OTHER: 7}, "6.1.0-18-amd64").startswith("OK ")


def test_what_it_lost_could_not_be_read_and_lines_name_nobody() -> None:
    shut = {
        "/proc/30/net/stat/nf_conntrack": "!denied needs root",
        "netns /run/netns/shop: /proc/net/stat/nf_conntrack": "!denied needs root",
    }
    text = said_of("shop", OLD, {}, "6.1.0-18-amd64", **shut)
    assert text.startswith("UNKNOWN ")
    assert "2 table-full lines name no namespace" in text


def test_its_own_counters_make_up_for_a_log_that_is_cut() -> None:
    text = said_of("shop", kmsg(lost=True), {OTHER: 7})
    assert text.startswith("OK ")
    assert "Rests on: its own counters: it has lost no packet since it was made" in text
    assert "Every network namespace" not in text


def test_one_that_has_gone_is_no_success() -> None:
    text = said_of("nobody", kmsg(), {})
    assert text.startswith("UNKNOWN conntrackfull: Cannot tell whether the conntrack table has")
    assert "no namespace of this name: there are shop" in text


def test_the_facts_say_that_the_others_were_not_looked_at() -> None:
    facts = judged("shop", kmsg(), {}).finding.facts
    assert facts["alone"] == {"inode": SHOP, "label": "shop (netns 4026532001)"}
    assert facts["namespaces_complete"] is False
    assert judged("", kmsg(), {}).finding.facts["alone"] is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("run --netns=4026539999", "no namespace has this number"),
        ("run --netns=1 --only-modules=kernelbug", "kernelbug: about the whole machine"),
        ("explain kernelbug --netns=1", "kernelbug: about the whole machine"),
        ("run --netns=1 --remediate", "--remediate is about the whole machine"),
        ("run --netns=1 --record=x", "--record is of the whole machine"),
        ("run --netns=1 --root=/", "nothing else that is saved has its network namespaces"),
        ("run --netns=1 --log=/dev/null", "nothing else that is saved has its network namesp"),
        ("run --netns=1 /dev/null", "nothing else that is saved has its network namespaces"),
        ("explain conntrackfull /dev/null --netns=1", "nothing else that is saved has its netw"),
    ],
)
@pytest.mark.sampled(3)
def test_what_cannot_be_said_of_one_namespace_is_refused(words: str, why: str) -> None:
    done = ec2rl(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr


@pytest.mark.more
def test_this_process_is_in_one() -> None:
    own = "--netns=/proc/self/ns/net"
    done = ec2rl("run", "--no-save", own, "--interval=0", "--only-modules=conntrackfull,kernelbug")
    assert "judged alone by conntrackfull; the other modules judge the whole machine" in done.stdout
    report = json.loads(ec2rl("run", "--no-save", own, "--interval=0", "--json").stdout)
    validate("run", json.dumps(report))
    (one,) = [one for one in report["results"] if one["module"] == "conntrackfull"]
    assert len(one["namespaces"]) == 1
    assert one["alone"]["inode"] == one["namespaces"][0]["inode"]
    (row,) = json.loads(ec2rl("conntrack", "namespaces", own, "--json").stdout)["namespaces"]
    assert row["inode"] == one["alone"]["inode"]


@pytest.mark.parametrize(
    ("said", "first"),
    [("shop", "[FAILURE] Conntrack table full errors found. 40 occ"), ("nobody", "[UNKNOWN] ")],
)
def test_a_recording_has_its_namespaces(said: str, first: str) -> None:
    replay = "--replay=src/ec2rl/demo/full-table.case"
    done = ec2rl(
        "run", "--no-save", replay, f"--netns={said}", "-q", "--only-modules=conntrackfull"
    )
    assert done.stderr == ""
    assert first in done.stdout
    assert f"{said}" in done.stdout.partition("(in ")[2].partition(" alone)")[0]
