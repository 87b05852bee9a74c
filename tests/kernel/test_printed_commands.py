"""Every command that a run prints can be typed as it stands: here, with a real full table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fill import BOTH_WAYS, Row, fill, flush, inside, namespace, room_for, sources
from support.packets import send, tracking
from support.typed import printed, shell

pytestmark = [pytest.mark.kernel, pytest.mark.slow]

MAX = Path("/proc/sys/net/netfilter/nf_conntrack_max")
SHOP = "shop-typed"


@pytest.fixture(scope="module")
def full() -> Iterator[None]:
    if os.geteuid() or not MAX.exists() or not Path("/usr/sbin/nft").exists():
        pytest.skip("needs root, network namespaces and nft")
    limit = int(MAX.read_text())
    with namespace(SHOP), tracking(SHOP):
        with room_for(limit + 10):
            rows = (Row(s, "192.0.2.1", 40000, 443, 6, 3, BOTH_WAYS, 86400) for s in sources(limit))
            fill(SHOP, rows)
        try:
            with inside(SHOP):
                send(23)
            yield
        finally:
            flush(SHOP)


def test_every_command_of_a_run_works_as_it_is_printed(full: None) -> None:
    to_do = ["./ec2rl run --no-save -v", "./ec2rl fix conntrackfull --dry-run"]
    done: list[str] = []
    while to_do:
        words = to_do.pop(0)
        shown = shell(f"{words} --no-save" if words.startswith("./ec2rl run") else words)
        assert shown.returncode in (0, 1, 3), (words, shown.stderr)
        assert "Traceback" not in shown.stderr
        done.append(words)
        if len(done) <= 2:
            to_do += [one for one in printed(shown.stdout) if one not in (*done, *to_do)]
    told = "\n".join(done)
    assert "sudo" not in told, "who is root needs none"
    for wanted in ("fix conntrackfull", "explain conntrackfull", "conntrack top --netns=40"):
        assert f"./ec2rl {wanted}" in told
    assert "./ec2rl conntrack free --unreplied --netns=" in told


def test_the_namespace_that_drops_is_judged_alone_and_the_one_beside_it(full: None) -> None:
    alone = "./ec2rl run --no-save --only-modules=conntrackfull -v --netns="
    with namespace(f"{SHOP}-other"):
        shop, other = (shell(f"{alone}{name}").stdout for name in (SHOP, f"{SHOP}-other"))
    assert "[FAILURE] Conntrack table full errors found." in shop
    assert f"(in {SHOP} (netns " in shop
    assert "23 packets lost since it was made" in shop
    assert "[SUCCESS] No conntrack table full errors found." in other
    assert "packets lost" not in other
    for said in (shop, other):
        assert ", judged alone by conntrackfull" in said
