"""The manifest: its columns, its file, its summary, and whether the cohort can be used.

The file is UTF-8 TSV. Lists are JSON; an empty cell is an empty string, or a number that is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from chiomics.core.cells import plain_cell
from chiomics.core.errors import InputError, say_cause
from chiomics.core.failures import OPTIONAL

LISTS = (
    "warnings",
    "echo_times",
    "shape",
    "voxel_size",
    "magnitude",
    "phase",
    "real",
    "imaginary",
    "without",
    "accepted",
)
#: Columns before those of participants.tsv.
COLUMNS = (
    "session", "participant_id", "session_id", "run", "status", "reason", "warnings", "input_kind", "n_echoes",
    "echo_times", "field_strength", "shape", "voxel_size", "magnitude", "phase", "real", "imaginary", "manufacturer",
    "T1w", "FLAIR", "dwi", "bval", "bvec", "T1w_mask", "brain_mask", "lesion_mask", "lesion_labels", "tissue_labels",
    "chi_map", "voi_labels", "without", "simulated", "accepted",
)  # fmt: skip
#: How a reason begins that is the operator's verdict, not a failure.
VERDICT = "operator's verdict"
#: How a reason begins where a session holds nothing that a χ map can come from; no failure either.
NO_INPUT = "no input for a χ map"
#: Status of a session without such input whose T1w, and FLAIR if there is one, the anatomy stage serves.
STRUCTURAL_ALONE = "structural"
#: How a warning begins where a session's own lesions cannot be used: no others take their place.
REFUSED_LESIONS = "the given lesions are refused: "
#: How a reason begins that an earlier job left.
FAILED_JOB = "a job failed on this input"


class EmptyCohortError(InputError):
    """A BIDS folder without a session that can be used."""


def session_key(participant: str, session: str, run: str) -> str:
    """Key of a session and run, e.g. ``sub-01_ses-2_run-1``."""
    return "_".join(part for part in (participant, session, f"run-{run}" if run else "") if part)


def empty_row(participant: str, session: str, run: str) -> dict:
    """Row of a session that nothing is known of yet."""
    row: dict = {column: [] if column in LISTS else "" for column in COLUMNS}
    row |= {"session": session_key(participant, session, run), "participant_id": participant}
    row |= {"session_id": session, "run": run, "status": "included", "n_echoes": None, "field_strength": None}
    return row


def exclude(row: dict, error: InputError | str) -> dict:
    """Exclude a row with the reason: the problem first, so that equal problems can be counted."""
    if isinstance(error, InputError):
        facts = (("file", error.file), ("found", error.found), ("expected", error.expected))
        error = "; ".join([error.problem, *(f"{name} {fact}" for name, fact in facts if fact is not None)])
    row["status"], row["reason"] = "excluded", " ".join(error.split())
    return row


def write_manifest(rows: list[dict], path: str | Path) -> bool:
    """Write the manifest, unless the file already holds the same.

    Parameters
    ----------
    rows : list of dict
        From `index_bids` or `index_files`.
    path : path-like
        E.g. ``results/manifest.tsv``.

    Returns
    -------
    bool
        True where the file was written, False where it was left untouched.
    """
    path, text = Path(path), manifest_text(rows).encode()
    if path.is_file() and path.read_bytes() == text:
        return False
    from chiomics.core.files import atomic_write

    with atomic_write(path) as temporary:
        temporary.write_bytes(text)
    return True


def manifest_text(rows: list[dict]) -> str:
    """Write rows as the lines of a manifest."""
    columns = list(rows[0]) if rows else list(COLUMNS)
    lines = ["\t".join(columns)]
    lines += ["\t".join([_to_text(row[column]) for column in columns]) for row in rows]
    return "\n".join(lines) + "\n"


def read_manifest(path: str | Path) -> list[dict]:
    """Read a manifest.

    Parameters
    ----------
    path : path-like
        Written by `write_manifest`.

    Returns
    -------
    list of dict
        One per session and run; lists as lists, ``n_echoes`` as int, ``field_strength`` as float, both None where not
        known, all else as strings.

    Raises
    ------
    InputError
        Where the file is absent or not a manifest.
    """
    try:
        return parse_manifest(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError("the manifest cannot be read", file=path, found=say_cause(error)) from error


def parse_manifest(text: str, path: str | Path | None = None) -> list[dict]:
    """Read the lines of a manifest, see `read_manifest`; `path` is named where they are none."""
    header, *lines = text.split("\n")[:-1]
    columns = header.split("\t")
    if columns[: len(COLUMNS)] != list(COLUMNS):
        raise InputError(
            "the file is not a manifest", file=path, found=header[:80], expected="chiomics index to make it"
        )
    return [_from_text(dict(zip(columns, line.split("\t"), strict=True))) for line in lines]


def summarise(rows: list[dict]) -> str:
    """Count what is included, and what is excluded by reason.

    Parameters
    ----------
    rows : list of dict
        The manifest.

    Returns
    -------
    str
        A few lines for the log.
    """
    included = [row for row in rows if row["status"] == "included"]
    people = {row["participant_id"] for row in rows}
    alone = [row["session"] for row in rows if row["status"] == STRUCTURAL_ALONE]
    lines = [
        f"{len(rows)} sessions of {len(people)} participants: {len(included)} included, "
        f"{len(rows) - len(included) - len(alone)} excluded"
        + f", {len(alone)} with structural images alone"
        * bool(alone)
    ]
    if alone:
        lines.append(f"  {len(alone)} served by anatomy alone, for there is {NO_INPUT}: {_some(alone)}")
    kinds = _count((f"{row['input_kind']}, {row['n_echoes']} echoes", row["session"]) for row in included)
    lines += [f"  {len(keys)} with {kind}" for kind, keys in kinds.items()]
    lines += [f"  {line}" for line in _differences(included)]
    lines += [f"  {line}" for line in _reasons(rows)]
    stages = _count((stage, row["session"]) for row in included for stage in row["without"])
    for stage, keys in stages.items():
        what = f"mapped without {stage}" if stage in OPTIONAL else f"left out of {stage} and what needs it"
        lines.append(f"  {len(keys)} {what}: {_some(keys)}")
    warned = [row["session"] for row in included if row["warnings"]]
    if warned:
        lines.append(f"  {len(warned)} included with warnings, in the column of that name: {_some(warned)}")
    return "\n".join(lines)


def _differences(included: list[dict]) -> list[str]:
    """Say in what the sessions' gradient echoes differ that no step makes equal: two scanners are two protocols."""
    lines = []
    for column, unit, what in (
        ("voxel_size", "mm", "voxel sizes differ, and so do texture and shape where radiomics does not resample"),
        ("field_strength", "T", "field strengths differ"),
    ):
        given = [(row[column], row["session"]) for row in included if row[column]]
        shown = _count((_in_words(value, unit), session) for value, session in given)
        if len(shown) > 1:
            lines.append(f"{what}: " + ", ".join(f"{len(keys)} with {words}" for words, keys in shown.items()))
    return lines


