"""Columns of a file in our spellings, as codes and words."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chiomics.core.errors import InputError
from chiomics.core.features.columns import COLUMNS, DEFAULTS, FEATURE, REQUIRED, SIDES, schema
from chiomics.core.features.demographics import meaning
from chiomics.core.features.names import image_type_of, side_of, split_feature, split_side
from chiomics.core.features.people import same_person
from chiomics.core.features.values import ALLOWED, is_missing, read_numbers

#: Columns in which a cell such as NA is a name and not a missing value.
_NAMES = ("participant", "voi", "feature", "session", "run")
_GRAY_LEVELS = re.compile(r"(?:(?:gl|bins?|n)[-_ ]*)?(\d+)(?:\.0+)?(?:[-_ ]*(?:bins?|gl|levels))?", re.IGNORECASE)

#: Signs without a width, which a web page or a word processor leaves in a cell.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
#: How a spreadsheet or pandas writes a whole number of a column that lacks one elsewhere.
_WHOLE_AS_FLOAT = re.compile(r"(?:0|[1-9]\d*)\.0+")

log = logging.getLogger(__name__)


class Words:
    """The words of one column of text over all files, each with its code.

    Parameters
    ----------
    name : str
        The column.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.known: list[str] = []
        self._code: dict[str, int] = {}
        self._read: dict[object, int] = {}
        self.apart: list[dict[str, str] | None] = []  # of features: `whole_names`
        self._last: tuple[pa.Array, np.ndarray] | None = None

    def code(self, word: str) -> int:
        """Return the code of a word in our spelling."""
        if word not in self._code:
            self._code[word] = len(self.known)
            self.known.append(word)
        return self._code[word]

    def codes(self, column: pa.Array | None, length: int, path: Path) -> np.ndarray:
        """Read a part of a file's column; the default where it is not there."""
        default = COLUMNS[self.name].default if self.name in COLUMNS else ""
        if column is None:
            return np.full(length, self.code(default), dtype=np.int32)
        column = _without_bytes(column, self.name, path)
        _check_type(self.name, column, path)
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        indices = column.indices.fill_null(len(column.dictionary)).to_numpy(zero_copy_only=False)
        if self._last is None or not self._last[0].equals(column.dictionary):
            found = [self._own(value, path) for value in column.dictionary.to_pylist()]
            self._last = (column.dictionary, np.array([*found, self.code(default)], dtype=np.int32))
        return self._last[1][indices]

    def fill(
        self, codes: np.ndarray, people: Words, participants: np.ndarray, values: dict[str, str], path: Path
    ) -> np.ndarray:
        """Fill in what a table of participants says, and refuse what contradicts it."""
        given = np.array([self.code(values.get(same_person(name), "")) for name in people.known], dtype=np.int32)
        of_row, nothing = given[participants], self.code("")
        differs = (codes != of_row) & (codes != nothing) & (of_row != nothing)
        rows = np.flatnonzero(differs)
        for row in rows[np.unique([codes[rows], of_row[rows]], axis=1, return_index=True)[1]] if len(rows) else ():
            here, there = self.known[codes[row]], self.known[of_row[row]]
            if meaning(self.name, here) != meaning(self.name, there):
                raise InputError(
                    f"the table of features and that of participants contradict each other: {self.name} of "
                    f"{people.known[participants[row]]}",
                    file=path, found=f"{here} and {there}", expected="one value",
                )  # fmt: skip
        return np.where(codes == nothing, of_row, codes).astype(np.int32)

    def array(self, codes: np.ndarray) -> pa.DictionaryArray:
        """Return codes as an Arrow array."""
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(self.known, pa.string()))

    def _own(self, value: object, path: Path) -> int:
        if value not in self._read:
            self._read[value] = self.code(self._spelled(value, path))
        return self._read[value]

    def _spelled(self, value: object, path: Path) -> str:
        """Write a value in our spelling, or refuse it with the words that are allowed."""
        text = as_text(value)
        default = COLUMNS[self.name].default if self.name in COLUMNS else ""
        if not text or (self.name not in _NAMES and self.name != "hemisphere" and is_missing(text)):
            return default
        if self.name == "hemisphere":
            found, expected = side_of(text), "; ".join(f"{side}: {', '.join(words)}" for side, words in SIDES.items())
        elif self.name == "image_type":
            found, expected = image_type_of(text), "a filter of pyradiomics, e.g. original, wavelet-LLH, lbp-3D-m1"
        elif self.name == "voxel_size":
            numbers = re.findall(r"[\d.]+(?:[eE]-?\d+)?", text)
            found, expected = " ".join(f"{float(one):.3g}" for one in numbers) or None, "e.g. 1 1 1"
        elif words := (COLUMNS[self.name].words if self.name in COLUMNS else ()):
            alike = [word for word in words if word.casefold() == re.sub(r"[-_ ]", "", text).casefold()]
            text = alike[0] if alike else text
            found, expected = (text if _allowed(self.name, text) else None), ", ".join(filter(None, words))
        else:
            return text
        if found is None:
            raise InputError(f"{self.name} cannot be read", file=path, found=text, expected=expected)
        return found


