"""Whose a process is, as docker, containerd, CRI-O, podman and systemd tell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec2rl.conntrack.owner import owner
from support.examples import examples

ID = "4f5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f901234567890abcdef012"
UID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
POD = UID.replace("-", "_")


@pytest.mark.parametrize(
    ("cgroup", "command", "whose"),
    [
        (f"0::/system.slice/docker-{ID}.scope", "nginx", "container 4f5b6c7d8e9f"),
        (f"12:cpu,cpuacct:/docker/{ID}\n0::/", "nginx", "container 4f5b6c7d8e9f"),
        (f"0::/docker/{ID}/init.scope", "systemd", "container 4f5b6c7d8e9f"),
        (
            f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD}.slice/"
            f"cri-containerd-{ID}.scope",
            "java",
            f"container 4f5b6c7d8e9f, pod {UID}",
        ),
        (f"4:memory:/kubepods/besteffort/pod{UID}/{ID}", "x", f"container 4f5b6c7d8e9f, pod {UID}"),
        (f"0::/kubepods.slice/kubepods-pod{POD}.slice/crio-{ID}.scope", "x",
         f"container 4f5b6c7d8e9f, pod {UID}"),
        (f"0::/kubepods/pod{UID}", "pause", f"pod {UID}"),
        (f"0::/system.slice/kubelet.service/x:cri-containerd:{ID}", "x", "container 4f5b6c7d8e9f"),
        (f"0::/machine.slice/libpod-{ID}.scope/container", "sh", "container 4f5b6c7d8e9f"),
        ("0::/system.slice/nginx.service", "nginx", "nginx.service (nginx)"),
        ("0::/user.slice/user-0.slice/user@0.service/app.slice/my.service", "a", "my.service (a)"),
        ("0::/system.slice/nginx.service", "", "nginx.service"),
        ("0::/user.slice/user-0.slice/session-1.scope", "bash", "process bash"),
        ("0::/", "python3", "process python3"),
        ("", "python3", "process python3"),
        ("", "", ""),
        (f"0::/docker/{ID[:63]}", "x", "process x"),
        (f"0::/docker/{ID}0", "x", "process x"),
        (f"0::/docker/{ID.upper()}", "x", "process x"),
        ("no colons at all", "x", "process x"),
        ("0::/a.service\x1b[2J/b.service\n", "x", "b.service (x)"),
    ],
)  # fmt: skip
def test_an_owner_is_named(cgroup: str, command: str, whose: str) -> None:
    assert owner(cgroup, command) == whose


@examples(2000)
@given(
    st.lists(st.sampled_from(["0::/", "docker/", ID, "pod", UID, POD, ".scope", "/", "\n", "a", ":",
                              ".service"]), max_size=15).map("".join) | st.text(max_size=60),
    st.text(max_size=16),
)  # fmt: skip
@pytest.mark.more
def test_any_cgroup_gives_one_line(cgroup: str, command: str) -> None:
    assert isinstance(owner(cgroup, command), str)
