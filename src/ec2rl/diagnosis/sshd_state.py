"""What the files and sockets of a machine tell of its sshd."""

from __future__ import annotations

from ec2rl.diagnosis.login_files import LoginFiles, read_login_files
from ec2rl.diagnosis.logins import Login, login_of
from ec2rl.facts.ssh.config import Config, Fault
from ec2rl.facts.ssh.server import (
    NOT_TO_RUN,
    HostKey,
    Listening,
    certain,
    host_keys,
    is_there,
    listening,
    makes_keys,
    masked,
    separation,
    starts_at_boot,
)
from ec2rl.model import Statement, Unreadable
from ec2rl.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.host import Host
    from ec2rl.remedies import Owner


@record(frozen=True)
class Sshd:
    """What was read; `listening` is None of what no running machine tells.

    `refused` are lines that sshd does not start with, `unsure` those of which nobody can tell;
    `maker` is the unit that makes missing host keys; `units` start sshd at boot; `is_booted` is
    whether systemd runs there, true of a volume.
    """

    files: LoginFiles | Unreadable
    config: Config | Unreadable
    refused: tuple[Fault, ...] = ()
    unsure: tuple[Fault, ...] = ()
    keys: tuple[HostKey, ...] = ()
    maker: str = ""
    separation: tuple[Statement, Owner | None, Owner | None] | None = None
    units: tuple[str, ...] = ()
    masked: str = ""
    not_to_run: bool = False
    listening: Listening | None = None
    logins: tuple[Login, ...] = ()
    is_booted: bool = True


def read_sshd(host: Host) -> Sshd:
    """Read all of it."""
    files = read_login_files(host)
    if isinstance(files, Unreadable):
        from ec2rl.facts.ssh.config import read_config

        config = read_config(host)
    else:
        config = files.config
    ports = listening(host)
    if isinstance(config, Unreadable):
        return Sshd(files, config, listening=ports)
    refused, unsure = certain(host, config)
    keys = host_keys(host, config, "" if isinstance(files, Unreadable) else files.machine.groups)
    found = Sshd(
        files,
        config,
        refused,
        unsure,
        keys,
        makes_keys(host) if all(one.is_missing for one in keys) else "",
        units=starts_at_boot(host),
        masked=masked(host),
        not_to_run=is_there(host, NOT_TO_RUN) is True,
        listening=ports,
        is_booted=ports is None or isinstance(host.names("/run/systemd/system"), tuple),
    )
    if isinstance(files, Unreadable):
        return found
    return replace(
        found,
        separation=separation(host, files.passwd.named.get("sshd")),
        logins=tuple(login_of(files.machine, one) for one in files.machine.people),
    )
