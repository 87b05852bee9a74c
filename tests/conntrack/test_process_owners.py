"""Whose a connection is, and which ones a session hangs on: on hosts made of text."""

from __future__ import annotations

from ec2rl.conntrack.table.process_owners import NOBODY, ProcessOwners
from ec2rl.conntrack.table.ranking import Endpoint
from ec2rl.conntrack.table.sockets import Socket, lifelines, read_sockets
from ec2rl.conntrack.table.targets import TableTarget
from ec2rl.host.recording import RecordedHost

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100000A:0016 0200000A:C350 01 00000000:00000000 00:00000000 00000000     0        0 111 1
   1: 0100000A:D431 1104000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 222 1
   2: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1
   3: 0100000A:D432 1104000A:01BB 06 00000000:00000000 03:00000000 00000000     0        0 0 3
   4: nonsense
"""
TCP6 = """\
  sl  local_address                         remote_address                        st ...
   0: 0000000000000000FFFF00000100000A:0017 0000000000000000FFFF00000300000A:C351 01 0 0 0 0 0 444
"""
FIB = """\
Main:
  +-- 0.0.0.0/0 3 0 5
        |-- 10.0.0.1
           /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
"""
POD = """\
  +-- 0.0.0.0/0 3 0 5
        |-- 10.244.0.7
           /32 host LOCAL
"""
ID = "0123456789abcdef" * 4
LOOKS = {
    "link /proc/self": "900",
    "link /proc/self/ns/net": "net:[4026531840]",
    "/proc/900/status": "Name:\tec2rl\nPPid:\t80\n",
    "/proc/80/status": "Name:\tbash\nPPid:\t1\n",
    "ls /proc": "1\n80\n900\n70\n60\n50\nnet",
    "/proc/70/comm": "sshd-session",
    "/proc/60/comm": "client",
    "/proc/60/cgroup": "0::/system.slice/app.service",
    "/proc/50/comm": "nginx",
    "link /proc/80/fd/3": "socket:[444]",
    "link /proc/70/fd/4": "socket:[111]",
    "link /proc/60/fd/5": "socket:[222]",
    "link /proc/60/fd/6": "/dev/null",
    "link /proc/50/fd/7": "socket:[333]",
    **{
        f"link /proc/{pid}/ns/net": "net:[4026531840]"
        for pid in ("1", "80", "900", "70", "60", "50")
    },
    "/proc/net/tcp": TCP,
    "/proc/net/fib_trie": FIB,
    **{f"/proc/{pid}/net/tcp": TCP for pid in ("70", "80")},
    **{f"/proc/{pid}/net/tcp6": TCP6 for pid in ("70", "80")},
    "ls /proc/2000/task": "2000",
}
A, B, C = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), bytes((10, 0, 0, 3))
HERE = TableTarget("here", (), None, 4026531840)


def test_sockets_as_the_kernel_prints_them() -> None:
    found = list(read_sockets(RecordedHost(LOOKS)))
    assert found[0] == Socket(6, (A, 22), (B, 50000), 111)
    assert [socket.inode for socket in found] == [111, 222, 333, 0]


def test_the_session_and_every_ssh_daemon_are_kept() -> None:
    """The shell's own connection (of a dual-stack socket), and that of the SSH daemon."""
    assert lifelines(RecordedHost(LOOKS)) == {
        frozenset(((A, 22), (B, 50000))),
        frozenset(((A, 23), (C, 50001))),
    }


def test_nothing_is_known_of_a_machine_that_shows_nothing() -> None:
    assert lifelines(RecordedHost({})) == frozenset()


def test_a_client_a_server_a_container_and_nobody() -> None:
    looks = {
        **LOOKS,
        "ls /proc": "1\n80\n900\n70\n60\n50\n2000",
        "link /proc/2000/ns/net": "net:[4026532500]",
        "/proc/2000/cgroup": f"0::/docker/{ID}",
        "/proc/2000/comm": "java",
        "netns /proc/2000/ns/net: /proc/net/fib_trie": POD,
    }
    host = RecordedHost(looks)
    client = Endpoint("10.0.0.1", "10.0.4.17", 443, "tcp")
    server = Endpoint("198.18.0.1", "10.0.0.1", 443, "tcp")
    behind = Endpoint("198.18.0.1", "192.0.2.1", 80, "tcp", "10.0.0.1:443")
    passing = Endpoint("198.18.0.1", "192.0.2.1", 443, "tcp")
    pod = Endpoint("10.244.0.7", "192.0.2.9", 53, "udp")
    assert ProcessOwners(host, host, HERE).of([client, server, behind, passing, pod]) == {
        client: "app.service (client)",
        server: "process nginx",
        behind: "process nginx",
        passing: NOBODY,
        pod: "container 0123456789ab (netns 4026532500)",
    }
