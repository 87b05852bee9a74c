"""Network namespaces: found without entering one, and never taken for another."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.counters import Counters
from ec2rl.conntrack.namespaces import Namespace, Namespaces, find_namespaces, inode_number
from ec2rl.conntrack.tables import Table, read_again, read_tables
from ec2rl.host.caching import CachingHost
from ec2rl.host.live import LiveHost
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable, Why
from ec2rl.report.wording import text
from support.fill import Row, fill, keep_private

STAT = "entries insert_failed drop early_drop chaintoolong\n{:08x} 0 0 0 0"
INITIAL = {
    "link /proc/self/ns/pid": "pid:[4026531836]",
    "link /proc/self/ns/net": "net:[4026531840]",
    "link /proc/1/ns/net": "net:[4026531840]",
    "/proc/sys/net/nf_conntrack_max": "262144",
}


def tables(looks: dict[str, str]) -> dict[str, int | str | None]:
    host = CachingHost(
        RecordedHost({**INITIAL, "/proc/1/net/stat/nf_conntrack": STAT.format(1), **looks})
    )
    return {
        one.namespace.label: str(one.counters) if one.count is None else one.count
        for one in read_tables(host, find_namespaces(host))
    }


HERE = "this host (initial network namespace)"
BOUND = "50 30 0:4 net:[4026532004] /run/hidden rw - nsfs x rw"


def test_a_namespace_outlives_the_processes_that_were_asked() -> None:
    """All that were known of it have ended; another one lives there: it is unseen, not gone."""
    looks = {f"link /proc/{pid}/ns/net": "net:[4026532005]" for pid in range(20, 30)}
    ended = {f"netns /proc/{p}/ns/net: inode /proc/thread-self/ns/net": "77" for p in range(24)}
    looks |= {"ls /proc/.": "1\n29\nself", "link /proc/./29/ns/net": "net:[4026532005]", **ended}
    door = "netns /proc/23/ns/net: /proc/net/stat/nf_conntrack"
    unseen = f"{door}: absent (another namespace stands there)"
    assert tables(looks) == {HERE: 1, "netns 4026532005": unseen}
    del looks["ls /proc/."], looks["link /proc/./29/ns/net"]
    assert tables(looks) == {HERE: 1}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (BOUND, {"hidden (netns 4026532004)": "netns /run/hidden: /proc/net/stat/nf_conntrack: "
                 "absent (another namespace stands there)"}),
        ("", {}),
    ],
)  # fmt: skip
def test_what_is_bound_and_cannot_be_reached_is_there_all_the_same(
    after: str, told: dict[str, int | str | None]
) -> None:
    """Another mount lies over its file; one that has vanished meanwhile is left out."""
    looks = {
        "/proc/self/mountinfo": BOUND,
        "/proc/thread-self/mountinfo": after,
        "netns /run/hidden: inode /proc/thread-self/ns/net": "4026532999",
        "netns /run/hidden: /proc/net/stat/nf_conntrack": STAT.format(7),
    }
    assert tables(looks) == {HERE: 1, **told}


def test_processes_threads_and_names_lead_to_namespaces() -> None:
    assert tables(
        {
            "ls /proc/20/task": "20\n21",
            "link /proc/20/ns/net": "net:[4026531840]",
            "link /proc/20/task/21/ns/net": "net:[4026532001]",
            "/proc/20/task/21/net/stat/nf_conntrack": STAT.format(2),
            "/proc/20/task/21/comm": "worker",
            "link /proc/30/ns/net": "net:[4026532002]",
            "/proc/30/net/stat/nf_conntrack": STAT.format(3),
            "ls /run/netns": "blue\nplain",
            "inode /run/netns/blue": "4026532003",
            "inode /run/netns/plain": "77",
            "netns /run/netns/blue: /proc/net/stat/nf_conntrack": STAT.format(4),
            "/proc/self/mountinfo": "50 30 0:4 net:[4026532004] /var/run/my\\040ns rw - nsfs x rw",
            "inode /var/run/my ns": "4026532004",
            "netns /var/run/my ns: /proc/net/stat/nf_conntrack": STAT.format(5),
        }
    ) == {
        HERE: 1,
        "process worker (netns 4026532001)": 2,
        "netns 4026532002": 3,
        "blue (netns 4026532003)": 4,
        "my ns (netns 4026532004)": 5,
    }


BOX = {
    "link /proc/30/ns/net": "net:[4026532002]",
    "link /proc/31/ns/net": "net:[4026532002]",
    "/proc/30/net/stat/nf_conntrack": "!absent",
    "/proc/31/net/stat/nf_conntrack": STAT.format(31),
}


def test_when_the_first_process_ends_the_next_one_tells() -> None:
    assert tables(BOX) == {HERE: 1, "netns 4026532002": 31}


def test_a_process_that_is_another_one_by_now_tells_nothing() -> None:
    moved = {
        "/proc/30/net/stat/nf_conntrack": STAT.format(30),
        "link /proc/30/task/30/ns/net": "net:[4026532009]",
    }
    assert tables({**BOX, **moved}) == {HERE: 1, "netns 4026532002": 31}


def test_a_door_that_leads_elsewhere_by_now_tells_nothing() -> None:
    """The process has ended, and its number is another's: entering by it is not seeing it."""
    looks = {
        "link /proc/30/ns/net": "net:[4026532002]",
        "link /proc/30/task/30/ns/net": "net:[4026532009]",
        "/proc/30/net/stat/nf_conntrack": STAT.format(30),
        "netns /proc/30/ns/net: /proc/net/stat/nf_conntrack": STAT.format(99),
        "netns /proc/30/ns/net: inode /proc/thread-self/ns/net": "4026532009",
    }
    assert tables(looks) == {HERE: 1}


