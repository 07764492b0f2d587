"""Several raters' calls of rims: a consensus, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from chiomics.core.errors import InputError, SettingError

RULES = ("exclude", "majority", "first")
#: How far in mm a rated place may lie from the lesion that it means.
NEAR = 3.0


@dataclass(frozen=True)
class Agreement:
    """How far two raters agree on the lesions that both rated.

    Attributes
    ----------
    n : int
        Lesions that both rated.
    both, only_first, only_second, neither : int
        Calls of a rim.
    kappa, low, high : float
        Cohen's κ and its 95 % interval; NaN where one of them calls all lesions alike.
    pabak : float
        κ adjusted for prevalence and bias, 2 pₒ − 1.
    positive_agreement, negative_agreement : float
        Share of agreement among the calls of a rim, and among those of none.
    """

    n: int
    both: int
    only_first: int
    only_second: int
    neither: int
    kappa: float
    low: float
    high: float
    pabak: float
    positive_agreement: float
    negative_agreement: float


def agree(first: np.ndarray, second: np.ndarray) -> Agreement:
    """Measure the agreement of two raters.

    Parameters
    ----------
    first, second : array_like, shape (N,)
        0, 1, or NaN where a rater did not rate.

    Returns
    -------
    Agreement
        With the interval of Fleiss, Cohen and Everitt 1969 (Psychol Bull 72:323), Equation 13.
    """
    first, second = (np.asarray(calls, float) for calls in (first, second))
    rated = np.isfinite(first) & np.isfinite(second)
    first, second = first[rated] == 1, second[rated] == 1
    table = np.array([[(first & second).sum(), (first & ~second).sum()], [(~first & second).sum(), 0]], float)
    n = int(rated.sum())
    table[1, 1] = n - table.sum()
    (both, only_first), (only_second, neither) = table.astype(int)
    kappa, error = _kappa(table) if n else (np.nan, np.nan)
    disagreed = only_first + only_second
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = [float(np.divide(2.0 * k, 2.0 * k + disagreed)) for k in (both, neither)]
    return Agreement(
        n=n,
        both=int(both),
        only_first=int(only_first),
        only_second=int(only_second),
        neither=int(neither),
        kappa=kappa,
        low=kappa - 1.959964 * error,
        high=min(kappa + 1.959964 * error, 1.0) if np.isfinite(kappa) else np.nan,
        pabak=float(2 * (both + neither) / n - 1) if n else np.nan,
        positive_agreement=shares[0],
        negative_agreement=shares[1],
    )


def tabulate_agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Measure the agreement of every pair of raters of a cohort.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per lesion, with columns ``rater_<name>``.

    Returns
    -------
    pandas.DataFrame
        ``first``, ``second`` and the fields of `Agreement`; one row per pair. A rater who was asked only where others
        differ agrees with them as little as that choice makes it.
    """
    raters = [column for column in table if column.startswith("rater_")]
    columns = ["first", "second", *Agreement.__dataclass_fields__]
    rows = [
        {"first": one.removeprefix("rater_"), "second": other.removeprefix("rater_")}
        | vars(agree(table[one], table[other]))
        for one, other in combinations(raters, 2)
    ]
    return pd.DataFrame(rows, columns=columns)


def find_consensus(calls: np.ndarray, *, rule: str = "exclude") -> np.ndarray:
    """Return each lesion one label.

    Parameters
    ----------
    calls : array_like, shape (N, R)
        0, 1 or NaN per lesion and rater, raters in their order: where the first two differ, the third decides.
    rule : {"exclude", "majority", "first"}
        Where they differ and no third rater rated the lesion, or more than three disagree: NaN; the call of most, NaN
        on a tie; or that of the first who rated.

    Returns
    -------
    ndarray, shape (N,)
        0, 1 or NaN: rated by nobody, or not decided.
    """
    if rule not in RULES:
        raise SettingError("consensus", found=rule, expected=", ".join(RULES))
    calls = np.asarray(calls, float)
    consensus = np.full(len(calls), np.nan)
    for k, row in enumerate(calls):
        given = row[np.isfinite(row)]
        if not given.size:
            continue
        share = given.mean()
        if share in (0.0, 1.0):
            consensus[k] = share
        elif given.size == 3 or (rule == "majority" and share != 0.5):
            consensus[k] = float(share > 0.5)
        elif rule == "first":
            consensus[k] = given[0]
    return consensus


