"""Whose a network namespace is, from what the kernel says of a process in it."""

from __future__ import annotations

# docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope (systemd's cgroup driver)
# and .../docker/ID, .../kubepods/burstable/podUID/ID (cgroupfs).
_CONTAINER = r"(?:^|[/:-])(?P<id>[0-9a-f]{64})(?:\.scope)?(?=/|$)"
_POD = r"pod(?P<uid>[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})"
_UNIT = r"/(?P<unit>[^/]+\.(?:service|scope|slice))(?=/|$)"


def owner(cgroup: str, command: str) -> str:
    """Name whose a process is, from its /proc/PID/cgroup and comm: pod, container, unit, ..."""
    import re

    for line in cgroup.splitlines():
        path = line.partition(":")[2].partition(":")[2]
        container = re.search(_CONTAINER, path)
        pod = re.search(_POD, path)
        if container or pod:
            words = [f"container {container['id'][:12]}"] if container else []
            if pod:
                words.append(f"pod {pod['uid'].replace('_', '-')}")
            return ", ".join(words)
    for line in cgroup.splitlines():
        units = re.findall(_UNIT, line)
        services = [unit for unit in units if unit.endswith(".service")]
        if services:
            return f"{services[-1]} ({command})" if command else services[-1]
    return f"process {command}" if command else ""