def _in_words(value: float | list[float], unit: str) -> str:
    numbers = value if isinstance(value, list) else [value]
    return " x ".join(f"{round(float(number), 2):g}" for number in numbers) + f" {unit}"


def check_cohort(rows: list[dict], *, on_bad_session: str = "exclude") -> None:
    """Raise where no session can be used, or where one failed and the operator wants the run to stop.

    Parameters
    ----------
    rows : list of dict
        The manifest.
    on_bad_session : {"exclude", "fail"}
        What a session that fails does. The operator's own verdicts, sessions without input, and those that lost only
        an image or mask that is optional never stop the run.

    Raises
    ------
    EmptyCohortError
        Where every session is excluded, and none is served by the anatomy stage alone.
    InputError
        Where `on_bad_session` is ``fail`` and a session failed.
    """
    if on_bad_session not in ("exclude", "fail"):
        raise InputError("unknown on_bad_session", found=repr(on_bad_session), expected="exclude or fail")
    bad = [row for row in rows if row["status"] == "excluded" and not row["reason"].startswith((VERDICT, NO_INPUT))]
    partly = [row for row in rows if row["status"] == "included" and not OPTIONAL.issuperset(row["without"])]
    if (bad or partly) and on_bad_session == "fail":
        reasons = _reasons(bad) + [f"{row['session']}: {row['warnings'][-1]}" for row in partly]
        raise InputError(f"on_bad_session is fail, and {len(bad) + len(partly)} sessions failed: {' | '.join(reasons)}")
    if not any(row["status"] in ("included", STRUCTURAL_ALONE) for row in rows):
        raise EmptyCohortError(f"no session can be used: {' | '.join(_reasons(rows))}")


def _reasons(rows: list[dict]) -> list[str]:
    """One line per problem: how often, the first full reason, and whose."""
    excluded = [row for row in rows if row["status"] == "excluded"]
    full = {row["session"]: row["reason"] for row in excluded}
    counted = _count((row["reason"].partition(";")[0], row["session"]) for row in excluded)
    return [f"{len(keys)} excluded ({_some(keys)}): {full[keys[0]]}" for keys in counted.values()]


def _count(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Keys by label, the most frequent label first."""
    found: dict[str, list[str]] = {}
    for label, key in pairs:
        found.setdefault(label, []).append(key)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _some(keys: list[str], max_shown: int = 3) -> str:
    return ", ".join(keys[:max_shown]) + (f" and {len(keys) - max_shown} more" if len(keys) > max_shown else "")


def _to_text(value: object) -> str:
    if isinstance(value, str):
        return plain_cell(value)
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False) if value else "[]"
    return "" if value is None else str(value)


def _from_text(row: dict) -> dict:
    for column in LISTS:
        row[column] = json.loads(row[column])
    row["n_echoes"] = int(row["n_echoes"]) if row["n_echoes"] else None
    row["field_strength"] = float(row["field_strength"]) if row["field_strength"] else None
    return row
