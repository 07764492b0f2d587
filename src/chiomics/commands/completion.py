"""`chiomics completion`: what a shell needs to complete the command line, as a script.

The script is made from the parsers themselves and holds all that can be said before a command runs: no key press starts
Python.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chiomics.core.command_line import add_command, subcommands_of, summaries_of

#: By shell, how its script is taken into use.
SHELLS = {
    "bash": 'eval "$(chiomics completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(chiomics completion zsh)"    # in ~/.zshrc, behind compinit',
    "fish": "chiomics completion fish | source    # in ~/.config/fish/config.fish",
}


@dataclass(frozen=True)
class Values:
    """What may follow: words that are known, and whether files may."""

    words: tuple[str, ...] = ()
    files: bool = False


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    names: tuple[str, ...]
    help: str
    number: str  # of its values: none, one, many
    values: Values


@dataclass(frozen=True)
class Command:
    """A command, by the words that lead to it."""

    path: str
    commands: dict[str, str] = field(default_factory=dict)  # with what they do
    options: tuple[Option, ...] = ()
    values: Values = Values()


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the sub-command to the parser of `chiomics`."""
    parser = add_command(
        subparsers,
        "completion",
        summary="write the script that lets a shell complete this command",
        example=SHELLS.values(),
    )
    parser.add_argument(
        "shell", choices=tuple(SHELLS), metavar=f"{{{','.join(SHELLS)}}}", help="whose script is written"
    )
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the script to the standard output."""
    from chiomics.cli import build_parser

    print(write_completion(build_parser(), arguments.shell))


def write_completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Write a shell's script.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the whole command line.
    shell : {"bash", "zsh", "fish"}
        Whose.

    Returns
    -------
    str
        The script.
    """
    commands = list(walk(parser))
    if shell == "fish":
        return _write_fish(parser.prog, commands)
    return _LOOK.format(**_cases(commands)) + (_BASH if shell == "bash" else _ZSH)


def walk(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Command]:
    """Yield a command and all that are below it."""
    children = subcommands_of(parser)
    options, words, files = [], [], False
    for action in parser._actions:
        values = _values_of(action)
        if action.option_strings:
            options.append(_option(action, values))
        elif action.dest != argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction):
            words += values.words
            files = files or values.files
    summaries = summaries_of(parser)
    yield Command(path, {name: summaries[name] for name in children}, tuple(options), Values(tuple(words), files))
    for name, child in children.items():
        yield from walk(child, f"{path} {name}".strip())


def _values_of(action: argparse.Action) -> Values:
    words = tuple(map(str, action.choices or getattr(action, "suggested", ())))
    return Values(words, files=action.type is Path)


def _option(action: argparse.Action, values: Values) -> Option:
    several = action.nargs in ("+", "*", argparse.REMAINDER)
    number = "none" if action.nargs == 0 else "many" if several else "one"
    said = (action.help or "") % (vars(action) | {"prog": "chiomics"})
    return Option(tuple(action.option_strings), said, number, values)


# For bash and zsh: a function that takes the words before the cursor, in one language that both understand.
_LOOK = """_chiomics_look() {{
    local word
    chiomics_path="" chiomics_option="" chiomics_count=0
    for word in "$@"; do
        case "$chiomics_path|$word" in
            {steps}) chiomics_path="${{chiomics_path:+$chiomics_path }}$word"; chiomics_option="" ;;
            *"|-"*) chiomics_option=$word; chiomics_count=0 ;;
            *) chiomics_count=$((chiomics_count + 1)) ;;
        esac
    done
    chiomics_words="" chiomics_options="" chiomics_files=0
    case "$chiomics_path|$chiomics_option|$chiomics_count" in
{values}
    esac
    case "$chiomics_path" in
{commands}
    esac
}}
"""
_BASH = """_chiomics() {
    local current=${COMP_WORDS[COMP_CWORD]}
    local chiomics_path chiomics_option chiomics_count chiomics_words chiomics_options chiomics_files
    _chiomics_look "${COMP_WORDS[@]:1:COMP_CWORD-1}"
    [[ $current == -* ]] && chiomics_words=$chiomics_options
    mapfile -t COMPREPLY < <(compgen -W "$chiomics_words" -- "$current")
    if [[ $chiomics_files == 1 && $current != -* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
    fi
}
complete -F _chiomics chiomics"""
_ZSH = """_chiomics() {
    local chiomics_path chiomics_option chiomics_count chiomics_words chiomics_options chiomics_files
    _chiomics_look "${(@)words[2,CURRENT-1]}"
    [[ $PREFIX == -* ]] && chiomics_words=$chiomics_options
    [[ -n $chiomics_words ]] && compadd -- ${=chiomics_words}
    [[ $chiomics_files == 1 && $PREFIX != -* ]] && _files
}
compdef _chiomics chiomics"""