def _kappa(table: np.ndarray) -> tuple[float, float]:
    """Return Cohen's κ of a 2 x 2 table of counts and its large-sample standard error."""
    n = table.sum()
    p = table / n
    row, column = p.sum(axis=1), p.sum(axis=0)
    observed, chance = np.trace(p), row @ column
    if chance == 1:
        return np.nan, np.nan
    kappa = (observed - chance) / (1 - chance)
    agreed = sum(p[k, k] * (1 - (row[k] + column[k]) * (1 - kappa)) ** 2 for k in (0, 1))
    crossed = (1 - kappa) ** 2 * sum(p[j, k] * (column[j] + row[k]) ** 2 for j, k in ((0, 1), (1, 0)))
    variance = agreed + crossed - (kappa - chance * (1 - kappa)) ** 2
    return float(kappa), float(np.sqrt(max(variance, 0) / n) / (1 - chance))


def assign_ratings(
    ratings: Sequence[Mapping[str, str]],
    labels: np.ndarray,
    affine: np.ndarray,
    *,
    file: str | Path,
    rule: str = "exclude",
) -> dict[int, dict[str, object]]:
    """Bring the ratings of one session to its lesions.

    Parameters
    ----------
    ratings : sequence of mapping
        Lines of the index's checked table: ``lesion``, or ``x``, ``y``, ``z``; ``rater``, ``rim``, ``line``.
    labels : ndarray of int, shape (x, y, z)
        Lesion numbers from 1.
    affine : ndarray, shape (4, 4)
        Voxel to world coordinates in mm.
    file : path-like
        The raters' table, for errors.
    rule : str
        Of `find_consensus`.

    Returns
    -------
    dict of int to dict
        Per lesion number ``rater_<name>`` (0, 1 or NaN), ``consensus`` and ``consensus_note``: why there is none.

    Raises
    ------
    InputError
        Where a rating is of a lesion that does not exist, or the second one of a rater.
    """
    numbers = [number for number, box in enumerate(ndimage.find_objects(labels), start=1) if box is not None]
    names = list(dict.fromkeys(rating["rater"] for rating in ratings))
    calls, lines = {number: {} for number in numbers}, {}
    for rating in ratings:
        number = _rated_lesion(rating, labels, affine, numbers, file)
        key = (number, rating["rater"])
        if key in lines:
            raise InputError(
                f"lines {lines[key]} and {rating['line']} are two calls of one rater on one lesion",
                file=file,
                found=f"lesion {number}, rater {rating['rater']}",
                expected="one call",
            )
        lines[key] = rating["line"]
        calls[number][rating["rater"]] = float(rating["rim"])
    table = np.array([[calls[number].get(name, np.nan) for name in names] for number in numbers])
    consensus = find_consensus(table.reshape(len(numbers), len(names)), rule=rule)
    return {
        number: {f"rater_{name}": calls[number].get(name, np.nan) for name in names}
        | {"consensus": consensus[k], "consensus_note": _note(calls[number], consensus[k])}
        for k, number in enumerate(numbers)
    }


def _note(calls: Mapping[str, float], consensus: float) -> str:
    if np.isfinite(consensus):
        return ""
    return "raters differ, and no third one decides" if calls else "rated by nobody"


def _rated_lesion(
    rating: Mapping[str, str], labels: np.ndarray, affine: np.ndarray, numbers: Sequence[int], file: str | Path
) -> int:
    """Find the lesion that a rating means."""
    if rating["lesion"]:
        number = int(rating["lesion"])
        if number not in numbers:
            raise InputError(
                f"line {rating['line']} rates a lesion that does not exist",
                file=file,
                found=f"lesion {number} of {rating['session']}",
                expected=f"one of {len(numbers)} lesions" + (f", 1 to {max(numbers)}" if numbers else ""),
            )
        return number
    place = np.array([float(rating[axis]) for axis in "xyz"])
    voxels = np.stack(np.nonzero(labels))
    world = affine[:3, :3] @ voxels + affine[:3, 3:]
    distance = np.linalg.norm(world - place[:, None], axis=0)
    # The voxel that a place falls in is the lesion's where it is one; the nearest centre stands for both.
    reach = max(NEAR, float(np.linalg.norm(affine[:3, :3], axis=0).max()) / 2)
    if not distance.size or distance.min() > reach:
        raise InputError(
            f"line {rating['line']} rates a place without a lesion",
            file=file,
            found=f"{rating['session']} at {', '.join(rating[axis] for axis in 'xyz')} mm",
            expected=f"a lesion within {reach:g} mm"
            + (f"; the nearest is {distance.min():.1f} mm away" if distance.size else ""),
        )
    return int(labels[tuple(voxels[:, distance.argmin()])])
