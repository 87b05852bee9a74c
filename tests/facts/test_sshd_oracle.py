"""sshd itself reads the same configurations: whether it takes them, where not, and what it makes of
them for a user.  It runs in mount namespaces of its own, and listens nowhere."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ec2rl.facts.ssh.config import Config, read_config
from ec2rl.facts.ssh.for_user import ForUser, Who
from ec2rl.facts.ssh.server import certain
from ec2rl.facts.ssh.values import port_number
from ec2rl.host.live import LiveHost
from ec2rl.host.mounted import MountedHost

SSHD = "/usr/sbin/sshd"
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or not os.path.exists(SSHD) or shutil.which("unshare") is None,
        reason="sshd's own reading of 100 configurations: needs root, unshare and openssh-server",
    ),
]
_RUN = """
set -e
mount -t tmpfs t /run; mkdir -m 755 /run/sshd
mount --bind "$1/etc/ssh" /etc/ssh
shift
exec /usr/sbin/sshd "$@"
"""
FILES = dict[str, str]

BY_HAND: list[FILES] = [
    {"": "Port 22\nport 2222\nPORT=2022\n"},
    {"": "PermitRootLogin no\nPermitRootLogin yes\n"},
    {"": "Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\n",
     "b.conf": "PasswordAuthentication no\n", "a.conf": "PasswordAuthentication yes\n"},
    {"": "Include sshd_config.d/*.conf\n", ".hidden.conf": "nonsense 1\n", "x.con": "Bad 2\n"},
    {"": "Include /etc/ssh/none/*.conf\nInclude /etc/ssh/none\nUsePAM no\n"},
    {"": "Include sshd_config.d/a.conf\n", "a.conf": "Include sshd_config.d/b.conf\n",
     "b.conf": "X11Forwarding no\nFoo bar\n"},
    {"": "Include sshd_config.d/a.conf\n", "a.conf": "Include sshd_config.d/a.conf\n"},
    {"": "Match User root\nPasswordAuthentication no\nMatch all\nPasswordAuthentication yes\n"},
    {"": "Match User root\n  Port 22\n"},
    {"": "Match all\nPort 24\n"},
    {"": "Match User root\nInclude sshd_config.d/*.conf\nPermitTTY no\n",
     "a.conf": "PermitRootLogin no\nMatch all\nMaxSessions 3\n"},
    {"": "Match User root\nInclude sshd_config.d/*.conf\n", "a.conf": "Port 23\n"},
    {"": "Include sshd_config.d/*.conf\nPermitRootLogin no\n",
     "a.conf": "Match User root\nPermitRootLogin yes\n"},
    {"": "Match\n"}, {"": "Match User\n"}, {"": "Match all User root\n"}, {"": "Match what x\n"},
    {"": "Match User root all\n"}, {"": "Match LocalPort x\n"},
    {"": "Match User !root,*\nPermitRootLogin no\n"},
    {"": "Match User r??t,x Group root\nPubkeyAuthentication no\n"},
    {"": "Match Group nothere\nPubkeyAuthentication no\n"},
    {"": "PermitRootLogin maybe\n"}, {"": "PermitRootLogin\n"}, {"": "PermitRootLogin yes no\n"},
    {"": "PermitRootLogin YES\n"}, {"": 'PermitRootLogin "yes"\n'}, {"": "PermitRootLogin = no\n"},
    {"": "PermitRootLogin=no # a comment\n"}, {"": "PermitRootLogin no#x\n"},
    {"": '"PermitRootLogin" no\n'}, {"": "  \tPermitRootLogin\tno  \n"},
    {"": "PermitRootLogin no\r\nUsePAM no\r\n"}, {"": "\fPermitRootLogin no\n"},
    {"": 'AllowUsers "a b" c\\ d root\nAllowUsers e@10.0.0.0/8 root@*\n'},
    {"": 'AllowUsers "a b\n'}, {"": "AllowUsers\n"}, {"": 'AllowUsers ""\n'},
    {"": "AllowUsers root@10.0.0.1/99\n"}, {"": "DenyUsers x\nDenyUsers y\n"},
    {"": "AllowUsers a\nMatch User root\nAllowUsers b\nAllowUsers c\n"},
    {"": "RSAAuthentication yes\nUsePrivilegeSeparation yes\nProtocol 2\nUseLogin no\n"},
    {"": "KeyRegenerationInterval 3600\nServerKeyBits 1024\n"},
    {"": "PasswordAuthentication\n\n"}, {"": "Foo\n"}, {"": "Foo bar\nBaz\nUsePAM no\n"},
    {"": "PasswordAuthenticaton yes\n"},
    {"": "AuthorizedKeysFile /etc/keys/%u .ssh/k\nAuthorizedKeysFile none\n"},
    {"": "AuthorizedKeysFile none\n"},
    {"": "AuthorizedKeysCommand /bin/x %u %f\nAuthorizedKeysCommandUser nobody\n"},
    {"": "AuthorizedKeysCommand x\nAuthorizedKeysCommandUser nobody\n"},
    {"": "MaxStartups 10:30:60\n"}, {"": "MaxStartups 10:0:60\n"}, {"": "MaxStartups 5\n"},
    {"": "MaxStartups 60:30:10\n"}, {"": "MaxStartups 1:2\n"}, {"": "MaxStartups x\n"},
    {"": "LoginGraceTime 2m\nClientAliveInterval 1h30m\n"}, {"": "LoginGraceTime x\n"},
    {"": "LoginGraceTime 0\n"}, {"": "ClientAliveInterval -1\n"}, {"": "MaxAuthTries x\n"},
    {"": "MaxAuthTries 0\n"}, {"": "MaxAuthTries 3\nMaxSessions 1\n"}, {"": "Port 0\n"},
    {"": "Port 65536\n"}, {"": "Port ssh\n"}, {"": "ListenAddress 127.0.0.1\n"},
    {"": "ListenAddress 127.0.0.1:2222\n"}, {"": "ListenAddress [::1]:2222\nPort 3\n"},
    {"": "ListenAddress ::1\n"}, {"": "ListenAddress 127.0.0.1:x\n"},
    {"": "AddressFamily inet\n"}, {"": "AddressFamily v4\n"}, {"": "LogLevel VERBOSE\n"},
    {"": "LogLevel loud\n"}, {"": "SyslogFacility AUTHPRIV\n"}, {"": "SyslogFacility local9\n"},
    {"": "AuthenticationMethods publickey,password publickey,keyboard-interactive:pam\n"},
    {"": "AuthenticationMethods any\n"}, {"": "AuthenticationMethods any publickey\n"},
    {"": "AuthenticationMethods magic\n"}, {"": "Subsystem sftp\n"},
    {"": "Subsystem sftp internal-sftp -f AUTH\n"}, {"": "AcceptEnv LANG LC_*\nAcceptEnv X\n"},
    {"": "AcceptEnv A=b\n"}, {"": "PermitOpen any\n"}, {"": "PermitOpen h:1 [::1]:2\n"},
    {"": "PermitOpen h\n"}, {"": "StreamLocalBindMask 0177\n"}, {"": "StreamLocalBindMask 9\n"},
    {"": "RekeyLimit 1G 1h\n"}, {"": "RekeyLimit 3\n"}, {"": "RekeyLimit default none\n"},
    {"": "ForceCommand /bin/echo hi # x\n"}, {"": "ForceCommand\n"}, {"": "Banner none\n"},
    {"": "Banner\n"}, {"": "HostKey /etc/ssh/ssh_host_ed25519_key\n"}, {"": "HostKey\n"},
    {"": "Compression delayed\nGatewayPorts clientspecified\nAllowTcpForwarding local\n"},
    {"": "PermitTunnel point-to-point\n"}, {"": "PermitTunnel maybe\n"},
    {"": "PerSourceMaxStartups none\nPerSourceNetBlockSize 24:64\n"},
    {"": "PerSourceNetBlockSize 33\n"}, {"": "ChallengeResponseAuthentication no\n"},
    {"": "KbdInteractiveAuthentication no\nChallengeResponseAuthentication yes\n"},
    {"": "AuthenticationMethods password\nPasswordAuthentication no\n"},
    {"": "AuthenticationMethods hostbased publickey,password\n"},
    {"": "AuthorizedKeysCommand /bin/x\n"}, {"": "Ciphers arcfour,aes256-ctr\n"},
    {"": "PubkeyAcceptedAlgorithms +ssh-rsa\nHostKeyAlgorithms ^ssh-dss\n"},
    {"": "PerSourcePenalties no\n"}, {"": "RequiredRSASize 2048\n"},
    {"": "StrictModes no\nUseDNS no\n"}, {"": "Ciphers aes256-ctr\nMACs hmac-sha2-256\n"},
]  # fmt: skip

_PIECES = [
    "PermitRootLogin no", "permitrootlogin Prohibit-Password", "PasswordAuthentication no",
    "PasswordAuthentication=yes", "PubkeyAuthentication no", "UsePAM no", "StrictModes no",
    "AllowUsers root x*", "DenyUsers y", "AllowGroups root wheel", "MaxSessions 4", "PermitTTY no",
    "Match User root", "Match all", "Match Group root User !x,*", "Match User nobody", "# nothing",
    "Include sshd_config.d/*.conf", "Port 2200", "MaxAuthTries two", "Nonsense on", "PermitTTY",
    'Banner "/etc/a b"', "AuthorizedKeysFile .ssh/a %h/b", "KbdInteractiveAuthentication yes",
    "AuthenticationMethods publickey", "LoginGraceTime 30", "X11Forwarding yes",
]  # fmt: skip


def made(number: int) -> FILES:
    chance = random.Random(number)

    def text() -> str:
        bad = ("MaxAuthTries two", "Nonsense on", "PermitTTY", "Port 2200")
        some = [one for one in _PIECES if one not in bad or chance.random() < 0.15]
        return "\n".join(chance.choices(some, k=chance.randint(1, 9))) + "\n"

    inner = {f"{n}.conf": text().replace("Include sshd_config.d/*.conf", "") for n in range(2)}
    return {"": text(), **inner}


def configured(root: Path, files: FILES) -> Config:
    folder = root / "etc/ssh/sshd_config.d"
    folder.mkdir(parents=True)
    for key in ("rsa", "ecdsa", "ed25519"):
        place = root / f"etc/ssh/ssh_host_{key}_key"
        command = ["ssh-keygen", "-q", "-t", key, "-N", "", "-f", str(place)]
        if key == "ed25519":
            subprocess.run(command, check=True, timeout=60)
    for name, text in files.items():
        place = folder / name if name else root / "etc/ssh/sshd_config"
        place.write_bytes(text.encode())
    found = read_config(MountedHost(str(root)))
    assert isinstance(found, Config)
    return found


def sshd(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "-m", "sh", "-c", _RUN, "sh", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


_FLAGS = ("passwordauthentication", "pubkeyauthentication", "usepam", "strictmodes", "permittty")
_OLD = {"keyboard": ("kbdinteractiveauthentication", "challengeresponseauthentication")}


@pytest.mark.parametrize("number", range(len(BY_HAND) + 60))
@pytest.mark.sampled(10)
def test_it_reads_what_sshd_reads(tmp_path: Path, number: int) -> None:
    files = BY_HAND[number] if number < len(BY_HAND) else made(number)
    config = configured(tmp_path, files)
    sure = [*certain(LiveHost(), config)[0]]
    said = sshd(tmp_path, "-T", "-C", "user=root,host=h,addr=192.0.2.1,laddr=192.0.2.2,lport=22")
    places = re.findall(
        r"^(\S+?):? line (\d+): (?!Deprecated|Unsupported)", said.stderr, re.MULTILINE
    )
    if said.returncode:
        assert sure, said.stderr
        if places:
            assert (sure[0].path, str(sure[0].number)) == places[0], said.stderr
        return
    assert not sure, sure
    told: dict[str, list[str]] = {}
    for line in said.stdout.splitlines():
        name, _, value = line.partition(" ")
        told.setdefault(name, []).append(value)
    mine = ForUser(config, Who("root", ("root",)))
    for name in _FLAGS:
        default = name != "usepam"
        assert [("no", "yes")[mine.is_on(name, default=default)]] == told[name], name
    root = mine.value("permitrootlogin", "prohibit-password")
    assert [root.replace("prohibit-", "without-")] == told["permitrootlogin"]
    assert list(mine.words("allowusers")) == told.get("allowusers", [])
    assert list(mine.words("denyusers")) == told.get("denyusers", [])
    assert list(mine.words("allowgroups")) == told.get("allowgroups", [])
    files_ = mine.words("authorizedkeysfile", (".ssh/authorized_keys", ".ssh/authorized_keys2"))
    assert [" ".join(files_)] == told["authorizedkeysfile"]
    assert [mine.value("maxsessions", "10")] == told["maxsessions"]
    ports = [str(port_number(line.words[0])) for line in config.values("port")] or ["22"]
    assert ports == told["port"]
    methods = mine.words("authenticationmethods", ("any",))
    assert [" ".join(methods)] == told["authenticationmethods"]
