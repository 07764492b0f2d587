"""The papers that `methods.md` cites, from ``references.yaml``, as short forms and as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import yaml

FIELDS = ("short", "author", "title", "journal", "year", "volume", "pages", "doi")


@cache
def read_references() -> dict[str, dict[str, str]]:
    """Read every reference by its key: the short form of the text, and the fields of a BibTeX entry."""
    text = files("chiomics.report.methods").joinpath("references.yaml").read_text(encoding="utf-8")
    return {key: dict(zip(FIELDS, map(str, row), strict=True)) for key, row in yaml.safe_load(text).items()}


class Citations:
    """Collects what a text cites, in the order of the first mention."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, *keys: str) -> str:
        """Cite papers.

        Parameters
        ----------
        *keys : str
            Of ``references.yaml``.

        Returns
        -------
        str
            Their short forms in brackets.

        Raises
        ------
        KeyError
            For a key that is not there.
        """
        found = [read_references()[key]["short"] for key in keys]
        self.keys += [key for key in keys if key not in self.keys]
        return f"({'; '.join(found)})"


def write_bibtex(keys: Iterable[str]) -> str:
    """Write the BibTeX of references, in their order; fields that are not known are left out."""
    entries = []
    for key in keys:
        reference = read_references()[key]
        fields = [f"  {name} = {{{reference[name]}}}" for name in FIELDS[1:] if reference[name]]
        entries.append(f"@article{{{key},\n" + ",\n".join(fields) + "\n}\n")
    return "\n".join(entries)


def list_references(keys: Iterable[str]) -> list[str]:
    """List references as lines of Markdown, in their order."""
    lines = []
    for key in keys:
        one = read_references()[key]
        people = one["author"].replace(" and others", " et al.").replace(" and ", ", ")
        place = one["volume"] + (f":{one['pages'].replace('--', '–')}" if one["pages"] else "")
        lines.append(
            f"- {people} {one['title'] + '. ' if one['title'] else ''}{one['journal']} {one['year']};{place}."
            + f" <https://doi.org/{one['doi']}>"
        )
    return lines
