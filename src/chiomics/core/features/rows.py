"""The rows of a cohort's tables part by part: what a reader keeps of them is all that lies in memory.

A part has the codes of its words; what a code stands for is known of all parts that were read before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from chiomics.core.bids import bare_name
from chiomics.core.errors import InputError
from chiomics.core.features.canonical import Words, check_filled, read_values, regions_and_sides, whole_names
from chiomics.core.features.columns import FEATURE, NUMBERS, REGION, SESSION
from chiomics.core.features.people import check_names
from chiomics.core.features.values import CODES_OF_MISSING, without_infinite

if TYPE_CHECKING:
    from chiomics.core.features.table import FeatureTable

log = logging.getLogger(__name__)


class Rows:
    """Some columns of some rows, read once, part by part.

    Parameters
    ----------
    features : FeatureTable
        The tables.
    columns : sequence of str
        Ours, or further ones; one that no file has is filled in.
    keep : mapping of str to sequence, optional
        As for `FeatureTable.read`.
    group_column : str
        Column that is read as ``group``.
    value : bool
        Whether a part has ``value`` too.

    Attributes
    ----------
    columns : tuple of str
        Those of a part, without ``value``: those asked for, and the participant.
    words : dict of str to Words
        What the codes of a column of text stand for; complete once all parts are read.
    """

    def __init__(
        self,
        features: FeatureTable,
        columns: Sequence[str],
        *,
        keep: Mapping[str, Sequence] | None = None,
        group_column: str = "group",
        value: bool = True,
    ) -> None:
        self._features, self._group_column, self._value = features, group_column, value
        keep = {name: tuple(str(v) if name not in NUMBERS else v for v in vs) for name, vs in (keep or {}).items()}
        self._keep = {name: values for name, values in keep.items() if values and features.looks_at(name, values)}
        self._names = list(dict.fromkeys([*columns, *self._keep]))
        together = [one for group in (REGION, FEATURE) if set(self._names) & set(group) for one in group]
        self._needed = list(dict.fromkeys([*self._names, *together, "participant"]))
        self.columns = tuple(dict.fromkeys([*columns, "participant"]))
        self.words = {name: Words(name) for name in self._needed if name not in NUMBERS}

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Return the parts: codes of words, and numbers, by column.

        Raises
        ------
        InputError
            Where a value or a word cannot be read; after the last part, where names contradict each other.
        """
        features, words = self._features, self.words
        from_people = features.columns_of_people([self._theirs(name) for name in self._names])
        wanted_regions = frozenset(self._keep.get("voi", ()))
        visits = [name for name in SESSION if name in self._needed]
        seen: list[np.ndarray] = []
        infinite = codes_of_missing = 0
        for source in features.sources:
            raw = {name: features.name_in(source, self._theirs(name)) for name in self._needed}
            read = [one for one in dict.fromkeys([*filter(None, raw.values()), "value"]) if one]
            for line, batch in source.batches(read):
                length = len(batch["value"])
                codes = {
                    name: words[name].codes(batch.get(raw[name]), length, source.path)
                    if name in words
                    else read_values(batch.get(raw[name]), length, source.path, line, name)
                    for name in self._needed
                }
                whole_names(codes, words, source.path)
                check_filled(codes, words, source.path, line)
                if REGION[0] in codes:
                    regions_and_sides(codes, words, wanted_regions, source.path)
                for name in self._names:
                    given = from_people.get(self._theirs(name))
                    if given is not None:
                        who = (words["participant"], codes["participant"])
                        codes[name] = words[name].fill(codes[name], *who, given, source.path)
                mask = np.ones(length, dtype=bool)
                for name, values in self._keep.items():
                    mask &= _matches(codes[name], words.get(name), values)
                if self._value:
                    numbers, beyond = without_infinite(read_values(batch["value"], length, source.path, line, "value"))
                    infinite += beyond
                    codes_of_missing += int(np.isin(numbers, CODES_OF_MISSING).sum())
                    codes["value"] = numbers
                seen.append(different([codes[name][mask] for name in visits]))
                kept = [*self.columns, *(["value"] if self._value else [])]
                yield {name: codes[name][mask] for name in kept}
        if infinite:
            log.warning("%d values are infinite or too large to be squared, and count as missing", infinite)
        if codes_of_missing:
            said = "%d values are %s and count as numbers; where they stand for a missing one, write n/a"
            log.warning(said, codes_of_missing, "-999, 9999 or the like")
        if from_people and features.people is not None:
            check_names([name for name in words["participant"].known if name], features.people)
        found = np.concatenate(seen, axis=1) if seen else np.zeros((len(visits), 0), dtype=np.int32)
        _check_visits(dict(zip(visits, found, strict=True)), words)

    def _theirs(self, name: str) -> str:
        return self._group_column if name == "group" else name


def different(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return the different rows of some columns, in the order of their first appearance, as columns by rows."""
    table = np.stack(columns) if columns else np.zeros((0, 0))
    if not table.size or (table == table[:, :1]).all():
        return table[:, :1].copy()  # a view would keep all rows
    return table[:, ~pd.DataFrame(table.T).duplicated().to_numpy()]


def _matches(codes: np.ndarray, words: Words | None, values: Sequence) -> np.ndarray:
    if words is None:
        return np.isnan(codes) | np.isin(codes, [float(one) for one in values])
    wanted = set(values)
    allowed = np.array([word in wanted for word in words.known], dtype=bool)
    return allowed[codes]


def _check_visits(arrays: Mapping[str, np.ndarray], words: Mapping[str, Words]) -> None:
    """Refuse two names of one participant, or of one session of a participant, and rows of which only some name it."""
    people = words["participant"].known
    if twins := _twins(people):
        said = "a participant seems to have two names; leading zeros and case count"
        raise InputError(said, found=" and ".join(twins), expected="one name")
    if "session" in arrays and _twins(words["session"].known):
        pairs = np.unique([arrays["participant"], arrays["session"]], axis=1).T
        for person in np.unique(pairs[:, 0]):
            own = [words["session"].known[code] for code in pairs[pairs[:, 0] == person, 1]]
            if twins := _twins(own):
                said = f"a session of {people[person]} seems to have two names"
                raise InputError(said, found=" and ".join(twins), expected="one name")
    for keys, name in ((("participant",), "session"), (("participant", "session"), "run")):
        if name not in arrays or not set(keys) <= set(arrays) or len(words[name].known) < 2:
            continue
        shape = [max(len(words[key].known), 1) for key in keys]
        who = np.ravel_multi_index([arrays[key].astype(np.int64) for key in keys], shape)
        blank = arrays[name] == words[name].code("")
        if both := sorted(set(np.unique(who[blank])) & set(np.unique(who[~blank]))):
            place = np.unravel_index(both[0], shape)[0]
            raise InputError(
                f"some rows of a participant have a {name}, and some have none",
                found=words["participant"].known[place], expected=f"a {name} in all of them, or in none",
            )  # fmt: skip


def _twins(names: Sequence[str]) -> list[str]:
    """Find names that differ by a prefix, leading zeros or case alone."""
    bare: dict[str, list[str]] = {}
    for name in filter(None, names):
        bare.setdefault(bare_name(name), []).append(name)
    return sorted(next((same for same in bare.values() if len(same) > 1), []))
