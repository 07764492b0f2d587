"""The pages of the cohort: its table with strip plots, the verdicts, and the candidates of rim lesions."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from chiomics.core.cells import neutral_cell
from chiomics.core.files import read_sidecar, write_text
from chiomics.report.site.figures import FIGURES, find_standouts
from chiomics.report.site.lesions import order_lesions
from chiomics.report.site.pages import for_script, link_between, render, write_assets

#: Columns of words before those of figures: key, label.
WORDS = (
    ("status", "status"),
    ("verdict", "verdict"),
    ("group", "group"),
    ("trusted", "reference"),
    ("origin", "subject"),
    ("reason", "why left out"),
)
FILTERS = (
    ("status", "Status"), ("group", "Group"), ("trusted", "Reference"), ("origin", "Subject"), ("verdict", "Verdict"),
)  # fmt: skip


def show_cohort(
    facts: Iterable[str],
    pages: dict[str, str],
    *,
    name: str,
    papers: Sequence[tuple[str, str]],
    papers_left_out: Sequence[str],
    pictures: Sequence[str],
    outliers: dict[str, str],
    predicted: str | None,
    lacks: Sequence[str],
    simulated: bool | str,
) -> None:
    """Write the pages of the cohort, and what all pages share.

    Parameters
    ----------
    facts : iterable of path
        Facts of the sessions, of `chiomics.report.site.session.show_session`.
    pages : dict of str to path
        ``index``, ``verdicts``, ``lesions``, ``data`` (a script), ``table`` (TSV) and ``assets`` (a folder).
    name : str
        Of the cohort.
    papers : sequence of (str, str)
        Key and title of the studies that have a page.
    papers_left_out, lacks : sequence of str
        Which studies were not made, and what the run lacks, each with why.
    pictures : sequence of path
        Pictures of the cohort.
    outliers : dict of str to str
        What the stages say stands out of a session, by its key.
    predicted : path, optional
        Lesions with their probability.
    simulated : bool or str
        Whether any subject is simulated, or how many of them.
    """
    sessions = sorted((read_sidecar(path) for path in facts), key=lambda session: session["session"])
    marks = find_standouts([one["session"] for one in sessions], [one["figures"] for one in sessions])
    said = {
        "group": any(one["group"] for one in sessions), "reason": any(one["reason"] for one in sessions),
        "origin": isinstance(simulated, str),
    }  # fmt: skip
    columns = [{"key": key, "label": label, "unit": ""} for key, label in WORDS if said.get(key, True)]
    shown = [figure for figure in FIGURES if any(one["figures"][figure.key] is not None for one in sessions)]
    columns += [{"key": one.key, "label": one.label, "unit": one.unit, "digits": one.digits} for one in shown]
    columns += [{"key": "outliers", "label": "stands out by", "unit": ""}]
    labels = {figure.key: figure.label for figure in FIGURES}
    rows = []
    for session, why in zip(sessions, marks, strict=True):
        stands = "; ".join([*(labels[key] for key in why), *filter(None, [outliers.get(session["session"], "")])])
        words = {
            "status": session["status"], "group": session["group"], "reason": session["reason"],
            "trusted": {True: "trusted", False: "not trusted", None: ""}[session["trusted"]],
            "origin": "simulated" if session["simulated"] else "measured",
        }  # fmt: skip
        cells = [words.get(key, "") for key, _ in WORDS if said.get(key, True)]
        cells += [_short(session["figures"][figure.key], figure.digits) for figure in shown]
        rows.append([session["session"], session["page"], *cells, stands, why, _given(session["given"])])
    write_text(
        pages["data"],
        f"(window.chiomics = window.chiomics || {{}}).cohort = {for_script({'columns': columns, 'rows': rows})};\n",
    )
    write_text(pages["table"], _as_table(columns, rows))
    write_assets(pages["assets"])
    lesions, order = order_lesions(sessions, predicted)
    render("lesions.html", pages["lesions"], root="../", simulated=simulated, lesions=lesions, order=order)
    render("verdicts.html", pages["verdicts"], root="../", simulated=simulated)
    render(
        "cohort.html", pages["index"], root="", simulated=simulated, name=name, columns=columns, figures=shown,
        filters=[one for one in FILTERS if said.get(one[0], True)], papers=papers, papers_left_out=papers_left_out,
        counts=_count(sessions), lacks=lacks,
        pictures=[(link_between(pages["index"], path), Path(path).stem) for path in pictures],
    )  # fmt: skip


def _short(value: float | None, digits: int) -> float | None:
    """Keep of a number what is shown and one digit more: ten thousand rows have to load at once."""
    return None if value is None else round(float(value), digits + 1)


def _given(given: dict) -> dict:
    return {key: value for key, value in given.items() if value}


def _count(sessions: Sequence[dict]) -> str:
    counts = Counter(session["status"] for session in sessions)
    if not sessions:
        return "This run started from a table of features: it has no sessions of its own."
    partly = sum(bool(session["without"]) for session in sessions if session["status"] == "included")
    said = ", ".join(f"{number} {status}" for status, number in sorted(counts.items(), key=lambda item: -item[1]))
    lack = f"; {partly} of the included ones lack something, which their pages name" if partly else ""
    return f"{len(sessions)} session{'s' * (len(sessions) != 1)}: {said}{lack}."


def _as_table(columns: Sequence[dict], rows: Sequence[Sequence]) -> str:
    """Write the table for other programs; a cell that a spreadsheet would take for a formula is made harmless."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    kept = [place for place, column in enumerate(columns, start=2) if column["key"] != "verdict"]
    writer.writerow(["session", *(columns[place - 2]["key"] for place in kept), "why"])
    for row in rows:
        why = "; ".join(f"{key}: {said}" for key, said in row[-2].items())
        cells = [row[0], *("n/a" if row[place] in (None, "") else row[place] for place in kept), why or "n/a"]
        writer.writerow([neutral_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()


def read_outliers(tables: Iterable[str]) -> dict[str, str]:
    """Read what the tables of the anatomy stage say stands out, by session.

    Parameters
    ----------
    tables : iterable of path
        TSV files with the columns ``session`` and ``outliers``.

    Returns
    -------
    dict of str to str
        Names of columns as they are; empty where nothing does.
    """
    found: dict[str, list[str]] = {}
    for path in tables:
        with Path(path).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                said = [name.replace("_", " ") for name in row["outliers"].split() if name != "n/a"]
                found.setdefault(row["session"], []).extend(said)
    return {session: "; ".join(said) for session, said in found.items()}
