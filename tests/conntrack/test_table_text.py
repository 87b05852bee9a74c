"""What `ec2rl conntrack` draws and tells, from values made by hand."""

from __future__ import annotations

from ec2rl.conntrack.boot.settings import boot_settings
from ec2rl.conntrack.report.boot_text import boot_facts, boot_text
from ec2rl.conntrack.report.curve import curve
from ec2rl.conntrack.report.size_text import Sizing, Tables, recommended_facts, size_text
from ec2rl.conntrack.report.table_text import all_tables, top
from ec2rl.conntrack.size_policy import Because, TableSize, size_for
from ec2rl.conntrack.table.capture import Capture
from ec2rl.conntrack.table.census import Census, census
from ec2rl.conntrack.table.cost import ObjectSize, cost_of
from ec2rl.conntrack.table.sizing import Growth, Need, TimeToFull, time_to_full
from ec2rl.conntrack.table.tally import Tally
from ec2rl.conntrack.table.targets import TableTarget, TableTargets
from ec2rl.conntrack.table.timeouts import DEFAULTS
from ec2rl.conntrack.table.whatif import Point
from ec2rl.conntrack.tables import Limits
from ec2rl.host import Door
from ec2rl.host.recording import RecordedHost
from ec2rl.quantities import span
from ec2rl.record import replace

HERE = TableTarget("netns 7 (web)", (Door("/run/netns/web", 7),), 240_000, 7)
LIMITS = Limits(262_144, 262_144, 8 << 30, True)
LINE = (
    b"ipv4 2 tcp 6 100 SYN_SENT src=198.18.0.%d dst=192.0.2.1 sport=5000 dport=80 "
    b"[UNREPLIED] src=192.0.2.1 dst=198.18.0.%d sport=80 dport=5000 mark=0 use=1\n"
)


def some(count: int, counted: int | None) -> Census:
    tally = Tally(DEFAULTS)
    for entry in Capture().entries(LINE % (i % 200, i % 200) for i in range(count)):
        tally.add(entry)
    return census(tally, DEFAULTS, "a test", counted)


def test_a_curve() -> None:
    points = [Point(1, 1), Point(2, 4), Point(4, 8), Point(8, 8), Point(60, 16)]
    assert curve(points, 4, 60) == [
        "     16 |        ##",
        "        |        ##",
        "        |        ##",
        "        |        ##",
        "      8 |    ######",
        "        |    ######",
        "        |  ########",
        "        |##########",
        "      0 +----------",
        "         1 s",
        "         wanted: 4 s, today 1 min ^",
    ]
    assert curve([Point(1, 0)], 1, 1) == []


def test_spans_of_time() -> None:
    seconds = (0, 59.6, 60, 119, 120, 5400, 7200, 86400, 432000)
    assert [span(each) for each in seconds] == [
        *("0 s", "1 min", "1 min", "1 min 59 s", "2 min", "1 h 30 min", "2 h", "1 d", "5 d")
    ]


def test_a_sample_is_told_with_its_bounds() -> None:
    seen = some(2000, 240_000)
    text = top(HERE, TableTargets((HERE,), (), LIMITS, None), seen, "service", 5, ())
    assert (
        text
        == """\
netns 7 (web): 240,000 of 262,144 entries (92%)
    half-open connections from many sources, most to 192.0.2.1:80/tcp.
    Seen: 2,000 of 240,000 entries (below 1%), in random order; bounds hold in
    95 of 100 cases.
    When it is full, 100% can be evicted for a new connection, 0% slowly
    (closing); 0% stay.

Service                entries share  between
192.0.2.1:80/tcp       240,000  100%  239,561 and 240,000

"""
    )


def test_one_namespace_of_several_is_named_once() -> None:
    other = replace(HERE, label="netns 8", count=10)
    told = all_tables(TableTargets((HERE, other), (), LIMITS, None))
    assert told.startswith("one network namespace has 99% of all entries: netns 7 (web)\n")
    assert all_tables(TableTargets((HERE,), (), LIMITS, None)) == ""


def test_a_size_its_cost_and_the_time_that_is_left() -> None:
    grown = (Growth("tcp_timeout_syn_sent", 10.0, 8.0, 12.0, 12.0),)
    sizing = Sizing(
        HERE,
        some(2000, 240_000),
        5.0,
        Need(240_000, (("tcp_timeout_syn_sent", 1200),)),
        (),
        grown,
        time_to_full(240_000, 262_144, grown),
    )
    entry = ObjectSize(256, "/proc/slabinfo: nf_conntrack 1 1 256")
    size = TableSize(491_520, 491_520, Because.PEAKS)
    tables = Tables((sizing,), size, entry, cost_of(491_520, 491_520, entry))

    def told(one: Sizing, limits: Limits = LIMITS) -> str:
        return size_text(limits, replace(tables, sized=(one,)))

    assert (
        told(sizing)
        == """\
netns 7 (web): 240,000 of 262,144 entries (92%)
    Seen: 2,000 of 240,000 entries (below 1%), in random order; all numbers are
    of these.

Needed:       at least 240,000 entries at the present load
              (1,200 of them still to come, by tcp_timeout_syn_sent)
Recommended:  net.netfilter.nf_conntrack_max=491520 (now 262,144)
              net.netfilter.nf_conntrack_buckets=491520 (now 262,144)
              (twice what the present load needs, which leaves room for peaks)
              sudo ./ec2rl fix conntrackfull --set max=491520 --set buckets=491520
Costs:        184 MiB of kernel memory when every entry is used
              256 + 128 bytes an entry (/proc/slabinfo), 8 a bucket
Full in:      36 min 54 s; between 30 min 45 s and 46 min 8 s (chance alone, 95
              of 100 cases; two looks, 5.0 s apart)

"""
    )
    nowhere = recommended_facts(LIMITS, replace(tables, sized=()))
    assert nowhere["set"] == {"max": 491_520, "buckets": 491_520}
    assert (nowhere["max"], nowhere["why"]) == (
        491_520,
        "twice what the present load needs, which leaves room for peaks",
    )
    never = replace(sizing, full=TimeToFull(None, None, None))
    assert "Full in:      not growing" in told(never)
    assert "Full in:      it is full" in told(replace(sizing, full=TimeToFull(0.0, 0.0, 0.0)))
    unlimited = replace(LIMITS, maximum=0)
    assert "Full in:      never: there is no limit" in told(sizing, unlimited)


