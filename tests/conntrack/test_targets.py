"""A word means one namespace, or none is taken: names, numbers, containers, PIDs."""

from __future__ import annotations

import pytest

from ec2rl.conntrack.namespaces import find_namespaces
from ec2rl.conntrack.table.targets import TableTarget, TableTargets, find_targets, worth_a_walk
from ec2rl.conntrack.tables import Limits
from ec2rl.conntrack.which_namespace import namespace_meant
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Unreadable

HOST, SHOP, OTHER = 4026531840, 4026532001, 4026532002
ID, NEAR = "ab" * 32, "ab" * 6 + "cd" * 26
"""Two ids of containers with the same first twelve digits."""

MOUNT = "40 30 0:4 net:[{}] {} rw - nsfs nsfs rw"
BASE = {
    "ls /proc": "1\n30\n40",
    "link /proc/self/ns/net": f"net:[{HOST}]",
    "link /proc/1/ns/net": f"net:[{HOST}]",
    "link /proc/30/ns/net": f"net:[{SHOP}]",
    "link /proc/40/ns/net": f"net:[{OTHER}]",
    "/proc/sys/net/nf_conntrack_max": "1000",
}


def bound(**paths: int) -> dict[str, str]:
    lines = [MOUNT.format(number, path) for path, number in paths.items()]
    return {"/proc/self/mountinfo": "\n".join(lines)}


def container(pid: int, cgroup: str) -> dict[str, str]:
    return {f"/proc/{pid}/cgroup": f"0::{cgroup}"}


def meant(said: str, *looks: dict[str, str]) -> int | str | None:
    """The number of the namespace that is meant, or why none is."""
    merged = dict(BASE)
    for look in looks:
        merged.update(look)
    targets = find_targets(RecordedHost(merged), said)
    if isinstance(targets, Unreadable):
        return str(targets)
    assert isinstance(targets, TableTargets)
    return targets.chosen[0].inode


def two(said: str, one: str, other: str) -> str:
    them = f"{one}, {other}; say its number or its path instead"
    return f"netns {said}: failed (more than one namespace can be meant: {them})"


@pytest.mark.parametrize(
    ("said", "looks", "one", "other"),
    [
        ("shop", bound(**{"/run/netns/shop": OTHER, "/opt/b1/shop": SHOP}),
         f"{SHOP} (/proc/30/ns/net)", f"{OTHER} (/run/netns/shop)"),
        ("default", bound(**{"/run/docker/netns/default": HOST, "/run/netns/default": SHOP}),
         f"{HOST} (/run/docker/netns/default)", f"{SHOP} (/run/netns/default)"),
        ("40", bound(**{"/run/netns/40": SHOP}),
         f"{SHOP} (/run/netns/40)", f"{OTHER} (/proc/40/ns/net)"),
        (str(OTHER), bound(**{f"/run/netns/{OTHER}": SHOP}),
         f"{SHOP} (/run/netns/{OTHER})", f"{OTHER} (/proc/40/ns/net)"),
        (ID, container(30, f"/docker/{ID}") | container(40, f"/evil/docker-{ID}.scope"),
         f"{SHOP} (/proc/30/ns/net)", f"{OTHER} (/proc/40/ns/net)"),
        (ID[:12], container(30, f"/docker/{ID}") | container(40, f"/docker/{NEAR}"),
         f"{SHOP} (/proc/30/ns/net)", f"{OTHER} (/proc/40/ns/net)"),
        (ID[:12], container(30, f"/docker/{ID}") | bound(**{f"/run/netns/{ID[:12]}": OTHER}),
         f"{SHOP} (/proc/30/ns/net)", f"{OTHER} (/run/netns/{ID[:12]})"),
    ],
)  # fmt: skip
def test_a_word_with_two_meanings_means_none(
    said: str, looks: dict[str, str], one: str, other: str
) -> None:
    assert meant(said, looks) == two(said, one, other)