def _cases(commands: list[Command]) -> dict[str, str]:
    """Write the branches of the function that bash and zsh share."""
    steps = [f'"{command.path}|{name}"' for command in commands for name in command.commands]
    values, rests = [], []
    for command in commands:
        for option in command.options:
            if option.number != "none":
                end = "*" if option.number == "many" else "0"
                names = "|".join(f'"{command.path}|{name}|"{end}' for name in option.names)
                values.append(f"        {names}) {_assign(option.values)}{_options_of(command)}; return ;;")
        words = (*command.commands, *command.values.words)
        offered = _assign(Values(words, command.values.files)) + _options_of(command)
        rests.append(f'        "{command.path}") {offered} ;;')
    return {"steps": "|".join(steps), "values": "\n".join(values), "commands": "\n".join(rests)}


def _assign(values: Values) -> str:
    return f"chiomics_words={shlex.quote(' '.join(values.words))} chiomics_files={int(values.files)}"


def _options_of(command: Command) -> str:
    names = [name for option in command.options for name in option.names]
    return f" chiomics_options={shlex.quote(' '.join(names))}"


def _write_fish(program: str, commands: list[Command]) -> str:
    """Write the script for fish, which shows what each word does beside it."""
    steps = [f"'{command.path}|{name}'" for command in commands for name in command.commands]
    lines = [
        "function __chiomics_at",
        "    set -l found",
        "    set -l option",
        "    for word in (commandline --tokenize --current-process --cut-at-cursor)[2..]",
        '        switch "$found|$word"',
        f"            case {' '.join(steps)}",
        '                set found (string trim "$found $word")',
        "                set option",
        "            case '*|-*'",
        "                set option $word",
        "        end",
        "    end",
        '    test "$found" = "$argv[1]"; and begin; test (count $argv) -lt 2; or contains -- "$option" $argv[2..]; end',
        "end",
        f"complete -c {program} -f",
    ]
    for command in commands:
        start = f"complete -c {program} -n {_fish(f'__chiomics_at {_fish(command.path)}')}"
        lines += [f"{start} -a {_fish(name)} -d {_fish(said)}" for name, said in command.commands.items()]
        lines += [f"{start} -a {_fish(' '.join(command.values.words))}"] if command.values.words else []
        lines += [f"{start} -F"] if command.values.files else []
        for option in command.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            takes = "" if option.number == "none" else " -r -F" if option.values.files else " -x"
            takes += f" -a {_fish(' '.join(option.values.words))}" if option.values.words else ""
            lines.append(f"{start} {names}{takes} -d {_fish(option.help)}")
            if option.number == "many" and option.values.words:  # fish itself knows of the first value alone
                behind = _fish(f"__chiomics_at {_fish(command.path)} {' '.join(option.names)}")
                lines.append(f"complete -c {program} -n {behind} -a {_fish(' '.join(option.values.words))}")
    return "\n".join(lines)


def _fish(text: str) -> str:
    """Quote for fish, whose single quotes hold backslashes and quotes behind a backslash."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