def test_several_tables_get_one_size_and_a_saved_one_has_no_host() -> None:
    one = Sizing(HERE, some(9, 9), 0.0, Need(9, ()), (), (), TimeToFull(None, None, None))
    other = replace(one, target=replace(HERE, label="netns 8"))
    entry = ObjectSize(320, "assumed: /proc/slabinfo: not collected")
    enough = TableSize(262_144, 262_144)
    tables = Tables((one, other), enough, entry, cost_of(262_144, 262_144, entry), left=2)
    text = size_text(LIMITS, tables)
    assert text.startswith("""\
The limit is one for all network namespaces: the largest need decides.
2 more tables have fewer entries: not looked at.

Recommended:  as it is: max 262,144, buckets 262,144
Costs:        114 MiB of kernel memory when every entry is used
""")
    assert text.count("Recommended") == 1
    assert text.count("Needed:") == 2
    saved = replace(tables, sized=(one,), size=size_for(9), saved=True, left=0)
    assert """\
Recommended:  max 16,384, buckets 16,384 (of the machine that it is from nothing
              else is known: not its limits, nor its load)
""" in size_text(Limits(None, None, None, None), saved)


RELEASE = "6.1.0-18-amd64"
BOOT = {
    "/proc/sys/kernel/osrelease": RELEASE,
    "/proc/cmdline": "ro quiet",
    "/proc/meminfo": "MemTotal:        8000000 kB\nHugepagesize:       2048 kB",
    "ls /usr/lib/systemd": "systemd\nsystemd-sysctl",
    f"/lib/modules/{RELEASE}/modules.builtin": "kernel/net/netfilter/nf_conntrack.ko",
    "/proc/sys/net/netfilter/nf_conntrack_max": "131072",
    "/proc/sys/net/netfilter/nf_conntrack_buckets": "262144",
    "/etc/sysctl.d/99-netfilter.conf": (
        "net.netfilter.nf_conntrack_max=131072\nnet.netfilter.nf_conntrack_buckets=many"
    ),
    "/etc/sysctl.d/99-zz.conf": "net.nf_conntrack_max = 400000",
}


def test_after_a_reboot_with_the_lines_that_decide_and_those_that_lose() -> None:
    assert (
        boot_text(boot_settings(RecordedHost(BOOT)))
        == f"""\
After a reboot:

    sysctl files are applied by: systemd-sysctl
    nf_conntrack is built into the kernel:
                    /lib/modules/{RELEASE}/modules.builtin:
                    kernel/net/netfilter/nf_conntrack.ko

setting                                           now      after
nf_conntrack_max                              131,072    400,000
    because: systemd-sysctl: /etc/sysctl.d/99-zz.conf:1: net.nf_conntrack_max =
             400000
    no effect: /etc/sysctl.d/99-netfilter.conf:1:
               net.netfilter.nf_conntrack_max=131072
nf_conntrack_buckets                          262,144    262,144
    because: default of this kernel for 7.6 GiB of memory, max = buckets
    no effect: /etc/sysctl.d/99-netfilter.conf:2:
               net.netfilter.nf_conntrack_buckets=many
    warning: /etc/sysctl.d/99-netfilter.conf:2:
             'net.netfilter.nf_conntrack_buckets=many' is refused: the kernel
             takes no number from it (EINVAL)
15 more are not set anywhere: as the kernel has them; see --json.
"""
    )


def test_after_a_reboot_on_a_narrow_terminal() -> None:
    told = boot_text(boot_settings(RecordedHost(BOOT)), width=40)
    assert (
        told.partition("\n\n    sysctl")[2]
        .partition("nf_conntrack_max\n")[2]
        .startswith(
            """\
    now 131,072, after 400,000
    because: systemd-sysctl:
             /etc/sysctl.d/99-zz.conf:1:
             net.nf_conntrack_max =
             400000
    no effect:
      /etc/sysctl.d/99-netfilter.conf:1:
   net.netfilter.nf_conntrack_max=131072
"""
        )
    )


def test_the_same_as_json() -> None:
    facts = boot_facts(boot_settings(RecordedHost(BOOT)))
    settings = facts["settings"]
    assert isinstance(settings, list)
    assert len(settings) == 17
    assert settings[0] == {
        "key": "net.netfilter.nf_conntrack_max",
        "now": 131072,
        "after": 400000,
        "because": "systemd-sysctl",
        "decided": {
            "source": "/etc/sysctl.d/99-zz.conf:1",
            "text": "net.nf_conntrack_max = 400000",
        },
        "losers": [
            {
                "source": "/etc/sysctl.d/99-netfilter.conf:1",
                "text": "net.netfilter.nf_conntrack_max=131072",
            }
        ],
        "lost": None,
        "survives": True,
        "warnings": [],
        "changers": [],
    }
    assert isinstance(settings[2], dict)
    assert settings[2]["now"] is None