@pytest.mark.parametrize(
    ("said", "looks", "inode"),
    [
        ("shop", bound(**{"/run/netns/shop": SHOP, "/var/run/netns/shop": SHOP}), SHOP),
        ("/run/netns/shop", bound(**{"/run/netns/shop": SHOP, "/opt/shop": OTHER})
         | {"netns /run/netns/shop: inode /proc/thread-self/ns/net": str(SHOP)}, SHOP),
        ("40", {}, OTHER),
        ("41", bound(**{"/run/netns/41": SHOP}), SHOP),
        ("1", {}, HOST),
        (str(SHOP), {}, SHOP),
        (ID, container(30, f"/docker/{ID}") | container(40, f"/docker/{NEAR}"), SHOP),
        (NEAR[:13], container(30, f"/docker/{ID}") | container(40, f"/docker/{NEAR}"), OTHER),
        ("", {}, HOST),
    ],
)  # fmt: skip
def test_a_word_with_one_meaning(said: str, looks: dict[str, str], inode: int) -> None:
    assert meant(said, looks) == inode


@pytest.mark.parametrize(
    ("said", "looks", "why"),
    [
        (ID[:11], container(30, f"/docker/{ID}"), "absent (no namespace of this name"),
        (f"{ID[:12]}ff", container(30, f"/docker/{ID}"), "absent (no namespace of this name"),
        ("./nothing", {"netns ./nothing: inode /proc/thread-self/ns/net": "!absent"}, "absent"),
        ("None", {}, "absent (no namespace of this name"),
        (str(OTHER + 1), {}, "absent (no namespace has this number"),
        ("99", {"link /proc/99/ns/net": "!absent"}, "absent (no process has this number"),
        ("99", {"link /proc/99/ns/net": "!denied"} | bound(**{"/run/netns/99": SHOP}), "denied"),
    ],
)
def test_a_word_that_means_nothing_is_repeated_with_the_reason(
    said: str, looks: dict[str, str], why: str
) -> None:
    assert str(meant(said, looks)).startswith(f"netns {said}: {why}")


@pytest.mark.parametrize(
    ("counts", "looked"),
    [
        ([100_000], 1),
        ([100_000, *[1] * 7], 8),  # a few are all looked into
        ([100_000, *[1] * 900], 8),  # these together are below a hundredth
        ([100_000, *[500] * 900], 16),  # these are not, and each costs a walk over all
        ([30_000] * 9, 9),
    ],
)
def test_of_all_tables_those_are_looked_into_that_matter(counts: list[int], looked: int) -> None:
    every = tuple(TableTarget(f"t{number}", (), count) for number, count in enumerate(counts))
    chosen, left = worth_a_walk(TableTargets(every, (), Limits(1, 1, 1, True), None))
    assert (chosen.chosen, left) == (every[:looked], every[looked:])


def test_small_tables_are_all_worth_it_where_there_is_little_to_pass_by() -> None:
    every = tuple(TableTarget(f"t{number}", (), 50) for number in range(30))
    targets = TableTargets(every, (), Limits(1, 1, 1, True), None)
    assert len(worth_a_walk(targets)[1]) == 14
    assert worth_a_walk(targets, 30 * 30 * 50)[1] == ()
    assert len(worth_a_walk(targets, 20 * 30 * 50)[1]) == 10


@pytest.mark.parametrize("said", ["4026532999", "nosuch", "31"])
def test_one_that_may_be_hidden_is_not_said_to_be_absent(said: str) -> None:
    for hidden, why in ((False, "absent"), (True, "denied (not among those that may be seen")):
        shut = {"link /proc/40/ns/net": "!denied needs root", "inode /proc/40/net/stat": "77"}
        seen = bound(**{"/run/netns/shop": SHOP})
        host = RecordedHost(
            {**BASE, **seen, **(shut if hidden else {}), "link /proc/31/ns/net": "!absent"}
        )
        found = namespace_meant(host, said, find_namespaces(host))
        assert isinstance(found, Unreadable)
        assert why in str(found)
