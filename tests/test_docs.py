"""The documentation as a site: `make docs` builds it; here stands what a build does not notice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_in_the_navigation(page):
    assert re.search(rf"(- |: ){re.escape(page)}$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)


@pytest.mark.parametrize("image", sorted(path.name for path in (ROOT / "docs/images").iterdir()))
def test_every_picture_is_in_the_gallery_and_said_to_be_simulated(image):
    found = re.search(rf"!\[([^]]*)\]\(images/{image}\)\n\n\*(.+)\*\n", (ROOT / "docs/gallery.md").read_text())
    assert found, "with a text for who cannot see it, and a caption"
    assert "simulated" in found[1]
    assert found[2].startswith("Simulated")


def test_the_search_runs_from_a_folder_and_without_another_server():
    text = (ROOT / "mkdocs.yml").read_text()
    assert re.search(r"^  - offline\b", text, re.MULTILINE)
    script = re.search(r"polyfills: \[(.*)\]", text)[1]
    # the plugin fetches one from a server where none has this name
    assert "iframe-worker" in script and (ROOT / "docs" / script).is_file()


def test_the_lock_holds_hashes_and_no_address():
    text = (ROOT / "requirements-docs.lock").read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=\w)", text.strip())
    assert all("--hash=sha256:" in block and "==" in block for block in blocks)
