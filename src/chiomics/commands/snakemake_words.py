"""What follows ``--config`` and ``--configfile`` on Snakemake's own command line, looked at before Snakemake reads it.

Snakemake takes both options greedily, so that a target behind them is read as a setting or a file, and ends with the
calls of its own code where it cannot read one, before the workflow's first line. Its profiles are read earlier still:
those of chiomics (``profiles/``) call `stop_at_unreadable`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from chiomics.commands.run_snakemake import nested, read_configuration
from chiomics.configuration import complete_configuration
from chiomics.core.errors import InputError

_SETTINGS, _FILES = ("--config", "-C"), ("--configfile", "--configfiles")
#: Keys that Snakemake reads.
_KEY = re.compile(r"[a-zA-Z_][\w-]*\w")
_PLACE = (
    "a target before every option, as in `snakemake {target} --cores 4 --config bids_dir=...`, or last, behind ` -- `"
)


def stop_at_unreadable() -> None:
    """End this process with one message where its own command line has what Snakemake cannot read.

    Raises
    ------
    SystemExit
        With the message.
    """
    try:
        check_words(sys.argv[1:])
    except InputError as error:
        raise SystemExit(f"{error}") from None


def check_words(arguments: Sequence[str]) -> None:
    """Check the settings and files of a command line of Snakemake.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.

    Raises
    ------
    InputError
        For a target behind ``--config`` or ``--configfile``, a key with dots, which Snakemake does not read (and its
        value, where no setting takes that), and a file that does not exist, cannot be read or has a key twice.
    """
    for word in words_behind(arguments, _FILES):
        if not Path(word).exists():
            if re.fullmatch(r"\w+", word):
                raise InputError(f"{word} stands behind --configfile, and Snakemake reads it as a file",
                                 found=f"--configfile ... {word}", expected=_PLACE.format(target=word))  # fmt: skip
            raise InputError("the file of --configfile does not exist", file=word)
        if Path(word).is_file():  # a pipe is left to Snakemake: it can be read once
            read_configuration(Path(word))
    for word in words_behind(arguments, _SETTINGS):
        key, sign, value = word.partition("=")
        if not sign:
            raise InputError(f"{word} stands behind --config, and Snakemake reads it as a setting",
                             found=f"--config ... {word}", expected=_PLACE.format(target=word))  # fmt: skip
        if "." in key:
            try:
                complete_configuration(nested([word]))
            except InputError as error:
                braces = in_braces(key, "...")
                raise InputError(f"{error}; Snakemake reads no key with a dot, write it as {braces}") from error
            raise InputError(f"{key}: Snakemake reads no key with a dot", found=word, expected=in_braces(key, value))
        if not _KEY.fullmatch(key):
            raise InputError(
                "--config has no such key", found=word, expected="key=value, with a key of config/README.md"
            )


def words_behind(arguments: Sequence[str], options: Sequence[str]) -> list[str]:
    """List what a command line gives to an option that takes many words.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.
    options : sequence of str
        The option's names.

    Returns
    -------
    list of str
        Up to the next option each time, ``--option=word`` too.
    """
    found, ours = [], False
    for word in arguments:
        if word == "--":
            break
        name, sign, value = word.partition("=")
        if name in options and sign:
            found.append(value)
        elif word.startswith("-") and len(word) > 1:
            ours = word in options
            continue
        elif ours:
            found.append(word)
            continue
        ours = False
    return found


def in_braces(key: str, value: str) -> str:
    """Write a setting within sections as Snakemake reads it.

    Parameters
    ----------
    key : str
        Names joined by dots.
    value : str
        As it was typed.

    Returns
    -------
    str
        E.g. ``--config qsm='{inversions: [tkd]}'``.
    """
    first, *inner = key.split(".")
    text = value
    for name in reversed(inner):
        text = f"{{{name}: {text}}}"
    quote = '"' if "'" in text else "'"
    return f"--config {first}={quote}{text}{quote}"
