"""The command `chiomics`: one sub-command per stage that can be used on its own.

A stage gives its sub-command in `chiomics.<stage>.cli`, one that takes several stages in `chiomics.commands`, by a
function `register(subparsers)` that sets the default `command` to a function of the parsed arguments. Those modules
import their numerics only when they run.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from chiomics.core.command_line import HelpFormatter, subcommands_of
from chiomics.core.errors import OF_THE_DISK, InputError
from chiomics.core.logs import speak_any_letter, start_log
from chiomics.core.provenance import find_version

#: Modules that register the sub-commands, in the order of the help.
MODULES = (
    "commands.run", "commands.run_parts", "commands.doctor", "index.cli", "phantom.cli", "qsm.cli", "radiomics.cli",
    "diagnosis.cli", "commands.rims", "commands.flair", "study.cli", "commands.completion",
)  # fmt: skip


def _name_of(action: argparse.Action) -> str:
    """Name a positional argument as argparse does."""
    return str(action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else action.dest))


class _Parser(argparse.ArgumentParser):
    """A parser whose usage line puts what must be given first: an option that takes several values would swallow it.

    Commands below it and arguments of its own exclude each other: the first word decides.
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]  # as argparse has it
        """Parse, by the command's own parser where the first word names one beside arguments of this one."""
        self._typed = words = sys.argv[1:] if args is None else list(args)
        commands = subcommands_of(self)
        if words and words[0] in commands and self._has_both():
            return commands[words[0]].parse_known_args(words[1:], namespace)
        if not words and commands and not self._has_both():
            self.print_help(sys.stderr)
            self.exit(2)
        found, unknown = super().parse_known_args(words, namespace)
        if unknown:  # of this command, whose usage line and options are the ones to show
            self.error(self._say_unknown(unknown[0]))
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """End with the usage, the message and where more is said."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: error: {message}{self._say_swallowed(message)}\n{self.prog} --help says more\n")

    def _say_swallowed(self, message: str) -> str:
        """Say which option took the words that are lacking: one of several values takes all that follow it."""
        needed = [_name_of(action) for action in self._get_positional_actions() if action.required]
        first = next((place for place, word in enumerate(self._typed) if word.startswith("-")), 0)
        for option, values in reversed(self._options_of_several(self._typed)):
            lacking = needed[min(first, len(needed)) :]
            told = message.startswith(f"argument {option}") or ("required" in message and lacking[-1:] == needed[-1:])
            if lacking and values and told:
                taken = f"{option} takes every word behind it ({' '.join(values)})"
                return f"\n{taken}: put {' '.join(lacking)} before it, or -- between"
        return ""

    def _options_of_several(self, words: Sequence[str]) -> list[tuple[str, list[str]]]:
        """Return the options of several values among the words, with the words that each takes."""
        found: list[tuple[str, list[str]]] = []
        taking = False
        for word in words:
            if word == "--":
                break
            if word.startswith("-"):
                action = self._option_string_actions.get(word)
                taking = action is not None and action.nargs in ("+", "*")
                if taking:
                    found.append((word, []))
            elif taking:
                found[-1][1].append(word)
        return found

    def _say_unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word}: one word too many"
        typed, options = word.partition("=")[0], self._option_string_actions
        longer = [name for name in options if typed.startswith("--") and name.startswith(typed)]
        near = longer or get_close_matches(typed, options, n=1)
        return f"there is no option {word}" + (f"; did you mean {' or '.join(near)}?" if near else "")

    def _has_both(self) -> bool:
        return bool(subcommands_of(self)) and len(super()._get_positional_actions()) > 1

    def _get_positional_actions(self) -> list[argparse.Action]:
        positional = super()._get_positional_actions()
        if self._has_both():
            return [action for action in positional if not isinstance(action, argparse._SubParsersAction)]
        return positional

    def format_usage(self) -> str:
        """Write the usage line."""
        self.usage = self.usage or self._positionals_first()
        return super().format_usage()

    def format_help(self) -> str:
        """Write the help."""
        self.usage = self.usage or self._positionals_first()
        return super().format_help()

    def _positionals_first(self) -> str:
        words = ["%(prog)s"]
        for action in self._get_positional_actions():
            if not action.option_strings:
                name = _name_of(action)
                words.append({"?": f"[{name}]", "+": f"{name} [{name} ...]"}.get(str(action.nargs), str(name)))
        return " ".join([*words, "[options]"])


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    parser = _Parser(
        prog="chiomics",
        description="From multi-echo GRE to χ maps, features and studies. Research use only, not for diagnosis.",
        epilog="example:\n  chiomics demo\n  chiomics COMMAND --help",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"chiomics {find_version()}", help="print it and exit")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in MODULES:
        importlib.import_module(f"chiomics.{module}").register(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sub-command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line.

    Returns
    -------
    int
        0, 2 where the input cannot be used, 130 after Ctrl-C, or what the sub-command returns.
    """
    speak_any_letter()
    parsed = build_parser().parse_args(arguments)
    start_log()
    try:
        code = parsed.command(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads the output has enough of it, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it once more
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("chiomics: stopped by Ctrl-C; no file is half written", file=sys.stderr)
        return 128 + signal.SIGINT
    except InputError as error:
        print(f"chiomics: error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        print(f"chiomics: error: {error.filename or 'the disk'}: {error.strerror}", file=sys.stderr)
        return 2
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
