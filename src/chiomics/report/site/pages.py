"""Write pages from templates: every text from data is escaped, and data for scripts cannot end its element."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from chiomics.core.files import write_text

ASSETS = ("site.css", "site.js", "verdict.js", "session.js", "viewer.js", "cohort.js", "verdicts.js", "lesions.js")
ASSETS += ("niivue.umd.js", "niivue-LICENSES.txt")


def for_script(value: object) -> Markup:
    r"""Write data as JSON that may stand inside a script element, whatever texts it holds.

    >>> print(for_script("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def number(value: float | None, digits: int) -> str:
    """Write a number, nothing where it is not known."""
    return "" if value is None else f"{value:.{digits}f}"


ENVIRONMENT = Environment(
    loader=PackageLoader("chiomics.report.site", "templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip
ENVIRONMENT.filters |= {"for_script": for_script, "number": number}


def render(template: str, path: str | Path, **values: object) -> None:
    """Write a page, whole or not at all."""
    write_text(path, ENVIRONMENT.get_template(template).render(**values))


def link_between(page: str | Path, target: str | Path) -> str:
    """Return the way from a page to a file beside it; both are paths from the same folder."""
    return Path(os.path.relpath(target, Path(page).parent)).as_posix()


def write_assets(folder: str | Path) -> None:
    """Copy styles, scripts and the viewer, with its licence, beside the pages."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        Path(folder, name).write_bytes(files("chiomics.report.site").joinpath("assets", name).read_bytes())
