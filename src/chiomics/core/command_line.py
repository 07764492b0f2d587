"""How every sub-command of `chiomics` is added: one style of help, with an example that can be copied."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from typing import Any, TypeVar

RESEARCH = "Research use only, not for diagnosis."
_HEAD = "example:"
_HOW = ": decimals take a point, several numbers a blank between them, and no unit behind"
ActionType = TypeVar("ActionType", bound=argparse.Action)


class HelpFormatter(argparse.HelpFormatter):
    """Wraps what describes a command and leaves the lines of its example as they are typed."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith(_HEAD):
            return "\n".join(indent + line for line in text.splitlines())
        return super()._fill_text(text, width, indent)


def add_command(
    subparsers: argparse._SubParsersAction, name: str, *, summary: str, about: str = "", example: Iterable[str] | str
) -> argparse.ArgumentParser:
    """Add a sub-command.

    Parameters
    ----------
    subparsers : argparse._SubParsersAction
        Of `chiomics`, or of one of its commands.
    name : str
        What is typed.
    summary : str
        Its line in the list of commands.
    about : str
        What its own help begins with; the summary by default.
    example : str or iterable of str
        Lines to type, with `chiomics`.

    Returns
    -------
    argparse.ArgumentParser
        For its arguments.
    """
    lines = [example] if isinstance(example, str) else example
    start = about or summary[0].upper() + summary[1:] + "."
    return subparsers.add_parser(
        name,
        help=summary,
        description=f"{start} {RESEARCH}",
        epilog="\n".join([_HEAD, *(f"  {line}" for line in lines)]),
        formatter_class=HelpFormatter,
        allow_abbrev=False,  # or --b0 3 would be the first number of --b0-direction
    )


def number(text: str) -> float:
    """Read a finite number of the command line.

    Raises
    ------
    argparse.ArgumentTypeError
        For what is none, with how several are given.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no number{_HOW if len(text) > 1 else ''}")
    return value


def whole_number(text: str) -> int:
    """Read a whole number of the command line.

    Raises
    ------
    argparse.ArgumentTypeError
        For what is none, with how several are given.
    """
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number{_HOW if len(text) > 1 else ''}") from None


def count(text: str) -> int:
    """Read a whole number from 1 up.

    Raises
    ------
    argparse.ArgumentTypeError
        For what is none.
    """
    value = whole_number(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def suggest(action: ActionType, values: Iterable[str]) -> ActionType:
    """Note values of an option that takes others as well, for the completion of shells; returns the option."""
    action.suggested = tuple(values)  # type: ignore[attr-defined]
    return action


def examples_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the lines of a command's example."""
    return [line.strip() for line in (parser.epilog or "").splitlines()[1:]]


def subcommands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a command's own commands by their names."""
    found: dict[str, Any] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(action.choices)
    return found


def summaries_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return the line of each of a command's own commands in its list."""
    actions = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {choice.dest: choice.help or "" for action in actions for choice in action._choices_actions}
