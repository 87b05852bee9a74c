"""Completions for bash, zsh and fish, from the table of commands that `ec2rl help` shows."""

from __future__ import annotations

from ec2rl.arguments import Option
from ec2rl.catalogue import names
from ec2rl.commands import all_commands, demo

_OF_MODULES = ("explain", "fix", "help")
"""Subcommands whose operands are modules."""
_MODULES = ("only-modules", "no")
"""Options whose values are."""

_BASH = """\
# bash completion for ec2rl(8)
_ec2rl()
{{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    local word first= second= n
    for ((n = 1; n < COMP_CWORD; n++)); do
        word=${{COMP_WORDS[n]}}
        case $word in
            -*) ;;
            *) if [ -z "$first" ]; then first=$word; elif [ -z "$second" ]; then second=$word; fi ;;
        esac
    done
    COMPREPLY=()
    [ "$cur" != = ] || cur=
    [ "$prev" != = ] || prev=${{COMP_WORDS[COMP_CWORD-2]}}
    case $prev in
        {module_options})
            mapfile -t COMPREPLY < <(compgen -W "{modules}" -- "$cur")
            return ;;
    esac
    local words=
    case $first in
        '') words="{commands}" ;;
{cases}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    [ -n "${{COMPREPLY[*]}}" ] || mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}}
complete -o filenames -F _ec2rl ec2rl
"""


def _groups() -> dict[str, list[str]]:
    """Give the subcommands of one word, each with the second words that it has."""
    groups: dict[str, list[str]] = {}
    for name in all_commands():
        first, _, second = name.partition(" ")
        groups.setdefault(first, []).extend([second] if second else [])
    return groups


def _options(name: str) -> list[str]:
    return [f"--{o}" + "=" * _needs(about) for o, about in all_commands()[name].options.items()]


def _needs(option: Option) -> bool:
    return bool(option.value) and not option.value.startswith("[")


def _operands(name: str) -> list[str]:
    """Give the words that may follow a subcommand."""
    if name == "demo":
        return list(demo.names())
    return list(names()) if name in _OF_MODULES else []


def bash() -> str:
    """Give the completion for bash."""
    cases = []
    for first, seconds in _groups().items():
        if not seconds:
            words = " ".join([*_operands(first), *_options(first)])
            cases.append(f'        {first}) words="{words}" ;;')
            continue
        inner = [f'{s}) words="{" ".join(_options(f"{first} {s}"))}" ;;' for s in seconds]
        cases.append(
            f"        {first})\n            case $second in\n"
            f"                '') words=\"{' '.join(seconds)}\" ;;\n                "
            + "\n                ".join(inner)
            + "\n            esac ;;"
        )
    return _BASH.format(
        modules=" ".join(names()),
        module_options="|".join(f"--{one}" for one in _MODULES),
        commands=" ".join(_groups()),
        cases="\n".join(cases),
    )


def zsh() -> str:
    """Give the completion for zsh."""
    lines = [
        "#compdef ec2rl",
        "",
        "_ec2rl() {",
        "    local -a words_of",
        "    local second=$words[3]",
    ]
    lines += ["    if (( CURRENT == 2 )); then", "        words_of=("]
    for first, seconds in _groups().items():
        about = f"of {first}: {', '.join(seconds)}" if seconds else all_commands()[first].help
        lines.append(f"            {_quoted(f'{first}:{about}')}")
    lines += [
        "        )",
        "        _describe -t commands subcommand words_of",
        "        return",
        "    fi",
    ]
    lines.append("    case $words[2] in")
    for first, seconds in _groups().items():
        if not seconds:
            lines += [f"        {first})", f"            {_zsh_words(first)} ;;"]
            continue
        lines += [f"        {first})", "            if (( CURRENT == 3 )); then"]
        lines += [f"                compadd -- {' '.join(seconds)}", "                return"]
        lines += ["            fi", "            case $second in"]
        for second in seconds:
            lines.append(f"                {second}) {_zsh_words(f'{first} {second}')} ;;")
        lines.append("            esac ;;")
    lines += ["    esac", "}", "", '_ec2rl "$@"']
    return "\n".join(lines) + "\n"


def _zsh_words(name: str) -> str:
    specs = []
    for option, about in all_commands()[name].options.items():
        value = f":{about.value.strip('[]')}:_files" if about.value else ""
        equals = "=" if _needs(about) else ""
        shown = about.help.replace("[", "(").replace("]", ")").replace(":", ";")
        specs.append(_quoted(f"{'*' * about.many}--{option}{equals}[{shown}]{value}"))
    words = _operands(name)
    specs.append(_quoted(f"*:word:({' '.join(words)})" if words else "*:file:_files"))
    return f"_arguments {' '.join(specs)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish() -> str:
    """Give the completion for fish."""
    lines = ["# fish completion for ec2rl(8)"]
    for first, seconds in _groups().items():
        about = f"one of {', '.join(seconds)}" if seconds else all_commands()[first].help
        lines.append(
            f"complete -c ec2rl -n __fish_use_subcommand -f -a {first} -d {_quoted(about)}"
        )
        at = f"-n '__fish_seen_subcommand_from {first}'"
        if seconds:
            lines.append(f"complete -c ec2rl {at} -f -a '{' '.join(seconds)}'")
        if _operands(first) and not seconds:
            lines.append(f"complete -c ec2rl {at} -f -a '{' '.join(_operands(first))}'")
        for name in [f"{first} {second}" for second in seconds] or [first]:
            where = (
                at
                if name == first
                else f"{at[:-1]}; and __fish_seen_subcommand_from {name.split()[1]}'"
            )
            for option, shown in all_commands()[name].options.items():
                needs = " -r" * _needs(shown)
                lines.append(
                    f"complete -c ec2rl {where} -l {option}{needs} -d {_quoted(shown.help)}"
                )
    return "\n".join(lines) + "\n"
