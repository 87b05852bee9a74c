"""By the path of a cgroup: who set its limit, and which pod it is of."""

from __future__ import annotations

import pytest

from ec2rl.diagnosis.memory_limits import how_to_raise, is_of_node, of_pod
from ec2rl.report.wording import text

ID = "0123456789abcdef" * 4
POD = "pod0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0"
NODE, CLASS, WHOLE = "all pods together", "all pods of one class", "of the whole pod"
CONTAINER = "resources.limits.memory of the container"
TOLD = [
    ("/kubepods", NODE),
    ("/kubepods.slice", NODE),
    (f"/docker/{ID}/kubelet/kubepods", NODE),
    ("/kubelet.slice/kubelet-kubepods.slice", NODE),
    ("/kubepods/burstable", CLASS),
    ("/kubepods.slice/kubepods-besteffort.slice", CLASS),
    ("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice", CLASS),
    (f"/kubepods/burstable/{POD.replace('_', '-')}", WHOLE),
    (f"/kubepods/{POD.replace('_', '-')}", WHOLE),
    (f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-{POD}.slice", WHOLE),
    (f"/kubepods.slice/kubepods-{POD}.slice", WHOLE),
    (f"/kubepods/burstable/{POD.replace('_', '-')}/{ID}", CONTAINER),
    (f"/kubepods.slice/kubepods-{POD}.slice/cri-containerd-{ID}.scope", CONTAINER),
    (f"/kubepods.slice/kubepods-{POD}.slice/crio-{ID}.scope/container", CONTAINER),
    (f"/kubepods.slice/kubepods-{POD}.slice/docker-{ID}.scope", CONTAINER),
    (
        f"/system.slice/containerd.service/kubepods-burstable-{POD}.slice:cri-containerd:{ID}",
        CONTAINER,
    ),
    (f"/ecs/{ID[:32]}/{ID}", "in ECS: memory of the container in the task definition"),
    (f"/ecs/cluster/{ID[:32]}/{ID}", "in ECS: memory of the container in the task definition"),
    (f"/ecs/{ID[:32]}", "in ECS: memory of the task definition, for all"),
    (f"/ecstasks.slice/ecstasks-{ID[:32]}.slice", "in ECS: memory of the task definition, for all"),
    (f"/ecstasks.slice/ecstasks-{ID[:32]}.slice/docker-{ID}.scope", "memory of the container"),
    (f"/docker/{ID}", "docker update --memory=SIZE 0123456789ab"),
    (f"/system.slice/docker-{ID}.scope", "docker update --memory=SIZE 0123456789ab"),
    (f"/machine.slice/libpod-{ID}.scope/container", "podman update --memory=SIZE 0123456789ab"),
    ("/slurm/uid_1000/job_4711/step_0/task_0", "--mem of job 4711"),
    ("/system.slice/slurmstepd.scope/job_12/step_batch/user/task_0", "--mem of job 12"),
    ("/lxc.payload.web1/system.slice/nginx.service", "limits.memory of container web1"),
    ("/system.slice", "set-property system.slice MemoryMax=SIZE"),
    ("/system.slice/nginx.service", "set-property nginx.service MemoryMax=SIZE"),
    ("/system.slice/nginx.service/worker", "set-property nginx.service MemoryMax=SIZE"),
    ("/system.slice/system-app.slice/app@1.service", "set-property app@1.service MemoryMax"),
    ("/system.slice/system-app.slice", "set-property system-app.slice MemoryMax=SIZE"),
    ("/batch.slice", "that slice together; it is set in systemd: systemctl set-property batch.s"),
    ("/podruntime.slice/kubelet.service", "set-property kubelet.service MemoryMax=SIZE"),
    ("/user.slice", "set-property user.slice MemoryMax=SIZE"),
    ("/user.slice/user-1000.slice", "one user runs; it is set in systemd: systemctl set-property "),
    ("/user.slice/user-1000.slice/session-3.scope", "set-property session-3.scope MemoryMax=SIZE"),
    ("/user.slice/user-1000.slice/user@1000.service", "set-property user@1000.service MemoryMax"),
    (
        "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
        "systemctl --user set-property x.service MemoryMax=SIZE",
    ),
]


@pytest.mark.parametrize(("cgroup", "words"), TOLD)
def test_each_limit_has_its_own_advice(cgroup: str, words: str) -> None:
    told = how_to_raise(cgroup)
    assert told is not None
    assert words in text(told)
    assert is_of_node(cgroup) is (words == NODE)


@pytest.mark.parametrize(
    "cgroup",
    ["", "/", "unnamed", "nodes", "/batch", "/x/nginx.service", "/a;b.service", "/system.slice;x"],
)
def test_a_path_that_shows_nobody_has_none(cgroup: str) -> None:
    assert how_to_raise(cgroup) is None


def test_a_pod_is_named_by_its_uid() -> None:
    uid = POD[3:].replace("_", "-")
    assert {of_pod(path) for path, words in TOLD if words in (WHOLE, CONTAINER)} == {uid}
    assert {of_pod(path) for path, words in TOLD if words not in (WHOLE, CONTAINER)} == {""}
