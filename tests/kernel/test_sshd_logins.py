"""A real sshd on the loopback of a network of its own, and many ways to be locked out of it.

It runs in this system's own root beneath a layer that goes away.  Of each way: the login fails, the
volume's diagnosis names why, what is to help is done (by `fix` where there is one), the login
succeeds; and an undo leaves every file as it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ec2rl.record import record

PROGRAM = Path(__file__).resolve().parents[2] / "ec2rl"
NEEDED = ("/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/ssh-keygen")
LACKING = [one for one in (*NEEDED, "unshare", "ip") if shutil.which(one) is None]
pytestmark = [
    pytest.mark.kernel,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a root of its own"),
    pytest.mark.skipif(
        bool(LACKING), reason=f"no real sshd lets nobody in here: there is no {LACKING}"
    ),
]


@record(frozen=True)
class Way:
    """How to be locked out (`how`, in the root), the words that name it, and what lets in again.

    `fix` is the command of this program, else `by_hand` is what a person does.
    """

    how: str
    named: str
    fix: str = ""
    by_hand: str = ""


CONFIG, KEYS = "/etc/ssh/sshd_config", "/home/ec2-user/.ssh/authorized_keys"
RISKY, FILES = "openssh --risky", "loginfiles"
WAYS = {
    "bad_line": Way(f"echo PasswordAuthenticaton yes >> {CONFIG}", "line 9", RISKY),
    "bad_value": Way(
        f"echo PermitRootLogin maybe > {CONFIG}.d/x.conf", f"line 1 of {CONFIG}.d/x.conf", RISKY
    ),
    "in_match": Way(
        f"printf 'Match User x\\nPort 23\\n' >> {CONFIG}", "not allowed within a Match", RISKY
    ),
    "circle": Way(f"echo Include {CONFIG} > {CONFIG}.d/x.conf", "include each other", RISKY),
    "methods_off": Way(
        f"printf 'PubkeyAuthentication no\\nAuthenticationMethods publickey\\n' >> {CONFIG}",
        "AuthenticationMethods cannot be satisfied",
        by_hand=f"sed -i '$d' {CONFIG}; sed -i '$d' {CONFIG}",
    ),
    "no_config": Way(f"mv {CONFIG} /x", f"{CONFIG} is missing", by_hand=f"mv /x {CONFIG}"),
    "keys_missing": Way("rm /etc/ssh/ssh_host_*", "no host key is of use", "openssh"),
    "keys_open": Way("chmod 644 /etc/ssh/ssh_host_*_key", "has mode 644", "openssh"),
    "keys_empty": Way(
        "for f in /etc/ssh/ssh_host_*_key; do : > $f; done",
        "_key is empty",
        by_hand="rm /etc/ssh/ssh_host_*; ssh-keygen -A",
    ),
    "no_sshd_user": Way(
        "sed -i /^sshd:/d /etc/passwd",
        "no user sshd",
        by_hand="echo sshd:x:74:74::/run/sshd:/usr/sbin/nologin >> /etc/passwd",
    ),
    "home_open": Way("chmod 777 /home/ec2-user", "/home/ec2-user has mode 777", FILES),
    "home_closed": Way("chmod 700 /home", "/home has mode 700", FILES),
    "home_owner": Way("chown 1234:1234 /home/ec2-user", "/home/ec2-user has mode 755", FILES),
    "folder_open": Way(
        "chmod 777 /home/ec2-user/.ssh",
        "/home/ec2-user/.ssh has mode 777",
        by_hand="chmod 700 /home/ec2-user/.ssh",
    ),
    "keys_of_root": Way(
        f"chown 0:0 {KEYS}", f"{KEYS} has mode 600", by_hand=f"chown 1000:1000 {KEYS}"
    ),
    "keys_unreadable": Way(f"chmod 0 {KEYS}", f"{KEYS} has mode 0", by_hand=f"chmod 600 {KEYS}"),
    "keys_gone": Way(f"mv {KEYS} /x", f"{KEYS} does not exist", by_hand=f"mv /x {KEYS}"),
    "keys_folder": Way(
        f"mv {KEYS} /x; mkdir {KEYS}", "is no regular file", by_hand=f"rmdir {KEYS}; mv /x {KEYS}"
    ),
    "key_broken": Way(
        f"cp {KEYS} /x; sed -i 's/^.\\{{60\\}}/&\\n/' {KEYS}",
        "was the line broken?",
        by_hand=f"cat /x > {KEYS}",
    ),
    "key_putty": Way(
        f"cp {KEYS} /x; echo '---- BEGIN SSH2 PUBLIC KEY ----' > {KEYS}",
        "PuTTY's form",
        by_hand=f"cat /x > {KEYS}",
    ),
    "key_expired": Way(
        f"sed -i 's/^/expiry-time=\"20200101\" /' {KEYS}",
        "bound by expiry-time=",
        by_hand=f"sed -i 's/^[^ ]* //' {KEYS}",
    ),
    "allow_users": Way(
        f"echo AllowUsers admin >> {CONFIG}",
        "not listed in AllowUsers",
        by_hand=f"sed -i '$d' {CONFIG}",
    ),
    "deny_groups": Way(
        f"echo DenyGroups ec2-* >> {CONFIG}",
        "listed in DenyGroups",
        by_hand=f"sed -i '$d' {CONFIG}",
    ),
    "keys_off": Way(
        f"echo PubkeyAuthentication no > {CONFIG}.d/x.conf",
        "PubkeyAuthentication no",
        by_hand=f"rm {CONFIG}.d/x.conf",
    ),
    "keys_elsewhere": Way(
        f"echo AuthorizedKeysFile /etc/keys/%u > {CONFIG}.d/x.conf",
        "/etc/keys/ec2-user does not exist",
        by_hand=f"rm {CONFIG}.d/x.conf",
    ),
    "methods": Way(
        f"echo AuthenticationMethods publickey,password >> {CONFIG}",
        "asks for more",
        by_hand=f"sed -i '$d' {CONFIG}",
    ),
    "nologin": Way("touch /etc/nologin", "/etc/nologin is there", by_hand="rm /etc/nologin"),
    "expired": Way(
        "sed -i '/^ec2-user/s/::[^:]*:$/::100:/' /etc/shadow",
        "expired on",
        by_hand="sed -i '/^ec2-user/s/:100:$/::/' /etc/shadow",
    ),
    "aged": Way(
        "sed -i '/^ec2-user/s/:20000:0:99999:/:15000:0:60:/' /etc/shadow",
        "60 are allowed",
        by_hand="sed -i '/^ec2-user/s/:15000:0:60:/:15000:0:99999:/' /etc/shadow",
    ),
    "no_shadow_line": Way(
        "sed -i /^ec2-user/d /etc/shadow",
        "no line in /etc/shadow",
        by_hand="echo 'ec2-user:*:20000:0:99999:7:::' >> /etc/shadow",
    ),
    "no_shell": Way(
        "sed -i 's:/bin/mysh:/bin/none:' /etc/passwd",
        "/bin/none, does not exist",
        by_hand="sed -i 's:/bin/none:/bin/mysh:' /etc/passwd",
    ),
    "shell_mode": Way("chmod 644 /usr/bin/mysh", "is not executable", FILES),
    "pam_file": Way(
        "echo @include nowhere >> /etc/pam.d/sshd",
        "/etc/pam.d/nowhere is missing",
        by_hand="sed -i '$d' /etc/pam.d/sshd",
    ),
    "locked": Way(
        f"sed -i 's/UsePAM yes/UsePAM no/' {CONFIG}; sed -i '/^ec2-user/s/:[*]:/:!:/' /etc/shadow",
        "is locked",
        by_hand=f"sed -i 's/UsePAM no/UsePAM yes/' {CONFIG}",
    ),
    "no_home": Way("mv /home/ec2-user /x", "/home/ec2-user, does not exist",
                   by_hand="mv /x /home/ec2-user"),
    "nologin_shell": Way(
        "sed -i 's:/bin/mysh:/usr/sbin/nologin:' /etc/passwd",
        "its shell, /usr/sbin/nologin, lets nobody work",
        by_hand="sed -i '/^ec2-user/s:/usr/sbin/nologin:/bin/mysh:' /etc/passwd",
    ),
}  # fmt: skip

INSIDE = r"""
import os, signal, subprocess, sys, time
way_how, fix, by_hand, program, folder = sys.argv[1:]
os.chdir(folder)
def sh(text, **more):
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=120, **more)
done = sh('''set -e
mkdir up work root
mount -t tmpfs none up; mkdir up/upper up/work
mount -t overlay -o lowerdir=/,upperdir=up/upper,workdir=up/work none root
for one in proc dev; do mount --rbind /$one root/$one; done
mount -t tmpfs none root/run; mount -t tmpfs none root/tmp; mkdir -m 755 root/run/sshd
chmod 755 root; rm -rf root/var/lib/ec2rl root/etc/ssh/sshd_config.d root/etc/nologin
mkdir -p root/home/ec2-user/.ssh root/etc/ssh/sshd_config.d
ip link set lo up''')
if done.returncode:
    print("NO LAYER", done.stderr); sys.exit()
