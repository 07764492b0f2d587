"""The one error that bad input raises, worded so that its reader can mend the input."""

from __future__ import annotations

import errno
from pathlib import Path

#: No right to write, a full disk, a quota, a file in a folder's place, a name that is too long: whoever called needs
#: one line, and not the calls that led there.
OF_THE_DISK = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST,
    errno.ENAMETOOLONG,
)  # fmt: skip


class InputError(ValueError):
    """Input that cannot be used: which file, what was found, what was expected.

    Parameters
    ----------
    problem : str
        One line: what is wrong.
    file : path-like, optional
        The file that holds the problem.
    found, expected : str, optional
        What the file has, and what it should have.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        found: str | None = None,
        expected: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.found = found
        self.expected = expected
        parts = [problem if file is None else f"{file}: {problem}"]
        if found is not None:
            parts.append(f"found {found}")
        if expected is not None:
            parts.append(f"expected {expected}")
        super().__init__("; ".join(parts))


def say_cause(error: Exception) -> str:
    """Say in one line why a file could not be read, without the number of the system's error.

    Parameters
    ----------
    error : Exception
        Of the reader or of the system.

    Returns
    -------
    str
        E.g. ``no such file or directory``.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return " ".join(str(error).split()) or type(error).__name__


class SettingError(InputError):
    """A setting that cannot be used: the configuration's fault, and no reason to leave a session out."""
