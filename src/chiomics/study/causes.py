"""What makes a job run again, and what does not: content in place of columns and places that no result hangs on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence


def digest(*parts: object) -> str:
    """Condense what a job reads, as a parameter that is short in Snakemake's record.

    Parameters
    ----------
    *parts : object
        What JSON can hold; the order of a mapping's keys is no difference.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def same_inputs(recorded: Sequence[str], now: Sequence[str], root: str) -> bool:
    """Compare a job's inputs with those on record, of which a whole data set may have moved.

    Parameters
    ----------
    recorded, now : sequence of str
        Paths.
    root : str
        Folder in which the data set lies now.

    Returns
    -------
    bool
        True where they differ by the folder of the data set alone.
    """
    if sorted(recorded) == sorted(now):
        return True
    inside = [path.removeprefix(root + "/") for path in now if path.startswith(root + "/")]
    outside = {path for path in now if not path.startswith(root + "/")}
    moved = [path for path in recorded if path not in outside]
    if len(recorded) != len(now) or len(moved) != len(inside) or not inside:
        return False
    first = max(inside, key=len)
    roots = {path.removesuffix("/" + first) for path in moved if path.endswith("/" + first)}
    return any(sorted(f"{old}/{name}" for name in inside) == sorted(moved) for old in roots)