os.makedirs("keys", exist_ok=True)
sh("ssh-keygen -q -t ed25519 -N '' -f keys/id")
def write(path, text, mode=0o644):
    with open(f"root{path}", "w") as file:
        file.write(text)
    os.chmod(f"root{path}", mode)
write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nsshd:x:74:74::/run/sshd:/usr/sbin/nologin\n"
      "nobody:x:65534:65534::/:/usr/sbin/nologin\nec2-user:x:1000:1000::/home/ec2-user:/bin/mysh\n")
write("/etc/group", "root:x:0:\nshadow:x:42:\nsshd:x:74:\nec2-user:x:1000:\n")
write("/etc/shadow", "root:*:20000:0:99999:7:::\nsshd:*:20000::::::\n"
      "ec2-user:*:20000:0:99999:7:::\n", 0o640)
write("/etc/pam.d/sshd", "auth required pam_unix.so\naccount required pam_nologin.so\n"
      "account required pam_unix.so\nsession required pam_permit.so\n")
write("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nPort 2222\n"
      "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM yes\n"
      "AuthorizedKeysFile .ssh/authorized_keys\nPrintMotd no\nLogLevel INFO\n")
sh('''rm -f root/etc/ssh/ssh_host_*; cp root/bin/sh root/usr/bin/mysh; chmod 755 root/usr/bin/mysh
rm -rf root/root/.ssh; chroot root ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
cp keys/id.pub root/home/ec2-user/.ssh/authorized_keys; chmod 700 root/home/ec2-user/.ssh
chmod 600 root/home/ec2-user/.ssh/authorized_keys; chown -R 1000:1000 root/home/ec2-user
chown 0:0 root/home; chmod 755 root/home root/home/ec2-user''')
def login():
    server = subprocess.Popen(["chroot", "root", "/usr/sbin/sshd", "-D", "-e"],
                              stderr=open("sshd.log", "w"), stdin=subprocess.DEVNULL)
    try:
        for _ in range(100):
            time.sleep(0.05)
            if server.poll() is not None:
                return "sshd ended: " + open("sshd.log").read()
            if "listening" in open("sshd.log").read():
                break
        tried = sh("ssh -F none -i keys/id -p 2222 -o StrictHostKeyChecking=no -o BatchMode=yes "
                   "-o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 ec2-user@127.0.0.1 "
                   "'echo in' </dev/null")
        return tried.stdout.strip() or "refused: " + tried.stderr + open("sshd.log").read()
    finally:
        server.terminate()
        server.wait()
