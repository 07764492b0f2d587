"""Logging: one format, to a rule's log file and to the terminal."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def speak_any_letter() -> None:
    """Let the terminal's streams take every letter, χ among them, and every name of a file, whatever the locale says.

    In the locale C they are ASCII, and a single χ would end the program; terminals take UTF-8 all the same.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            utf8 = any(name in stream.encoding.lower() for name in ("utf", "ascii", "ansi"))
            # Names of files need not be text at all.
            stream.reconfigure(encoding="utf-8" if utf8 else None, errors="surrogateescape" if utf8 else "replace")


def start_log(path: str | Path | None = None, *, level: int = logging.INFO) -> logging.Logger:
    """Send the package's log, warnings and uncaught errors to `path`, or to the standard error stream.

    Parameters
    ----------
    path : path-like, optional
        Log file, overwritten.
    level : int
        Lowest level that is written.

    Returns
    -------
    logging.Logger
        The package's logger.
    """
    speak_any_letter()
    if path is None:
        handler: logging.Handler = logging.StreamHandler()
    else:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, mode="w", encoding="utf-8")
        sys.excepthook = _log_uncaught
    handler.setFormatter(logging.Formatter(FORMAT))
    logging.captureWarnings(True)
    for name in ("chiomics", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    return logging.getLogger("chiomics")


@contextmanager
def without_words() -> Iterator[None]:
    """Hold back warnings and lower: for what is only tried, and said by the job that does it."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


class Progress:
    """Log how far a job is, and how long it will go on; at most every ten seconds, and at the end.

    Parameters
    ----------
    total : int
        Pieces of work of about equal size.
    """

    EVERY = 10.0

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.started = self.said = time.monotonic()

    def step(self, what: str) -> None:
        """Count one piece as done and name it."""
        self.done += 1
        now = time.monotonic()
        if now - self.said >= self.EVERY or self.done == self.total:
            left = (now - self.started) / self.done * (self.total - self.done)
            self.said = now
            logging.getLogger("chiomics").info("%d of %d, %.0f s left: %s", self.done, self.total, left, what)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("chiomics").critical("stopped by %s", error, exc_info=(kind, error, trace))
    sys.__excepthook__(kind, error, trace)
