"""How a text table begins: its encoding, its separator, and where its header stands."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from chiomics.core.errors import InputError

_SIGNS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "blanks"}
#: Beginnings of files that only have the name of a text table, and what to do.
_NO_TABLES = (
    (b"PK\x03\x04", "a workbook under another name", "CSV: save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old workbook under another name", "CSV: save the sheet as CSV"),
    (b"\x1f\x8b", "a compressed file under another name", "CSV: unpack it"),
    (b"PAR1", "a Parquet table under another name", "the ending .parquet"),
    (b"%PDF", "a PDF under another name", "CSV"),
    (b"<", "a web page or XML under another name", "CSV: save the table as CSV"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Head:
    """The beginning of a text table.

    Parameters
    ----------
    names : tuple of str
        Names of the columns, empty where they have none.
    separator : str
        Between cells.
    lines : int
        Lines of the file up to and with the header.
    has_rows : bool
        Whether anything stands below.
    """

    names: tuple[str, ...]
    separator: str
    lines: int
    has_rows: bool


def read_head(path: Path, encoding: str) -> Head:
    """Find the header of a text table, below blank lines, comments and the line ``sep=;`` of Excel.

    Raises
    ------
    InputError
        Where there is none, or the first line is a title.
    """
    with path.open(encoding=encoding, newline=None) as lines:
        above, first, given = 0, "", ""
        for line in lines:
            bare = line.strip().strip('",;')
            if bare.casefold().startswith("sep="):
                given = bare[4:5] or ";"
            elif bare and not bare.startswith("#"):
                first = line
                break
            above += 1
        if not first:
            raise InputError("the table is empty", file=path, expected="a line of column names")
        if above:
            log.warning("%s: %d lines above the header are passed over", path, above)
        try:
            separator = given or _separator(first, path)
            reader = csv.reader(chain([first], lines), delimiter=separator)
            names = [name.strip() for name in next(reader)]
            length = reader.line_num
            rows = list(islice((row for row in reader if any(map(str.strip, row))), 2))
        except csv.Error as error:
            raise InputError("the table cannot be read", file=path, found=str(error), expected="CSV or TSV") from error
    below = rows[0] if rows else None
    if rows and all(len(row) == len(names) + 1 for row in rows):  # write.table of R gives row names no header
        names = ["", *names]
    filled = [name for name in names if name]
    if len(filled) == 1 and below is not None and sum(bool(cell.strip()) for cell in below) > 2:
        raise InputError(
            "the first line is a title and no header", file=path, found=filled[0][:80],
            expected="a line with a name for every column",
        )  # fmt: skip
    return Head(tuple(names), separator, above + length, below is not None)


def text_encoding(path: Path) -> str:
    """Find the encoding of a text table.

    Raises
    ------
    InputError
        Where the file is something else under the name of a table.
    """
    with path.open("rb") as file:
        start = file.read(512)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
        for magic, what, instead in _NO_TABLES:
            if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(magic):
                raise InputError(what, file=path, expected=instead)
        if len(start) > 3 and not (any(start[1::2]) and any(start[::2])):
            log.warning("%s is UTF-16 without its mark", path)
            return "utf-16-le" if start[0] else "utf-16-be"
        file.seek(0)
        utf8 = True
        for line in file:
            if b"\0" in line:
                raise InputError("the file is no text: it holds zero bytes", file=path, expected="CSV or TSV")
            if utf8:
                try:
                    line.decode("utf-8")
                except UnicodeDecodeError:
                    log.warning("%s is no UTF-8: it is read as Windows-1252", path)
                    utf8 = False
    return ("utf-8-sig" if start[:3] == b"\xef\xbb\xbf" else "utf-8") if utf8 else "cp1252"


def _separator(header: str, path: Path) -> str:
    usual = "\t" if path.suffix.casefold() == ".tsv" else ","
    found = {sign: len(next(csv.reader([header], delimiter=sign))) for sign in _SIGNS}
    choices = [sign for sign in "\t,;|" if found[sign] > 1] or ([" "] if found[" "] > 1 else [])
    best = usual if found[usual] > 1 or not choices else max(choices, key=lambda sign: found[sign])
    if best != usual:
        log.warning("%s: columns are separated by %s", path, _SIGNS[best])
    return best
