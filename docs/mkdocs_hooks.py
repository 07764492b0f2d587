"""What the site of the documentation takes from outside docs/: README, configuration, changelog, and the API's pages.

Pages link to files of the repository, as they do where a repository is browsed. In the site a link to a module leads to
its part of the API's pages, and one to another file to a copy.
"""

from __future__ import annotations

import logging
import posixpath
import re
from collections import defaultdict
from pathlib import Path

from griffe._internal.docstrings import numpy as numpydoc
from mkdocs.structure.files import File

log = logging.getLogger("mkdocs.hooks.chiomics")

ROOT = Path(__file__).resolve().parents[1]
#: Pages of the repository outside docs/, and what they are in the site.
PAGES = {
    "README.md": "index.md",
    "config/README.md": "configuration.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "contrib/qsm-ci/README.md": "qsm-ci.md",
}
#: Stages with a page of the API, in the order of the data.
STAGES = ("qsm", "radiomics", "anatomy", "index", "phantom", "robustness", "diagnosis", "rims", "flair", "core")
#: Modules of `core` that a reader of the other pages meets.
OF_CORE = ("errors", "space.volume", "features.table", "features.wide", "papers", "provenance")
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"(```.*?```)", re.DOTALL)
_HOMES = re.compile(r'"\w+": "([\w.]+)"')
_IMPORT = re.compile(r"^from chiomics\.(\w+)\.([\w.]+) import", re.MULTILINE)
_MODULE = re.compile(r"src/chiomics/(\w+)/([\w/]+)\.py")

#: What becomes of types in words where they are read as Python: a difference, a call.
_MISREAD = re.compile(r"\b\w+ - like\b|\bshape\(")
_read_type = numpydoc.parse_docstring_annotation


def _keep_words(annotation, *arguments, **options):
    """Read a type that is a name, for its link, and leave one in words as it stands: `path-like` is no difference."""
    return _read_type(annotation, *arguments, **options) if re.fullmatch(r"[\w.]+", annotation) else annotation


numpydoc.parse_docstring_annotation = _keep_words


def on_page_content(html, page, config, files):
    """Warn, which ends the build, where a type was read as Python all the same."""
    for misread in sorted(set(_MISREAD.findall(html))) if page.file.src_uri.startswith("api/") else ():
        log.warning("%s: a type in words was read as Python: %s", page.file.src_uri, misread)
    return html


def on_files(files, config):
    """Add the pages and files that docs/ does not hold."""
    linked = defaultdict(set)
    for origin, text in _texts():
        for link in _LINK.finditer(text):
            target = _resolve(origin, link[2])
            if target and (found := _MODULE.fullmatch(target)):
                linked[found[1]].add(found[2].replace("/", "."))
            elif target and _is_copied(target) and files.get_file_from_path(f"files/{target}") is None:
                files.append(File.generated(config, f"files/{target}", abs_src_path=str(ROOT / target)))
    for origin, name in PAGES.items():
        files.append(File.generated(config, name, content=(ROOT / origin).read_text(encoding="utf-8")))
    for stage in STAGES:
        files.append(File.generated(config, f"api/{stage}.md", content=_write_api(stage, linked[stage])))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links to files of the repository into links of the site."""
    origins = {name: origin for origin, name in PAGES.items()}
    origin = origins.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    start = posixpath.dirname(page.file.src_uri)

    def turned(link):
        target = _resolve(origin, link[2])
        if target is None:
            return link[0]
        if found := _MODULE.fullmatch(target):
            return f"][chiomics.{found[1]}.{found[2].replace('/', '.')}]"
        name = PAGES.get(target) or (f"files/{target}" if _is_copied(target) else target.removeprefix("docs/"))
        return f"{link[1]}{posixpath.relpath(name, start or '.')}{link[3] or ''}{link[4]}"

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(turned, part) for part in parts)


def _texts():
    """Yield the pages as the repository has them, with their paths."""
    for path in [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(ROOT).as_posix(), "".join(p for p in _FENCE.split(text) if not p.startswith("```"))


def _resolve(origin: str, link: str) -> str | None:
    """Return the path in the repository that a page's link leads to; None for one that leads out of it."""
    if re.match(r"[a-z]+:|/", link):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))


def _is_copied(target: str) -> bool:
    """Return whether a file of the repository is no part of the site by itself."""
    in_docs = target.startswith("docs/") and not target.endswith(".py")
    return not in_docs and target not in PAGES and (ROOT / target).is_file()


def _write_api(stage: str, linked: set[str]) -> str:
    """Write a stage's page: the modules of its public names, and those that other pages link to."""
    face = (ROOT / "src/chiomics" / stage / "__init__.py").read_text(encoding="utf-8")
    modules = set(linked) | set(_HOMES.findall(face))
    modules |= {name for other, name in _IMPORT.findall(face) if other == stage}
    modules |= set(OF_CORE) if stage == "core" else set()
    modules = {name for name in modules if (ROOT / "src/chiomics" / stage / f"{name.replace('.', '/')}.py").is_file()}
    about = face.split('"""')[1].strip().split("\n>>>")[0].strip()
    parts = [f"# chiomics.{stage}\n\n{about}\n"]
    parts += [f"::: chiomics.{stage}.{name}\n" for name in sorted(modules)]
    return "\n".join(parts)
