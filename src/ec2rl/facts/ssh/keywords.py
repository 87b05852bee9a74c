"""The keywords of sshd_config, and which sshd knows them (servconf.c, OpenSSH 7.4 to 10.2)."""

from __future__ import annotations

from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_GLOBAL = """
flag usepam kerberosorlocalpasswd kerberosticketcleanup gssapicleanupcredentials gssapicleanupcreds
flag gssapistrictacceptorcheck challengeresponseauthentication skeyauthentication printmotd
flag printlastlog ignoreuserknownhosts strictmodes tcpkeepalive keepalive usedns
flag gssapikeyexchange gssapistorecredentialsonrekey debianbanner dsaauthentication
flag kerberosgetafstoken
family addressfamily
compression compression
facility syslogfacility
hash fingerprinthash
port port
listen listenaddress
time logingracetime
path hostkey hostdsakey hostkeyagent pidfile modulifile xauthlocation hostcertificate
path securitykeyprovider sshdsessionpath sshdauthpath
keys hostkeyalgorithms casignaturealgorithms
ciphers ciphers
macs macs
kex kexalgorithms
any gssapikexalgorithms persourcepenalties persourcepenaltyexemptlist
startups maxstartups
source persourcemaxstartups
block persourcenetblocksize
userenv permituserenvironment
rest versionaddendum
"""
_ANYWHERE = """
root permitrootlogin
level loglevel
flag hostbasedauthentication hostbasedusesnamefrompacketonly pubkeyauthentication
flag kerberosauthentication gssapiauthentication passwordauthentication
flag kbdinteractiveauthentication x11forwarding x11uselocalhost permittty permituserrc
flag permitemptypasswords allowagentforwarding disableforwarding exposeauthinfo
flag streamlocalbindunlink refuseconnection
rhosts ignorerhosts
int x11displayoffset maxauthtries maxsessions clientalivecountmax requiredrsasize
time clientaliveinterval unusedconnectiontimeout
gateway gatewayports
forward allowtcpforwarding allowstreamlocalforwarding
keys pubkeyacceptedalgorithms pubkeyacceptedkeytypes hostbasedacceptedalgorithms
keys hostbasedacceptedkeytypes
users allowusers denyusers
groups allowgroups denygroups
subsystem subsystem
path banner revokedkeys trustedusercakeys authorizedprincipalsfile chrootdirectory
word authorizedkeyscommanduser authorizedprincipalscommanduser rdomain
command authorizedkeyscommand authorizedprincipalscommand
files authorizedkeysfile
names acceptenv
setenv setenv
tunnel permittunnel
opens permitopen permitlisten
rest forcecommand
methods authenticationmethods
mask streamlocalbindmask
rekey rekeylimit
any ipqos channeltimeout pubkeyauthoptions logverbose
match match
include include
"""
_DEPRECATED = """
pamauthenticationviakbdint serverkeybits keyregenerationinterval rhostsauthentication
rhostsrsaauthentication rsaauthentication checkmail uselogin verifyreversemapping
reversemappingcheck authorizedkeysfile2 useprivilegeseparation protocol kerberostgtpassing
afstokenpassing permitblacklistedkeys gssusesessionccache gssapiusesessioncredcache
"""
_DEPRECATED_ANYWHERE = ("rhostsrsaauthentication", "rsaauthentication", "authorizedkeysfile2")

_NEW = (
    *("include", "securitykeyprovider", "pubkeyauthoptions", "casignaturealgorithms", "setenv"),
    *("permitlisten", "rdomain", "exposeauthinfo", "disableforwarding", "modulifile", "logverbose"),
    *("persourcemaxstartups", "persourcenetblocksize", "pubkeyacceptedalgorithms"),
    *("hostbasedacceptedalgorithms", "requiredrsasize", "channeltimeout"),
    *("unusedconnectiontimeout", "persourcepenalties", "persourcepenaltyexemptlist"),
    *("sshdsessionpath", "refuseconnection", "sshdauthpath"),
)
"""Keywords that are newer than 7.3; the others have been there before."""

_VENDORS = frozenset(
    (
        *("gssapienablek5users", "kerberosuniqueccache", "showpatchlevel", "rsaminsize"),
        *("usesocketactivation", "hpndisabled", "hpnbuffersize", "tcprcvbufpoll", "noneenabled"),
        *("gssapikeyexchange", "gssapistorecredentialsonrekey", "gssapikexalgorithms"),
        *("debianbanner", "kerberosgetafstoken", "disableusagelog", "ldappublickey"),
    )
)
"""Keywords that only some builds know."""
RARE = (*_NEW, *sorted(_VENDORS))


@record(frozen=True)
class Keyword:
    """What sshd knows of a keyword; one that `is_rare` not every version or build knows."""

    kind: str
    in_match: bool
    is_rare: bool = False


_known: dict[str, Keyword] = {}


def keyword(name: str) -> Keyword | None:
    """Give what is known of a keyword in small letters; None for one that no sshd knows."""
    if not _known:
        for text, anywhere in ((_GLOBAL, False), (_ANYWHERE, True)):
            for line in text.split("\n"):
                kind, *names = line.split() or [""]
                for one in names:
                    _known[one] = Keyword(kind, anywhere, one in RARE)
        for one in _DEPRECATED.split():
            _known[one] = Keyword("deprecated", one in _DEPRECATED_ANYWHERE)
        for one in _VENDORS:
            _known.setdefault(one, Keyword("any", True, is_rare=True))
    return _known.get(name)


_GONE = {
    **dict.fromkeys(("arcfour", "arcfour128", "arcfour256", "blowfish-cbc", "cast128-cbc"), (7, 6)),
    **dict.fromkeys(("hmac-ripemd160", "hmac-ripemd160@openssh.com"), (7, 6)),
    "hmac-ripemd160-etm@openssh.com": (7, 6),
    **dict.fromkeys(("ssh-dss", "ssh-dss-cert-v01@openssh.com"), (10, 0)),
}
"""Algorithms that sshd once had, and the version that has them no more (release notes)."""


def odd_algorithms(value: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Give names in a list of algorithms that not every sshd knows, and since when none does."""
    if value.startswith("-"):
        return
    for name in value.lstrip("+^").split(","):
        if name in _GONE:
            yield name, _GONE[name]
