"""Numbers as people write them: read where it is certain what is meant, refused with what was found where it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SPELLINGS = (
    "n/a na n.a. n.a nan -nan +nan none null nil missing unknown unk n.d. . - -- ? <na> na_real_ nat",
    "#n/a #na #null! #div/0! #num! #value! #ref! #name? 1.#qnan -1.#qnan 1.#ind -1.#ind",
    "nan+nanj (nan+nanj) nan+0j (nan+0j)",
)
_PHRASES = ("not available", "not applicable", "not reported", "not recorded", "not known", "not given", "not done")
#: Spellings of a missing value, of REDCap, R, Excel, pandas, NumPy, MATLAB and BIDS.
MISSING = frozenset(word for line in _SPELLINGS for word in line.split()) | {"", *_PHRASES}
#: Beyond it the square of a number, and so every variance, overflows: such a value is no measurement.
MAX_VALUE = 1e100
ALLOWED = "a number with a decimal point, or n/a"
#: What other programs write for a missing value, and what may be a number all the same.
CODES_OF_MISSING = tuple(sign * code for code in (999.0, 9999.0, 99999.0, 999999.0) for sign in (-1, 1))
#: Other values of a column that have to be known before one of those can be told from a number.
MIN_OTHERS = 5
#: Such a code is no number where it lies beyond all others by more than so many times their range.
FAR_OUTSIDE = 10.0
#: Features that grow with the unit of the image and with nothing else than the spread of its values.
SPREADS = tuple(f"original_firstorder_{name}" for name in (
    "Range", "InterquartileRange", "MeanAbsoluteDeviation", "RobustMeanAbsoluteDeviation",
))  # fmt: skip
#: A spread that is so many times another's was measured in another unit (ppm and ppb: 1,000; regions differ by 10).
OTHER_UNIT = 100.0

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
_INFINITE = re.compile(r"[+-]?(inf|infinity|∞)")
_COMPLEX = re.compile(r"\(?(?P<real>[+-]?[\d.]+(?:e[+-]?\d+)?)(?P<imaginary>[+-][\d.]+(?:e[+-]?\d+)?)[ij]\)?")
_FORTRAN = re.compile(r"[+-]?[\d.]+d[+-]?\d+")
_COMMA = re.compile(r"(?P<sign>[+-]?)(?P<whole>\d*),(?P<part>\d+)(?P<power>e[+-]?\d+)?")
_POINTS_THEN_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+")
#: Printed 1 234,5 (with a blank that does not break) and 1'234.5.
_GROUP = re.compile("[\u00a0\u202f\u2009'\u2019]")
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:{_GROUP.pattern}\d{{3}})+(?:[.,]\d+)?")
_COMMAS_THEN_POINT = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d*|[+-]?\d{1,3}(,\d{3}){2,}")


@dataclass(frozen=True)
class Numbers:
    """Numbers of a column.

    Parameters
    ----------
    values : ndarray, shape (texts,)
        NaN where missing.
    notes : tuple of str
        What had to be understood, for the log.
    unread : tuple of int
        Places of texts that are no number for certain.
    """

    values: np.ndarray
    notes: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()


def is_missing(text: object) -> bool:
    """Say whether a cell holds no value."""
    return text is None or text != text or _bare(str(text)) in MISSING


def read_numbers(texts: Sequence[object]) -> Numbers:
    """Read the cells of one file's column of numbers, whose decimal sign is the same throughout.

    Parameters
    ----------
    texts : sequence
        Text, numbers or nothing.

    Returns
    -------
    Numbers
    """
    bare = [None if text is None or text != text else _bare(str(text)) for text in texts]
    notes: dict = {}
    if grouped := [place for place, text in enumerate(bare) if text and _GROUPED.fullmatch(text)]:
        notes["blanks or apostrophes between thousands are left out"] = len(grouped)
        for place in grouped:
            bare[place] = _GROUP.sub("", str(bare[place]))
    values, unread = np.full(len(bare), np.nan), []
    convention = _decimal_sign([text for text in bare if text and "," in text], bare)
    for place, text in enumerate(bare):
        if text is None or text in MISSING:
            continue
        found = _read(text, convention, notes)
        if found is None:
            unread.append(place)
        else:
            values[place] = found
    said = tuple(f"{count} {what}" for what, count in notes.items())
    return Numbers(values, said, tuple(unread))


def without_infinite(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Make what is infinite, or too large to be squared, missing; return the values and how many there were."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        beyond = np.abs(values) > MAX_VALUE
    number = int(np.count_nonzero(beyond))
    return (np.where(beyond, np.nan, values) if number else values), number


def find_codes(values: np.ndarray) -> dict[int, float]:
    """Find columns in which -999, 9999 or the like certainly stands for a missing value.

    That is certain where at least `MIN_OTHERS` other values are known, and the code lies beyond all of them by more
    than `FAR_OUTSIDE` times their range and half of itself, or is negative where none of them is.

    Parameters
    ----------
    values : ndarray, shape (rows, columns)
        NaN where missing.

    Returns
    -------
    dict of int to float
        Column to the code that it holds.
    """
    held = np.zeros(values.shape[1], dtype=bool)
    for row in values:  # marks of all values at once would take a quarter of the values
        held |= np.isin(row, CODES_OF_MISSING)
    found = {}
    for column in np.flatnonzero(held):
        is_code = np.isin(values[:, column], CODES_OF_MISSING)
        known = values[~is_code & np.isfinite(values[:, column]), column]
        if len(known) < MIN_OTHERS:
            continue
        codes = np.unique(values[is_code, column])
        certain = [code for code in codes if is_code_beside(code, known.min(), known.max())]
        if certain:
            found[int(column)] = float(certain[0])
    return found


def is_code_beside(value: float, low: float, high: float) -> bool:
    """Say whether a value is a code for a missing one, beside others between `low` and `high`."""
    if value not in CODES_OF_MISSING:
        return False
    beyond = max(low - value, value - high)
    return (value < 0 <= low) or beyond > max(FAR_OUTSIDE * (high - low), abs(value) / 2)


def find_other_unit(spreads: np.ndarray) -> np.ndarray | None:
    """Find the sessions whose values are in another unit than those of the others.

    Parameters
    ----------
    spreads : ndarray, shape (sessions,)
        A feature of `SPREADS`; NaN where missing.

    Returns
    -------
    ndarray of bool or None
        The smaller part of the sessions, where a factor of `OTHER_UNIT` without any session lies between the two.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.log10(np.where(spreads > 0, spreads, np.nan))
    known = np.sort(decades[np.isfinite(decades)])
    gaps = np.diff(known)
    if not len(gaps) or gaps.max() < np.log10(OTHER_UNIT):
        return None
    with np.errstate(invalid="ignore"):
        above = decades > known[gaps.argmax()]
        below = decades <= known[gaps.argmax()]
    return above if above.sum() <= below.sum() else below