def test_a_name_that_was_made_anew_tells_nothing_of_the_old() -> None:
    looks = {
        "ls /run/netns": "blue",
        "inode /run/netns/blue": "4026532003",
        "netns /run/netns/blue: /proc/net/stat/nf_conntrack": STAT.format(99),
        "netns /run/netns/blue: inode /proc/thread-self/ns/net": "4026532004",
    }
    assert tables(looks) == {HERE: 1}


def test_a_namespace_that_may_not_be_entered_stays_and_says_so() -> None:
    looks = {
        "ls /run/netns": "blue",
        "inode /run/netns/blue": "4026532003",
        "netns /run/netns/blue: /proc/net/stat/nf_conntrack": "!denied needs CAP_SYS_ADMIN",
    }
    label = "blue (netns 4026532003)"
    told = "netns /run/netns/blue: /proc/net/stat/nf_conntrack: denied (needs CAP_SYS_ADMIN)"
    assert tables(looks) == {HERE: 1, label: told}


def test_who_may_not_ask_still_tells_namespaces_apart() -> None:
    denied = {f"link /proc/{pid}/ns/net": "!denied" for pid in (1, 40, 41)}
    looks = {
        **INITIAL,
        **denied,
        "link /proc/9/ns/net": "net:[4026531840]",
        "inode /proc/9/net/stat": "11",
        "inode /proc/1/net/stat": "11",
        "inode /proc/40/net/stat": "12",
        "inode /proc/41/net/stat": "12",
        "/proc/40/net/stat/nf_conntrack": STAT.format(7),
        "/proc/9/net/stat/nf_conntrack": STAT.format(1),
    }
    host = RecordedHost(looks)
    found = read_tables(host, find_namespaces(host))
    assert [(t.namespace.inode, t.count) for t in found] == [(4026531840, 1), (None, 7)]


@pytest.mark.parametrize(
    ("looks", "hidden"),
    [
        ({}, ""),
        ({"link /proc/self/ns/pid": "pid:[4026532500]"}, "only this container's own processes"),
        ({"link /proc/self/ns/pid": "!denied"}, "only this container's own processes"),
        ({"ls /proc": "40\nself"}, "other users' processes are hidden (hidepid)"),
        ({"ls /proc": "!denied"}, "the processes cannot be listed"),
    ],
)
def test_what_cannot_be_seen_is_said(looks: dict[str, str], hidden: str) -> None:
    found = find_namespaces(RecordedHost({**INITIAL, **looks})).hidden
    assert (text(found) if found else "").startswith(hidden)
    assert bool(found) is bool(hidden)


@pytest.mark.parametrize(
    ("link", "number"),
    [
        ("net:[4026531840]", 4026531840),
        ("net:[]", None),
        ("net:[4026531840", None),
        ("mnt:[4026531840]", None),
        ("net:[-1]", None),
        ("net:[12345678901]", None),
        ("", None),
    ],
)
def test_the_number_of_a_namespace(link: str, number: int | None) -> None:
    assert inode_number(link) == number


@given(st.text(max_size=20))
def test_any_link_has_a_number_or_none(link: str) -> None:
    assert inode_number(f"net:[{link}]") is None or link.isdecimal()


def test_the_second_look_keeps_the_first_where_the_namespace_went() -> None:
    one = Namespace(4026532002, False, None, ("/run/netns/x",), "")
    first = Table(one, Counters(5, 0, 0, 0, 0))
    host = RecordedHost({"netns /run/netns/x: /proc/net/stat/nf_conntrack": "!absent"})
    assert read_again(host, (first,), 1.0) == (first,)
    assert read_tables(host, Namespaces((one,), None)) == ()


def needs_namespaces() -> None:
    if os.geteuid():
        pytest.skip("needs root to make network namespaces")
    keep_private()
    made = subprocess.run(["ip", "netns", "add", "hadv-probe"], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"cannot make network namespaces: {made.stderr.decode(errors='replace')}")
    subprocess.run(["ip", "netns", "del", "hadv-probe"], check=True)


def entries(count: int) -> Iterator[Row]:
    for i in range(count):
        yield Row("198.18.0.1", "192.0.2.1", 1024 + i, 53, 17, timeout=600)


@pytest.mark.kernel
@pytest.mark.slow
def test_namespaces_that_come_and_go_are_never_taken_for_one_another() -> None:
    """500 of them: `hadv-N-…` has N entries, whatever number and name it is given again."""
    needs_namespaces()
    rounds, seen, done = 500, 0, threading.Event()
    wrong: list[tuple[str, Table]] = []

    def churn() -> None:
        names = [f"hadv-{count}" for count in (3, 5, 7)]
        for number in range(rounds):
            name = names[number % 3]
            subprocess.run(["ip", "netns", "add", name], check=True)
            fill(name, entries(int(name.partition("-")[2])))
            subprocess.run(["ip", "netns", "del", name], check=True)
        done.set()

    worker = threading.Thread(target=churn)
    worker.start()
    try:
        while not done.is_set() and worker.is_alive():
            host = CachingHost(LiveHost())
            for table in read_tables(host, find_namespaces(host)):
                for path in table.namespace.names:
                    name = path.rpartition("/")[2]
                    if not name.startswith("hadv-"):
                        continue
                    seen += 1
                    expected = int(name.partition("-")[2])
                    if isinstance(table.counters, Unreadable):
                        assert table.counters.why in (Why.ABSENT, Why.FAILED)
                    elif table.count not in range(expected + 1):
                        wrong.append((name, table))
    finally:
        worker.join()
    assert done.is_set()
    assert wrong == []
    assert seen > 100
