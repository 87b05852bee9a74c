"""PAM's stack of sshd: circles, what denies everybody, and what was not judged."""

from __future__ import annotations

import pytest

from ec2rl.facts.pam import Stack, read_stack
from ec2rl.host.recording import RecordedHost

_DEBIAN = """account required pam_nologin.so
@include common-account
session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so close
session required pam_loginuid.so
session optional pam_anything.so
session [default=1] pam_permit.so
session requisite pam_deny.so
session required pam_permit.so
"""
_COMMON = """account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so
account requisite pam_deny.so
account required pam_permit.so
"""
_AMAZON = """auth substack password-auth
account required pam_sepermit.so
account required pam_nologin.so
account include password-auth
session required pam_namespace.so
"""
_PASSWORD = """auth required pam_env.so
account required pam_unix.so
account sufficient pam_localuser.so
account sufficient pam_usertype.so issystem
account [default=bad success=ok user_unknown=ignore] pam_sss.so
account required pam_permit.so
"""


def stack(text: str) -> Stack:
    texts = {"sshd": text, "common-account": _COMMON, "password-auth": _PASSWORD}
    return read_stack(RecordedHost({f"/etc/pam.d/{name}": told for name, told in texts.items()}))


@pytest.mark.parametrize("text", [_DEBIAN, _AMAZON, "account sufficient pam_nobody_knows.so\n"
                                  "account required pam_unix.so\n"])  # fmt: skip
def test_what_distributions_have_is_sound(text: str) -> None:
    found = stack(text)
    assert (found.missing, found.unread, found.doubts) == ((), (), ())


@pytest.mark.parametrize(
    "text",
    [
        "@include sshd\naccount include sshd\n" * 40,
        "account substack sshd\n",
        "@include password-auth\n" * 5000,
    ],
)
def test_circles_and_crowds_are_bounded(text: str) -> None:
    found = stack(text)
    assert len(found.unread) == 1
    assert len(found.lines) < 5000


@pytest.mark.parametrize(
    "text",
    [
        "account requisite pam_deny.so\naccount required pam_unix.so\n",
        "account required pam_unix.so\naccount required pam_deny.so\n",
        "account [success=2 default=ignore] pam_unix.so\naccount required pam_unix.so\n"
        "account required pam_permit.so\naccount [default=die] pam_deny.so\n",
        "account required pam_unix.so\nsession required pam_deny.so\n",
    ],
)
def test_what_denies_everybody_is_named(text: str) -> None:
    assert "pam_deny.so" in str(stack(text).missing[0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage\n",
        "garbage of many words\naccount required pam_unix.so\n",
        "account required pam_access.so\naccount required pam_unix.so\n",
        "account required pam_succeed_if.so user = nobody\n",
        "account needed pam_unix.so\n",
        "account [success=1 default=ignore] pam_nobody_knows.so\naccount required pam_deny.so\n",
    ],
)
def test_what_is_not_judged_is_named(text: str) -> None:
    found = stack(text)
    assert not found.missing
    assert found.doubts
