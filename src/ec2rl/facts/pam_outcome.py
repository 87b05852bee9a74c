"""How a stack of PAM ends for an account with nothing against it, as far as its lines tell.

pam.conf(5), libpam/pam_dispatch.c.  Modules whose answer rests on rules of their own, and those
that are not known, are named: what they decide was not judged.
"""

from __future__ import annotations

from ec2rl.model import Statement, say
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.facts.pam import PamLine

ACCOUNT, SESSION = "account", "session"
_TAKES = {
    ACCOUNT: (
        *("pam_unix", "pam_unix2", "pam_permit", "pam_nologin", "pam_localuser", "pam_sepermit"),
        *("pam_faillock", "pam_tally2", "pam_lastlog", "pam_shells", "pam_warn", "pam_pwquality"),
    ),
    SESSION: (
        *("pam_unix", "pam_unix2", "pam_permit", "pam_limits", "pam_env", "pam_loginuid"),
        *("pam_selinux", "pam_keyinit", "pam_namespace", "pam_umask", "pam_mail", "pam_motd"),
        *("pam_systemd", "pam_lastlog", "pam_lastlog2", "pam_mkhomedir", "pam_oddjob_mkhomedir"),
        *("pam_tty_audit", "pam_cap", "pam_warn", "pam_echo", "pam_xauth", "pam_apparmor"),
    ),
}
"""Modules that let an account of the files pass; their own files are read elsewhere."""
_IGNORES = ("pam_sss", "pam_winbind", "pam_krb5", "pam_ldap", "pam_systemd_home", "pam_ecryptfs")
"""Modules that pass over an account of the files, where the control lets them (`user_unknown`)."""
_FAILS = ("pam_usertype", "pam_succeed_if")
"""Modules that ask what an account is: where they may only end the stack they refuse nobody."""
_SIMPLE = {
    "required": {"success": "ok", "default": "bad"},
    "requisite": {"success": "ok", "default": "die"},
    "sufficient": {"success": "done", "default": "ignore"},
    "optional": {"success": "ok", "default": "ignore"},
}
_HARMLESS = ("ok", "ignore", "done")


@record(frozen=True)
class Outcome:
    """Why a stack refuses everybody, None where it does not, and what of it was not judged."""

    refuses: Statement | None = None
    doubts: tuple[Statement, ...] = ()


def outcome(lines: Sequence[PamLine], kind: str) -> Outcome:
    """Follow the lines of a kind, `account` or `session`, from the first to where they end."""
    own = [line for line in lines if line.kind == kind]
    doubts: list[Statement] = []
    at = 0
    while at < len(own):
        line = own[at]
        at += 1
        actions = _actions(line.control)
        if actions is None:
            words = "the control of line {n} of {path} is not understood"
            doubts.append(say(words, n=line.number, path=line.path))
            continue
        result = _result(line, kind)
        if result == "" and not all(one in _HARMLESS for one in actions.values()):
            words = "what {module} decides, which {path}:{n} calls, was not judged"
            doubts.append(say(words, module=line.module, path=line.path, n=line.number))
        if not result:
            continue
        action = actions.get(result, actions.get("default", "bad"))
        if action in ("bad", "die"):
            words = "{module}, which {path}:{n} calls, denies"
            said = say(words, module=line.module, path=line.path, n=line.number)
            return Outcome(None, (*doubts, said)) if doubts else Outcome(said)
        if action == "done":
            break
        at += int(action) if action.isdigit() and len(action) < 5 else 0
    return Outcome(None, tuple(doubts))


def _result(line: PamLine, kind: str) -> str:
    """Say what a module answers, "" for what is not known."""
    name = line.module.rpartition("/")[2].removesuffix(".so")
    if name == "pam_deny":
        return "auth_err"
    if name in _TAKES[kind]:
        return "success"
    if name in _IGNORES:
        return "user_unknown"
    return "auth_err" if name in _FAILS and line.control == "sufficient" else ""


def _actions(control: str) -> dict[str, str] | None:
    """Give what each answer of a module does; None for a control in no known form."""
    simple = _SIMPLE.get(control.lower())
    if simple is not None:
        return simple
    if not (control.startswith("[") and control.endswith("]")):
        return None
    found = {}
    for word in control[1:-1].split():
        name, equals, action = word.partition("=")
        if not equals or not (action.isdigit() or action in (*_HARMLESS, "bad", "die", "reset")):
            return None
        found[name] = action
    return found
