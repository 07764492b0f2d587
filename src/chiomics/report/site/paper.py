"""The page of a study: its README, its tables and its figures."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from chiomics.report.site.markdown import to_html
from chiomics.report.site.pages import link_between, render

#: Rows of a table that a page shows: the file holds all.
MAX_ROWS = 300


def show_paper(
    files: Sequence[str], page: str, *, title: str, captions: Mapping[str, str], simulated: bool | str
) -> None:
    """Write the page of a study from the files of its folder.

    Parameters
    ----------
    files : sequence of path
        What the study made; README.md, tables (.tsv) and figures (.svg, .png) of one folder.
    page : path-like
        HTML.
    title : str
        Of the study.
    captions : mapping of str to str
        What each table and figure shows, by its name without ending.
    simulated : bool or str
        Whether the numbers come from simulated subjects, or how many of them.
    """
    folders = {Path(path).parent for path in files if Path(path).name == "README.md"}
    found = sorted({path for folder in folders for path in folder.iterdir() if path.is_file()}, key=_order)
    readme = next((path for path in found if path.name == "README.md"), None)
    text = readme.read_text(encoding="utf-8") if readme else ""
    folder = link_between(page, readme.parent) + "/" if readme else ""
    drawn = {path.stem: path for path in found if path.suffix == ".png"}
    drawn |= {path.stem: path for path in found if path.suffix == ".svg"}  # sharp at any size, where there is one
    render(
        "paper.html", page, root="../../", title=title, simulated=simulated, readme=to_html(text, folder=folder),
        tables=[_read_table(path, page) | _said(path, captions) for path in found if path.suffix == ".tsv"],
        figures=[{"link": link_between(page, path)} | _said(path, captions) for path in drawn.values()],
    )  # fmt: skip


def _said(path: Path, captions: Mapping[str, str]) -> dict:
    """Return name and caption of a file, and both as one; a file that someone else laid there has none."""
    caption = captions.get(path.stem, "")
    return {"name": path.stem, "caption": caption, "said": f"{path.stem}: {caption}" if caption else path.stem}


def _order(path: Path) -> tuple:
    """Order names as readers count: table2 before table10, those of the supplement last."""
    number = "".join(letter for letter in path.stem if letter.isdigit())
    return path.stem.rstrip("0123456789"), int(number or 0), path.name


def _read_table(path: Path, page: str) -> dict:
    with path.open(encoding="utf-8", newline="") as lines:
        columns, *rows = csv.reader(lines, delimiter="\t")
    return {
        "link": link_between(page, path), "columns": columns, "rows": rows[:MAX_ROWS],
        "total": len(rows),
    }  # fmt: skip
