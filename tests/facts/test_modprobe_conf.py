"""modprobe.d, modules-load.d and kernel command lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ec2rl.facts.modprobe_conf import (
    Command,
    Parameter,
    commands,
    from_command_line,
    kernel_uint,
    module_name,
    named_modules,
    parameters,
)
from ec2rl.model import Evidence
from support.examples import examples


def test_commands_keep_the_number_of_their_first_line() -> None:
    text = "# sizes\noptions nf-conntrack \\\n  hashsize=65536 acct=1\n\nblacklist floppy\n"
    assert list(commands("f", text)) == [
        Command(
            "f",
            2,
            "options nf-conntrack   hashsize=65536 acct=1",
            ("options", "nf-conntrack", "hashsize=65536", "acct=1"),
        ),
        Command("f", 5, "blacklist floppy", ("blacklist", "floppy")),
    ]


def test_options_give_parameters() -> None:
    (command,) = commands("f", 'options nf-conntrack hashsize="65536" nf_conntrack_max=1\n')
    place = Evidence("f:1", 'options nf-conntrack hashsize="65536" nf_conntrack_max=1')
    assert command.concerns("nf_conntrack")
    assert list(parameters(command)) == [
        Parameter("hashsize", "65536", place),
        Parameter("nf_conntrack_max", "1", place),
    ]


def test_the_kernel_command_line_gives_parameters() -> None:
    text = "ro quiet nf-conntrack.hashsize=9 nf_conntrack_ftp.ports=21 nf_conntrack.acct\n"
    assert list(from_command_line("c", text, "nf_conntrack")) == [
        Parameter("hashsize", "9", Evidence("c", "nf-conntrack.hashsize=9")),
        Parameter("acct", "", Evidence("c", "nf_conntrack.acct")),
    ]


def test_modules_are_named_one_a_line() -> None:
    assert list(named_modules("f", "# c\n; c\n nf-conntrack \n\nbr_netfilter\n")) == [
        ("nf_conntrack", Evidence("f:3", "nf-conntrack")),
        ("br_netfilter", Evidence("f:5", "br_netfilter")),
    ]


def test_a_parameter_is_a_whole_number_in_c() -> None:
    words = ("65536", "0x10000", "010", "+5", "0", "", "-5", "5 ", "5k", "08", "4294967296")
    assert [kernel_uint(word) for word in words] == [
        *(65536, 65536, 8, 5, 0),
        *(None, None, None, None, None, None),
    ]


@given(st.text(max_size=200))
@examples(500)
def test_any_text_is_commands(text: str) -> None:
    for command in commands("f", text):
        assert command.words
        assert all(p.given.text == command.text for p in parameters(command))
    assert all(module_name(name) == name for name, _ in named_modules("f", text))
