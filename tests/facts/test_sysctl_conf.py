"""sysctl.d text, without the real readers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ec2rl.facts.sysctl_conf import (
    Assignment,
    NoAssignment,
    Reader,
    alternatives,
    kernel_int,
    matches,
    normalize,
    parse,
    writes,
)
from support.examples import examples

TEXT = """\
# the page's two lines
net.netfilter.nf_conntrack_max = 131072 # doubled
  -net/netfilter/nf_conntrack_buckets=0x8000

; old
net.nf_conntrack_max 7
-net.netfilter.nf_conntrack_count
"""


def test_every_line_that_is_no_comment_comes_with_its_number() -> None:
    assert list(parse("/etc/sysctl.d/a.conf", TEXT, Reader.SYSTEMD)) == [
        Assignment(
            "/etc/sysctl.d/a.conf",
            2,
            "net.netfilter.nf_conntrack_max = 131072 # doubled",
            "net/netfilter/nf_conntrack_max",
            "131072 # doubled",
        ),
        Assignment(
            "/etc/sysctl.d/a.conf",
            3,
            "-net/netfilter/nf_conntrack_buckets=0x8000",
            "net/netfilter/nf_conntrack_buckets",
            "0x8000",
        ),
        NoAssignment("/etc/sysctl.d/a.conf", 6, "net.nf_conntrack_max 7"),
        Assignment(
            "/etc/sysctl.d/a.conf",
            7,
            "-net.netfilter.nf_conntrack_count",
            "net/netfilter/nf_conntrack_count",
            None,
        ),
    ]


def test_a_key_with_a_dot_inside_a_name_keeps_it() -> None:
    assert normalize("net.ipv4.conf.eth0/100.forwarding") == "net/ipv4/conf/eth0.100/forwarding"
    assert normalize("net/ipv4/conf/eth0.100/forwarding") == "net/ipv4/conf/eth0.100/forwarding"


def test_braces_stand_for_at_most_so_many_patterns() -> None:
    assert alternatives("a{b,c{d,e}}f") == ["abf", "acdf", "acef"]
    assert alternatives("a{b") == ["a{b"]
    assert alternatives("a}b{c") == ["a}b{c"]
    assert alternatives("{a,b}" * 6) is not None
    assert alternatives("{a,b}" * 7) is None
    assert alternatives("{" + "," * 500) == ["{" + "," * 500]
    assert alternatives("{" + "," * 2000 + "}") is None


def test_a_pattern_of_many_stars_is_no_trap() -> None:
    assert not matches("net/" + "*a" * 200 + "*b", "net/" + "a" * 200, Reader.SYSTEMD)


@given(st.text(max_size=200), st.sampled_from(Reader))
@examples(500)
def test_any_text_gives_lines_that_exist(text: str, reader: Reader) -> None:
    lines = text.split("\n")
    found = list(parse("f", text, reader))
    assert all(item.text in lines[item.line - 1] for item in found)
    made = writes([i for i in found if isinstance(i, Assignment)], reader, ["net/nf_conntrack_max"])
    assert all(item.value is not None for _, item in made)


@given(st.text(alphabet=" \t-+0123456789xXaAfgn#", max_size=30))
@examples(500)
def test_a_number_fits_what_the_kernel_holds(text: str) -> None:
    value = kernel_int(text)
    assert value is None or -(1 << 64) < value < 1 << 64


@given(st.integers(min_value=-(10**18), max_value=10**18), st.sampled_from("dxo"))
def test_a_number_is_read_as_it_is_written(value: int, form: str) -> None:
    prefix = {"d": "", "x": "0x", "o": "0"}[form]
    word = f"{'-' if value < 0 else ''}{prefix}{abs(value):{form}}"
    assert kernel_int(word) == (value if len(word) <= 20 else None)