def _bare(text: str) -> str:
    text = text.strip().strip("\"'").strip().casefold()
    return text.replace("−", "-")


def _read(text: str, convention: str, notes: dict[str, int]) -> float | None:
    if _PLAIN.fullmatch(text) or _INFINITE.fullmatch(text):
        return float(text.replace("∞", "inf"))
    if match := _COMPLEX.fullmatch(text):
        try:
            real, imaginary = float(match["real"]), float(match["imaginary"])
        except ValueError:
            return None
        if imaginary:
            return None
        what = "complex values without an imaginary part are read as real"
    elif _FORTRAN.fullmatch(text):
        real, what = float(text.replace("d", "e")), "exponents written as D are read as E"
    elif convention == "," and (_COMMA.fullmatch(text) or _POINTS_THEN_COMMA.fullmatch(text)):
        real, what = float(text.replace(".", "").replace(",", ".")), "decimal commas are read as points"
    elif convention == "." and _COMMAS_THEN_POINT.fullmatch(text):
        real, what = float(text.replace(",", "")), "commas between thousands are left out"
    else:
        return None
    notes[what] = notes.get(what, 0) + 1
    return real


def _decimal_sign(with_comma: Sequence[str], all_texts: Sequence[str | None]) -> str:
    """Say what a comma stands for in a column: ``,`` decimal, ``.`` thousands, nothing where that is not certain."""
    if not with_comma:
        return ""
    thousands = any(_COMMAS_THEN_POINT.fullmatch(text) for text in with_comma)
    decimal = any(_POINTS_THEN_COMMA.fullmatch(text) or _surely_decimal(text) for text in with_comma)
    points = any(text and "." in text and "," not in text and _PLAIN.fullmatch(text) for text in all_texts)
    if decimal and not thousands and not points:
        return ","
    return "." if thousands and not decimal else ""


def _surely_decimal(text: str) -> bool:
    match = _COMMA.fullmatch(text)
    if match is None:
        return False
    whole, part = match["whole"], match["part"]
    return len(part) != 3 or whole in ("", "0") or len(whole) > 3 or bool(match["power"])
