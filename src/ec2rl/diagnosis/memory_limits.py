"""Who set the limit of a cgroup that ran out of memory, as its path shows, and how it is raised.

The paths are those that the kubelet makes (pkg/kubelet/cm/cgroup_manager_linux.go and
node_container_manager_linux.go), the ECS agent (agent/taskresource/cgroup and
agent/api/task/task_linux.go: /ecs/TASK/CONTAINER, with cgroup v2 ecstasks.slice), dockerd, podman,
LXD, Slurm and systemd.
"""

from __future__ import annotations

from ec2rl.model import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.model import Statement

_ID = r"[0-9a-f]{64}"
_UNIT = r"[A-Za-z0-9][A-Za-z0-9@_.-]{0,80}\.(?:service|slice|scope)"
_POD = r"(?:^|.*-)pod(?P<uid>[0-9a-f][0-9a-f_-]{2,40})(?:\.slice)?(?P<rest>:.*)?"


def how_to_raise(cgroup: str) -> Statement | None:
    """Say by whom the limit of this cgroup is set; None where its path shows nobody."""
    import re

    parts = [part for part in cgroup.split("/") if part]
    of_kubelet = _kubelet(parts)
    if of_kubelet is not None:
        return of_kubelet
    if parts[:1] == ["ecs"] or any(part.startswith("ecstasks") for part in parts):
        if re.fullmatch(rf"(?:docker-)?{_ID}(?:\.scope)?", parts[-1]):
            return say("Its limit is set in ECS: memory of the container in the task definition")
        words = "Its limit is set in ECS: memory of the task definition, for all its containers"
        return say(words)
    container = re.search(rf"docker[/-]({_ID})(?:\.scope)?(?:/|$)", cgroup)
    if container:
        words = "Its limit is set in Docker: docker update --memory=SIZE {container}"
        return say(words, container=container[1][:12])
    container = re.search(rf"libpod-({_ID})(?:\.scope)?(?:/|$)", cgroup)
    if container:
        words = "Its limit is set in Podman: podman update --memory=SIZE {container}"
        return say(words, container=container[1][:12])
    job = re.search(r"slurm.*/job_(\d{1,12})(?:/|$)", cgroup)
    if job:
        return say("Its limit is set in Slurm: --mem of job {job}", job=job[1])
    guest = re.match(r"/lxc(?:\.payload\.|/)([A-Za-z0-9][A-Za-z0-9-]{0,62})(?:/|$)", cgroup)
    if guest:
        words = "Its limit is set in LXC: limits.memory of container {guest}"
        return say(words, guest=guest[1])
    return _systemd(parts)


def is_of_node(cgroup: str) -> bool:
    """Tell whether it is the cgroup of all pods of a node, which the kubelet bounds."""
    import re

    return re.search(r"(?:^|[/-])kubepods(?:\.slice)?$", cgroup) is not None


def of_pod(cgroup: str) -> str:
    """Give the uid of the pod that a cgroup is of, or is below of; "" for none."""
    import re

    if "kubepods" not in cgroup:
        return ""
    pods = (re.fullmatch(_POD, part) for part in cgroup.split("/"))
    return next((pod["uid"].replace("_", "-") for pod in pods if pod), "")


def _kubelet(parts: Sequence[str]) -> Statement | None:
    import re

    roots = [place for place, part in enumerate(parts) if "kubepods" in part]
    if not roots:
        return None
    below = list(parts[roots[0] :])
    if re.fullmatch(r"(?:.*-)?kubepods(?:\.slice)?", below[0]):
        del below[0]
        if not below:
            return say(
                "It is the limit of all pods together (Node Allocatable), and no pod's own: the "
                "node has no more for pods. Lower what the pods use (limits near the requests), "
                "take a larger node, or lower the kubelet's kubeReserved and systemReserved"
            )
    if re.fullmatch(r"(?:.*kubepods-)?(?:burstable|besteffort)(?:\.slice)?", below[0]):
        del below[0]
        if not below:
            return say(
                "It is the limit of all pods of one class (the kubelet's qosReserved), and no "
                "pod's own: lower what they use, or the memory that qosReserved keeps from them"
            )
    pod = re.fullmatch(_POD, below[0])
    if pod is not None and len(below) == 1 and not pod["rest"]:
        return say(
            "Its limit is that of the whole pod: the sum of resources.limits.memory of its "
            "containers (files in an emptyDir of medium Memory count as well)"
        )
    return say("Its limit is set in the pod: resources.limits.memory of the container")


def _systemd(parts: Sequence[str]) -> Statement | None:
    import re

    units = [part for part in parts if re.fullmatch(_UNIT, part)]
    if not units or parts[0] not in units:
        return None
    if list(parts) == ["system.slice"]:
        return say(
            "It is the limit of all services together (system.slice), and no service's own: set "
            "by the kubelet (systemReserved, with enforceNodeAllocatable), or in systemd: "
            "systemctl set-property system.slice MemoryMax=SIZE"
        )
    manager = next((part for part in units if re.fullmatch(r"user@\d{1,10}\.service", part)), None)
    inside = units[units.index(manager) + 1 :] if manager else []
    services = [unit for unit in inside or units if unit.endswith(".service")]
    unit = services[0] if services else (inside or units)[-1]
    if manager and inside:
        words = (
            "Its limit is set in systemd of user {user}, by whom: "
            "systemctl --user set-property {unit} MemoryMax=SIZE"
        )
        return say(words, unit=unit, user=manager[len("user@") : -len(".service")])
    words = "Its limit is set in systemd: systemctl set-property {unit} MemoryMax=SIZE"
    if re.fullmatch(r"user-\d{1,10}\.slice", unit):
        words = (
            "It is the limit of all that one user runs; it is set in systemd: "
            "systemctl set-property {unit} MemoryMax=SIZE"
        )
    elif unit.endswith(".slice"):
        words = (
            "It is the limit of all that runs in that slice together; it is set in systemd: "
            "systemctl set-property {unit} MemoryMax=SIZE"
        )
    return say(words, unit=unit)
