"""What the annotation of a setting may add to its type."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Limits:
    """Which numbers a setting takes.

    Parameters
    ----------
    low, high : float
        From, to.
    above, below : float
        The same without the limit itself.
    multiple : int
        Of which it is a multiple.
    """

    low: float = -math.inf
    high: float = math.inf
    above: float = -math.inf
    below: float = math.inf
    multiple: int = 1

    def holds(self, value: Any) -> bool:
        """Say whether a number lies within."""
        whole = self.multiple == 1 or value % self.multiple == 0
        return whole and self.low <= value <= self.high and self.above < value < self.below

    def spoken(self, base: str) -> str:
        """Put the limits behind a word for the number."""
        bounds = ((self.low, ">="), (self.above, ">"), (self.high, "<="), (self.below, "<"))
        words = [f"{sign} {value:g}" for value, sign in bounds if math.isfinite(value)]
        words += [f"a multiple of {self.multiple}"] if self.multiple != 1 else []
        return f"{base} {' and '.join(words)}"


@dataclass(frozen=True)
class Size:
    """How many entries a list or a section takes.

    Parameters
    ----------
    low, high : int
        From, to.
    unique : bool
        Whether no entry stands twice.
    """

    low: int = 0
    high: int | None = None
    unique: bool = False

    def holds(self, value: Any) -> bool:
        """Say whether a list or a section has as many."""
        twice = self.unique and any(item in value[:number] for number, item in enumerate(value))
        return not twice and self.low <= len(value) and (self.high is None or len(value) <= self.high)

    def spoken(self, base: str) -> str:
        """Put the number behind a word for the list."""
        most = "" if self.high is None else f" to {self.high}"
        return f"{base}, {self.low}{most or ' or more'} of them" + (", none twice" if self.unique else "")


@dataclass(frozen=True)
class Keys:
    """What the user's own names in a section look like.

    Parameters
    ----------
    pattern : str
        A regular expression of the whole name.
    words : str
        The same in words.
    """

    pattern: str = "[a-zA-Z0-9]+"
    words: str = "letters and digits"

    def holds(self, value: Any) -> bool:
        """Say whether all names do."""
        return all(re.fullmatch(self.pattern, str(key)) for key in value)

    def spoken(self, base: str) -> str:
        """Put it behind a word for the section."""
        return f"{base}, named by {self.words}"


@dataclass(frozen=True)
class Given:
    """Marks a section of which only the given keys are kept: they replace defaults that stand elsewhere.

    Parameters
    ----------
    kind : str
        The dataclass that knows the keys, as ``package.module:Name``: it is imported where a key is given.
    """

    kind: str

    def load(self) -> type:
        """Import the dataclass."""
        module, _, name = self.kind.partition(":")
        return getattr(import_module(module), name)
