"""What every paper is and writes: its record in the workflow, printed values, departures, tables and README."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chiomics.core.origin import say_origin

if TYPE_CHECKING:  # the main process of the workflow needs the record alone
    import pandas as pd

#: What stands in a table where there is no value, as in BIDS.
MISSING = "n/a"
#: Whether a paper is part of ``all``: where the cohort can serve it, always, never.
Include = Literal["auto", True, False]
#: Digits of a number in a paper's table: none of a cohort of a hundred has a fifth that means anything.
DIGITS = 4


@dataclass(frozen=True)
class Paper:
    """A published study that a cohort may serve.

    Parameters
    ----------
    title : str
        First author and year.
    wing : str
        Its package, whose folder ``published`` holds what the paper prints and what this study's files show.
    lacking : callable
        Gives what the cohort lacks for it in one sentence, an empty string where it lacks nothing.
    targets : callable
        Gives the files that its target makes.
    workflow_figure : str, optional
        Its figure that shows the steps, without the ending; drawn from the workflow's own graph.
    presets : mapping
        Presets of the radiomics stage that it reads, with their options.
    echo_sets : mapping
        Echo sets that it compares, as echo numbers from 1.
    from_features : bool
        Whether a table of features serves it as well as images do.
    uninstalled : callable
        Says what is not installed that it cannot be made without, whoever asks for it; an empty string where all is.
    """

    title: str
    wing: str
    lacking: Callable[[], str]
    targets: Callable[[], list[str]]
    workflow_figure: str | None = None
    presets: Mapping[str, Any] = field(default_factory=dict)
    echo_sets: Mapping[str, list[int]] = field(default_factory=dict)
    from_features: bool = False
    uninstalled: Callable[[], str] = str


def read_published(wing: str, name: str) -> pd.DataFrame:
    """Read a table of what a paper prints, or of what departs from it.

    Parameters
    ----------
    wing : str
        The paper's package, e.g. ``chiomics.diagnosis.yan2021``; its folder ``published`` holds the tables.
    name : str
        Of the table, without its ending.

    Returns
    -------
    pandas.DataFrame
        Columns that hold nothing but numbers and gaps are numbers, NaN where nothing is printed; the others are text,
        empty where nothing is printed. ``departures`` and checklists of text are written the same way.
    """
    import pandas as pd

    with files(wing).joinpath("published", f"{name}.tsv").open(encoding="utf-8") as lines:
        frame = pd.read_csv(lines, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    for column in frame:
        numbers = pd.to_numeric(frame[column].replace({"": None, MISSING: None}), errors="coerce")
        empty = frame[column].isin(("", MISSING))
        if not empty.all() and not (numbers.isna() & ~empty).any():
            frame[column] = numbers
    return frame


def read_departures(wing: str, facts: Mapping[str, object]) -> pd.DataFrame:
    """Read what a paper leaves open or gets wrong, and what is done here, from the table ``departures`` of its wing.

    Parameters
    ----------
    wing : str
        The paper's package.
    facts : mapping
        What the column ``here`` leaves open in braces; lists are written with commas.

    Returns
    -------
    pandas.DataFrame
        Columns where (where the wing names section or table of the paper), paper, here.
    """
    lists = {key: ", ".join(map(str, value)) for key, value in facts.items() if isinstance(value, (list, tuple))}
    rows, said = read_published(wing, "departures"), {**facts, **lists}
    return rows.assign(here=[str(text).format_map(said) for text in rows["here"]])


def read_captions(wing: str) -> dict[str, str]:
    """Read what the tables and figures of a paper's folder show, by their names without endings.

    Parameters
    ----------
    wing : str
        The paper's package; its folder ``published`` holds the table ``captions``.
    """
    captions = read_published(wing, "captions")
    return dict(zip(captions["file"], captions["caption"], strict=True))


def captions_table(wing: str) -> str:
    """Lay those captions out for a README."""
    return markdown_table(["File", "What"], [[f"`{name}`", what] for name, what in read_captions(wing).items()]) + "\n"


def departures_table(departures: pd.DataFrame) -> str:
    """Lay departures out for a README.

    Parameters
    ----------
    departures : pandas.DataFrame
        From `read_departures`.

    Returns
    -------
    str
        A table in Markdown.
    """
    head = {"where": "Where", "paper": "In the paper", "here": "Here"}
    names = [name for name in head if name in departures]
    return markdown_table([head[name] for name in names], departures[names].itertuples(index=False))


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lay rows out as a table in Markdown, with its last line break."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def frame_readme(
    title: str, sections: Mapping[str, str | Sequence[str]], *, simulated: bool | str, lead: str = ""
) -> str:
    """Put the README of a paper's folder together.

    Parameters
    ----------
    title : str
        What the paper is about, and who wrote it.
    sections : mapping of str to str or sequence of str
        Texts by heading, each text ending with a line break.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them, which the README says at its head.
    lead : str
        What a reader has to know first, below the title.

    Returns
    -------
    str
        Markdown.
    """
    parts = [f"# {title}\n", *([lead + "\n"] if lead else []), say_origin(simulated=simulated) + "\n"]
    for heading, texts in sections.items():
        parts += [f"## {heading}\n", *([texts] if isinstance(texts, str) else texts)]
    return "\n".join(parts)


def write_paper_table(frame: pd.DataFrame, path: str | Path, *, simulated: bool | str) -> None:
    """Write a table of a paper for reading, with a last column that says whose numbers they are.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table. Its numbers are written with four digits, whole parts in full; tables of the stage have them all.
    path : path-like
        In the paper's folder.
    simulated : bool or str
        Whether the subjects are simulated, or how many of them.
    """
    import pandas as pd

    from chiomics.core.tables import write_frame

    said = f"{simulated} simulated" if isinstance(simulated, str) else "simulated" if simulated else "real"
    shown = frame.apply(lambda column: meaningful(column) if pd.api.types.is_float_dtype(column) else column)
    write_frame(shown.assign(subjects=said), path, missing=MISSING)


def meaningful(column: pd.Series) -> pd.Series:
    """Round numbers to `DIGITS` digits, and no whole part.

    >>> meaningful(pd.Series([0.012345678, 12.345678, 123456.789])).tolist()
    [0.01235, 12.35, 123457.0]
    """

    def one(value: float) -> float:
        if not math.isfinite(value) or value == 0:
            return value
        return round(value, max(DIGITS - 1 - math.floor(math.log10(abs(value))), 0))

    return column.astype(float).map(one)