def ec2rl(*words):
    done = subprocess.run([program, *words], capture_output=True,
                          text=True, timeout=300, stdin=subprocess.DEVNULL,
                          env={**os.environ, "COLUMNS": "20000", "EC2RL_PYTHON": sys.executable})
    return done.stdout + done.stderr
def picture():
    found = []
    for top in ("etc", "home", "usr/bin/mysh"):
        for path in sh(f"find root/{top} -xdev").stdout.splitlines():
            if "/ec2rl" in path or path.endswith("/-"):
                continue
            status = os.lstat(path)
            is_file = os.path.isfile(path) and not os.path.islink(path)
            text = open(path, "rb").read() if is_file and status.st_size < 1 << 20 else b""
            found.append((path, status.st_mode, status.st_uid, status.st_gid, text))
    return found
print("SOUND", login())
print("SOUND SAID", ec2rl("run", "--only-modules=openssh,loginfiles", "--no-save", "--root=root"))
broken = sh(f"chroot root sh -c '''{way_how}'''") if "'" not in way_how else subprocess.run(
    ["chroot", "root", "sh", "-c", way_how], capture_output=True, text=True)
print("BROKEN", broken.returncode, broken.stderr)
before = picture()
print("THEN", login())
print("SAID", ec2rl("run", "--only-modules=openssh,loginfiles", "--no-save", "--root=root"))
print("END SAID")
if fix:
    print("FIXED", ec2rl("fix", *fix.split(), "--yes", "--root=root"))
else:
    print("FIXED", subprocess.run(["chroot", "root", "sh", "-c", by_hand], capture_output=True,
                                  text=True))
print("AFTER", login())
print("NOW", ec2rl("run", "--only-modules=openssh,loginfiles", "--no-save", "--root=root"))
if fix:
    print("UNDONE", ec2rl("undo", "--yes", "--root=root"))
    print("SAME", picture() == before)
"""


@pytest.mark.parametrize("name", WAYS)
def test_who_is_locked_out_is_told_why_and_let_in_again(name: str, tmp_path: Path) -> None:
    way = WAYS[name]
    command = ["unshare", "-m", "-n", "--propagation=private", sys.executable, "-c", INSIDE]
    command += [way.how, way.fix, way.by_hand, str(PROGRAM), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    told = done.stdout
    if told.startswith("NO LAYER"):
        pytest.skip(f"this kernel has no overlay: {told}")
    assert "SOUND in\n" in told, told + done.stderr
    sound = told.partition("SOUND SAID")[2].partition("BROKEN")[0]
    assert "[FAILURE]" not in sound, sound
    assert "BROKEN 0" in told, told
    assert "THEN in\n" not in told, told
    said = told.partition("THEN")[2].partition("END SAID")[0]
    assert "[FAILURE]" in said, said
    assert way.named in said, said
    after = told.partition("END SAID")[2]
    assert "AFTER in\n" in after, after + done.stderr
    assert "[FAILURE]" not in after.partition("NOW")[2].partition("UNDONE")[0], after
    if way.fix:
        assert "SAME True" in after, after