def as_text(value: object) -> str:
    """Write a cell as text: a participant called 7 or 7.0 is ``7``, and letters have one form of Unicode."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = _INVISIBLE.sub("", normalize("NFC", str(value))).strip().strip('"').strip()
    return text.partition(".")[0] if _WHOLE_AS_FLOAT.fullmatch(text) else text


def read_values(column: pa.Array | None, length: int, path: Path, first_line: int, name: str) -> np.ndarray:
    """Read a part of a column of numbers; NaN where there is none.

    Raises
    ------
    InputError
        With file, row and column, where a cell is no number for certain.
    """
    if column is None or pa.types.is_null(column.type):
        return np.full(length, np.nan)
    if pa.types.is_boolean(column.type):
        raise InputError(f"column {name} is yes or no", file=path, found="true, false", expected=ALLOWED)
    _check_type(name, column, path)
    if _is_number(column.type):
        found = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        _check_numbers(name, found, path)
        return found
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = [None if value is None else str(value) for value in encoded.dictionary.to_pylist()]
    if name == "n_gray_levels":
        texts = [m[1] if text and (m := _GRAY_LEVELS.fullmatch(text.strip())) else text for text in texts]
    numbers = read_numbers(texts)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    if numbers.unread:
        rows = np.flatnonzero(np.isin(codes, numbers.unread))
        if len(rows):
            raise InputError(
                f"{len(rows)} values are no numbers, the first in row {rows[0] + first_line}, column {name}",
                file=path, found=repr(texts[codes[rows[0]]]), expected=ALLOWED,
            )  # fmt: skip
    for note in numbers.notes:
        log.warning("%s, column %s: %s", path, name, note)
    found = np.append(numbers.values, np.nan)[codes]
    _check_numbers(name, found, path)
    return found


def regions_and_sides(
    codes: dict[str, np.ndarray], words: dict[str, Words], wanted: frozenset[str], path: Path
) -> None:
    """Move a side in a region's name to the column of sides, in place; a wanted name stays as it is.

    Raises
    ------
    InputError
        Where the name and the column name different sides.
    """
    voi, sides = words["voi"], words["hemisphere"]
    used = np.unique(codes["voi"])
    split = {code: split_side(voi.known[code]) for code in used if voi.known[code] not in wanted}
    split = {code: (name, side) for code, (name, side) in split.items() if side}
    if not split:
        return
    name_code, side_code = np.arange(len(voi.known), dtype=np.int32), np.full(len(voi.known), -1, dtype=np.int32)
    for code, (_, side) in split.items():
        side_code[code] = sides.code(side)
    for code, (name, _) in split.items():
        name_code[code] = voi.code(name)
    said, nothing = side_code[codes["voi"]], sides.code("")
    named = said >= 0
    differs = named & (codes["hemisphere"] != said) & (codes["hemisphere"] != nothing)
    if differs.any():
        row = int(np.flatnonzero(differs)[0])
        found = f"{voi.known[codes['voi'][row]]} with hemisphere {sides.known[codes['hemisphere'][row]]}"
        raise InputError("a region's name and its hemisphere contradict each other", file=path, found=found)
    codes["hemisphere"] = np.where(named, said, codes["hemisphere"]).astype(np.int32)
    codes["voi"] = name_code[codes["voi"]]


def check_filled(codes: dict[str, np.ndarray], words: dict[str, Words], path: Path, first_line: int) -> None:
    """Refuse a row that does not say whose value it is, or of what.

    Raises
    ------
    InputError
        With file, row and column.
    """
    for name in (name for name in REQUIRED if name in words):
        rows = np.flatnonzero(codes[name] == words[name].code(""))
        if len(rows):
            raise InputError(
                f"{len(rows)} rows have no {name}, the first is row {rows[0] + first_line}", file=path,
                found="an empty cell, or no such column", expected=f"{name} in every row",
            )  # fmt: skip


def whole_names(codes: dict[str, np.ndarray], words: dict[str, Words], path: Path) -> None:
    """Take a feature's whole name in the column of features apart, in place: ``original_glcm_Contrast``.

    Raises
    ------
    InputError
        Where it is none of pyradiomics', or contradicts the columns of filter and class.
    """
    if not set(FEATURE) <= set(codes):
        return
    apart = words["feature"].apart
    feature = words["feature"].known
    for code in range(len(apart), len(feature)):
        apart.append(split_feature(feature[code]) if "_" in feature[code] else None)
    split = {code: parts for code in np.unique(codes["feature"]) if (parts := apart[code])}
    for code, parts in split.items():
        if strange := parts.get("unknown") or parts.get("prefix") or parts.get("after"):
            said = f"a feature cannot be read: {strange} is no filter of pyradiomics"
            raise InputError(said, file=path, found=feature[code], expected="e.g. original_glcm_Contrast")
    whole = codes["feature"]
    for name in FEATURE if split else ():
        of_code = np.full(len(apart), -1, dtype=np.int32)
        of_code[list(split)] = [words[name].code(parts[name]) for parts in split.values()]
        said, own = of_code[whole], codes[name]
        differs = (said >= 0) & (own != said) & (own != words[name].code(DEFAULTS[name]))
        if name != "feature" and differs.any():
            row = int(np.flatnonzero(differs)[0])
            found = f"{feature[whole[row]]} with {name} {words[name].known[own[row]]}"
            raise InputError("a feature's name and its class or filter contradict each other", file=path, found=found)
        codes[name] = np.where(said >= 0, said, own).astype(np.int32)


def _without_bytes(column: pa.Array, name: str, path: Path) -> pa.Array:
    """Return text that is stored as bytes, as h5py and older programs do, as text."""
    kind = column.type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)):
        return column
    try:
        return column.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
        raise InputError(f"column {name} holds bytes that are no text", file=path, expected="UTF-8") from error


def _check_type(name: str, column: pa.Array, path: Path) -> None:
    if pa.types.is_nested(column.type):
        raise InputError(f"column {name} holds lists or records", file=path, found=str(column.type), expected="cells")


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)


def _allowed(name: str, text: str) -> bool:
    return not _failures(name, [text])


def _check_numbers(name: str, values: np.ndarray, path: Path) -> None:
    column = COLUMNS.get(name)
    if column is None or column.low is None:
        return
    known = values[np.isfinite(values)]
    if len(known) and known.min() < column.low and (failed := _failures(name, np.unique(known))):
        raise InputError(f"{name} cannot be read", file=path, found=failed, expected=f"{column.low:g} or more")


def _failures(name: str, values: object) -> str:
    """Check distinct values against the declaration; say which fail."""
    import pandas as pd
    from pandera.errors import SchemaErrors

    try:
        schema().columns[name].validate(pd.DataFrame({name: values}), lazy=True)
    except SchemaErrors as errors:
        return ", ".join(map(str, errors.failure_cases["failure_case"].unique()[:5]))
    return ""
