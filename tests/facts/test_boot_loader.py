"""GRUB's menu by its script: which entry is taken, what it starts, and what GRUB itself takes."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from ec2rl.facts.loader import bls, grubenv
from ec2rl.facts.loader.grub import read_menu
from ec2rl.facts.loader.menu import choose, every
from ec2rl.facts.loader.script import ScriptError, parse

ENTRIES = """
menuentry 'One' --id one { linux /vmlinuz-1 root=/dev/sda1 $extra; initrd /initrd-1 }
submenu 'More >> less' {
  menuentry "Two" --class x --id=two {
    linux /vmlinuz-2
    initrd /early /initrd-2
  }
  menuentry 'A > B' { linux /vmlinuz-3; }
}
menuentry 'Last' --id last { chainloader +1; }
"""


def taken(script: str, env: dict[str, str] | None = None, has_env: bool = True) -> str | None:
    menu = read_menu("/boot/grub/grub.cfg", script + ENTRIES, env, (), has_env)
    entry = choose(menu).entry
    return None if entry is None else entry.title


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", "One"),
        ("set default=0", "One"),
        ("set default=2", "Last"),
        ("set default=9", "One"),
        ("default=last", "Last"),
        ("set default='last' # a note", "Last"),
        ('set default="1>two"', "Two"),
        ("set default='More >>>> less>Two'", "Two"),
        ("set default='1>A >> B'", "A > B"),
        ("set default=1", "Two"),
        ("set default=${saved_entry}", "One"),
        ('load_env; set default="${saved_entry}"', "Last"),
        ('if [ -s $prefix/grubenv ]; then load_env; fi\nset default="$saved_entry"', "Last"),
        ('if [ "${next_entry}" ]; then set default=1; else set default=2; fi', "Last"),
        ("if [ x$feature_menuentry_id = xy ] ; then set default=last; fi", "Last"),
        ("if ! true; then set default=2; fi", None),
        ("if [ $grub_platform = efi ]; then set default=2; fi", None),
        ("if [ $grub_platform = efi ]; then set default=last; else set default=last; fi", "Last"),
        ("function pick { set default=last; }\npick", "Last"),
        ("function pick { set default=last; }", "One"),
        ("for x in 1 2; do set default=last; done", None),
        ("if [ x = y ]; then set default=1; elif [ -z '' ]; then set default=last; fi", "Last"),
        ("set a=la; set b=st; set default=$a${b}", "Last"),
        ("set default=la\\\nst", "Last"),
        ("unset default", "One"),
    ],
)
def test_which_entry_is_taken(script: str, expected: str | None) -> None:
    assert taken(script + "\n", {"saved_entry": "last"}) == expected


def test_without_grubenv_nothing_is_saved_and_one_that_cannot_be_read_may_hold_anything() -> None:
    script = 'if [ -s $prefix/grubenv ]; then load_env; fi\nset default="${saved_entry}"\n'
    assert taken(script, {}, has_env=False) == "One"
    assert taken(script, None) is None


def test_what_an_entry_starts_and_what_the_default_has_to_be_for_it() -> None:
    menu = read_menu("/g.cfg", "set extra='a b'\n" + ENTRIES, {})
    found = dict(every(menu.entries))
    assert [*found] == [
        *("one", "More >>>> less>two", "More >>>> less>A >> B", "last"),
    ]
    (one,) = found["one"].starts
    assert (one.kernel, one.words, one.initrds) == (
        "/vmlinuz-1",
        "root=/dev/sda1 a b",
        ("/initrd-1",),
    )
    assert found["More >>>> less>two"].starts[0].initrds == ("/early", "/initrd-2")
    assert found["last"].starts == ()


@pytest.mark.parametrize(
    "script",
    [
        "if true; then",
        "menuentry 'x' {",
        "}",
        "fi",
        "function f { { }",
        "set x='",
        "while true; do",
        "if true; else; fi",
        "{" * 40 + "}" * 40,
        "a\n" * 300_000,
        "x" * (2 << 20),
        *("function a { a; a; }\na", "if x; then y; " + "elif x; then y; " * 100 + "fi"),
    ],
    ids=range(13),
)
def test_what_is_none_or_too_much_is_said(script: str) -> None:
    with pytest.raises(ScriptError):
        read_menu("/g.cfg", script + "\n", {})


@pytest.mark.slow
def test_what_grub_takes_for_a_script_we_do(tmp_path: Path) -> None:
    program = shutil.which("grub-script-check")
    if program is None:
        pytest.skip("no grub-script-check")
    pieces = random.Random(14)
    words = (
        *("set a=1", "menuentry 'x' {", "}", "if [ a = b ]; then", "fi", "else", "true; false"),
        *("elif true; then", "linux /v 'q' $a", "function f {", 'submenu "y z" --id q {', "'"),
        *(
            "while true; do",
            "done",
            "echo \"a $b ${c} 'd'\"",
            "# { fi",
            "echo \\",
            "for i in 1; do",
        ),
    )
    differ = []
    for number in range(150):
        text = "".join(pieces.choice(words) + "\n" for _ in range(pieces.randrange(1, 7)))
        path = tmp_path / f"{number}.cfg"
        path.write_text(text)
        is_taken = not subprocess.run([program, path], capture_output=True, check=False).returncode
        try:
            parse(text)
        except ScriptError:
            ours = False
        else:
            ours = True
        if ours != is_taken:
            differ.append((text, is_taken))
    assert [one for one in differ if one[1]] == [], "what GRUB takes is to be read"
    assert len(differ) <= 40, "what GRUB refuses, and we do not, is an empty block or the like"


def test_grubenv_keeps_its_size_and_all_else() -> None:
    begun = f"{grubenv.BEGINS}a=1\nsaved_entry=old\nb=x\\\\y\\\nz\n"
    text = begun + "#" * (1024 - len(begun))
    assert grubenv.parse(text) == {"a": "1", "saved_entry": "old", "b": "x\\y\nz"}
    made = grubenv.with_values(text, {"saved_entry": "new>one", "next_entry": ""})
    assert made is not None
    assert len(made) == grubenv.SIZE
    assert made.startswith(
        f"{grubenv.BEGINS}a=1\nsaved_entry=new>one\nb=x\\\\y\\\nz\nnext_entry=\n#"
    )
    assert grubenv.with_values(text, {"saved_entry": "x" * 1024}) is None


@pytest.mark.slow
def test_grub_editenv_reads_what_was_written(tmp_path: Path) -> None:
    program = shutil.which("grub-editenv")
    if program is None:
        pytest.skip("no grub-editenv")
    path = tmp_path / "grubenv"
    subprocess.run([program, path, "create"], check=True)
    subprocess.run([program, path, "set", "kernelopts=root=x ro", "saved_entry=b\\c"], check=True)
    text = path.read_text()
    assert grubenv.parse(text) == {"kernelopts": "root=x ro", "saved_entry": "b\\c"}
    path.write_text(grubenv.with_values(text, {"saved_entry": "sub>it\\s"}) or "")
    told = subprocess.run([program, path, "list"], capture_output=True, text=True, check=True)
    assert told.stdout == "kernelopts=root=x ro\nsaved_entry=sub>it\\s\n"
    assert path.stat().st_size == grubenv.SIZE


def test_versions_are_ordered_as_rpm_does() -> None:
    names = ["m-6.1.102-111.182.amzn2023.x86_64", "m-6.1.94-99.176.amzn2023.x86_64",
             "m-5.14.0-503.el9.x86_64", "m-5.14.0-503.el9~rc1.x86_64", "m-0-rescue"]  # fmt: skip
    assert sorted(names, key=bls.order, reverse=True) == names
