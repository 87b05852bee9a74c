"""Whose a network namespace is, from what the kernel says of a process in it."""

from __future__ import annotations

# docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope (systemd's cgroup driver)
# and .../docker/ID, .../kubepods/burstable/podUID/ID (cgroupfs).
_CONTAINER = r"(?:^|[/:-])(?P<id>[0-9a-f]{64})(?:\.scope)?(?=/|$)"
_POD = r"pod(?P<uid>[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})"
_SERVICE = r"^.*/(?P<unit>[^/\n]+\.service)(?=/|$)"
"""The innermost: a user's service stands below user@N.service."""


def owner(cgroup: str, command: str) -> str:
    """Name whose a process is, from its /proc/PID/cgroup and comm: pod, container, unit, ..."""
    import re

    paths, container = _paths(cgroup), container_id(cgroup)
    pod = re.search(_POD, paths)
    if container or pod:
        words = [f"container {container[:12]}"] if container else []
        if pod:
            words.append(f"pod {pod['uid'].replace('_', '-')}")
        return ", ".join(words)
    service = re.search(_SERVICE, paths, re.MULTILINE)
    if service:
        return f"{service['unit']} ({command})" if command else service["unit"]
    return f"process {command}" if command else ""


def container_id(cgroup: str) -> str:
    """Give the whole id of the container that a process is in, from its /proc/PID/cgroup.

    "" for none.

    Whoever may make control groups can have one named as a container's.
    """
    import re

    found = re.search(_CONTAINER, _paths(cgroup), re.MULTILINE)
    return found["id"] if found else ""


def _paths(cgroup: str) -> str:
    return "\n".join(line.partition(":")[2].partition(":")[2] for line in cgroup.splitlines())
