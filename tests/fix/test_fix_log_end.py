"""A record tells where the kernel's log ended at the change; older records load as ever."""

from __future__ import annotations

import hashlib
import os

import pytest

from ec2rl.facts.change_format import decode, encode
from ec2rl.fix.change import State, SysctlItem
from ec2rl.fix.machine import Machine
from ec2rl.fix.transaction import apply, history, undo
from ec2rl.remedies import SetSysctl
from fix.small import CHANGES, MAX, picture, put, setting

LOG = "6,1,1000000,-;up\n4,2,2000000,-;nf_conntrack: table full\n 4,9,9000000,-;not a record\n"

SCHEMA_1 = b"""{"sha256": "ec9a3c974209be68dfd287c8d844b09749cda1eb5e3f62fb27154ae291543801",
"change": {
 "boot": "first",
 "id": 1,
 "items": [
  {
   "after": "524288",
   "asked": "524288",
   "before": "262144",
   "key": "net.netfilter.nf_conntrack_max"
  }
 ],
 "notes": [],
 "schema": 1,
 "state": "applied",
 "time": 1795410000.0,
 "tool": "2.0",
 "why": "fix conntrackfull"
}}
"""
"""As it was written before there was a schema 2."""


def log(machine: Machine, text: str) -> None:
    os.makedirs(f"{machine.root}/dev", exist_ok=True)
    put(f"{machine.root}/dev/kmsg", text)


def raised(machine: Machine) -> SysctlItem:
    item = apply(CHANGES, machine=machine, why="").items[0]
    assert isinstance(item, SysctlItem)
    return item


def test_a_raise_is_stamped_with_the_newest_record_of_the_log(machine: Machine) -> None:
    log(machine, LOG)
    assert raised(machine) == SysctlItem(MAX, "262144", "524288", "524288", 2_000_000)
    (change,) = history(machine=machine)
    assert decode(encode(change), 1) == change
    assert b'"schema": 2' in encode(change)
    seen = picture(machine)
    undo(1, machine=machine)
    assert seen != picture(machine)
    back = SysctlItem(MAX, "262144", "524288", "524288", 2_000_000, 2_000_000)
    assert history(machine=machine)[0].items == (back, *change.items[1:]), "what it was stays"


@pytest.mark.parametrize("text", ["", "\n", "garbage", "6,1,x,-;up\n", "x" * (17 << 20)])
@pytest.mark.more
def test_without_a_log_that_can_be_read_the_record_is_as_ever(machine: Machine, text: str) -> None:
    log(machine, text)
    assert raised(machine).log_end is None
    assert b'"schema": 1' in encode(history(machine=machine)[0])


def test_every_setting_has_a_stamp(machine: Machine) -> None:
    log(machine, LOG)
    key = "net.netfilter.nf_conntrack_tcp_timeout_close_wait"
    put(setting(machine.root, key), "60\n")
    change = apply((SetSysctl(key, "3600", "60"),), machine=machine, why="")
    assert change.items == (SysctlItem(key, "60", "3600", "3600", 2000000),)


def test_a_record_of_schema_1_loads_and_is_undone(machine: Machine) -> None:
    folder = machine.root + machine.state
    os.makedirs(folder, 0o700)
    os.chmod(os.path.dirname(folder), 0o700)
    with open(f"{folder}/1.json", "wb") as file:
        file.write(SCHEMA_1)
    put(setting(machine.root, MAX), "524288\n")
    (change,) = history(machine=machine)
    assert change.items == (SysctlItem(MAX, "262144", "524288", "524288", None),)
    assert encode(change) == SCHEMA_1
    undo(1, machine=machine)
    assert picture(machine)["nf_conntrack_max"][0] == "262144\n"
    assert history(machine=machine)[0].state is State.UNDONE


@pytest.mark.parametrize("stamp", ["-1", "true", "1.5", '"1"', "null", "1" * 19])
def test_a_stamp_that_is_none_is_damage(stamp: str) -> None:
    body = SCHEMA_1.partition(b"\n")[2].replace(b'"schema": 1', b'"schema": 2')
    body = body.replace(b'max"', b'max",\n   "log_end": ' + stamp.encode())
    head = b'{"sha256": "%s",\n' % hashlib.sha256(body).hexdigest().encode()
    with pytest.raises((ValueError, TypeError)):
        decode(head + body, 1)
