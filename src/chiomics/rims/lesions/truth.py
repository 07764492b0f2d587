"""What is known of a simulated session's lesions, brought to the lesions that the anatomy stage found."""

from __future__ import annotations

import numpy as np
import pandas as pd

from chiomics.rims.lesions.ratings import find_consensus

#: Columns of the truth that a table of lesions takes over.
KNOWN = ("rim", "kind", "rim_fraction", "rim_contrast", "vein")


def add_truth(
    table: pd.DataFrame, labels: np.ndarray, truth: np.ndarray, known: pd.DataFrame, *, consensus: str = "exclude"
) -> pd.DataFrame:
    """Find for each lesion what is known of the simulated one that it overlaps most.

    Parameters
    ----------
    table : pandas.DataFrame
        Lesions as found, with their number ``lesion``.
    labels, truth : ndarray of int, shape (x, y, z)
        Lesion numbers as found, and as simulated, on the same voxels.
    known : pandas.DataFrame
        Of the simulated ones: ``index``, `KNOWN`, and the calls ``rater1`` to ``rater3``.
    consensus : str
        Of `find_consensus`.

    Returns
    -------
    pandas.DataFrame
        With `KNOWN`, ``rater_<n>``, ``consensus`` and ``consensus_note``; nobody rated a lesion where none was
        simulated.
    """
    raters = [column for column in known if column.startswith("rater")]
    names = [f"rater_{column.removeprefix('rater')}" for column in raters]
    found = known.set_index("index")
    label = find_consensus(found[raters].to_numpy(float), rule=consensus)
    decided = dict(zip(found.index, label, strict=True))
    rows = []
    for number in table["lesion"] if len(table) else []:
        under = truth[(labels == number) & (truth > 0)]
        if not under.size:
            nothing = dict.fromkeys((*KNOWN, *names, "consensus"), np.nan) | {"kind": None, "vein": None}
            rows.append(nothing | {"consensus_note": "no lesion was simulated here"})
            continue
        index = int(np.bincount(under).argmax())
        row = found.loc[index]
        note = "" if np.isfinite(decided[index]) else "raters differ, and no third one decides"
        calls = {name: float(row[rater]) for name, rater in zip(names, raters, strict=True)}
        rows.append({key: row[key] for key in KNOWN} | calls | {"consensus": decided[index], "consensus_note": note})
    if not rows:
        return table
    return table.drop(columns=["consensus", "consensus_note"], errors="ignore").join(pd.DataFrame(rows))
