"""Cells of text tables that a spreadsheet or a terminal would run."""

from __future__ import annotations

import re

#: How a cell begins that a spreadsheet would take for a formula; a sign alone, or before a number, is none.
_FORMULA = re.compile(r"\s*(?:[=@]|[-+](?=.*[(|!]))")


def plain_cell(text: str) -> str:
    """Write text as a cell of one line that neither a terminal nor a spreadsheet takes for a command."""
    if not text.isprintable():
        text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return neutral_cell(text)


def neutral_cell(text: str) -> str:
    """Put an apostrophe before a cell of a text table that a spreadsheet would run as a formula."""
    return f"'{text}" if _FORMULA.match(text) else text
