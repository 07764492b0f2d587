"""Fixtures that several stages' tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real test data beside the checkout; tests that need it are skipped without it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real test data (../shared/data) is not on this machine")
    return folder


@pytest.fixture
def texts_of_figures(monkeypatch):
    """Fail a test that writes a figure on which texts lie on one another or beyond the page, or that outgrows it."""
    from matplotlib.figure import Figure

    from tests.core.figure_boxes import beyond_page, crowded_ticks, overlaps, wider_than_page

    wrong = []
    plain = Figure.savefig

    def look(figure, place, *args, **options):
        plain(figure, place, *args, **options)
        cut = wider_than_page(figure) if options.get("bbox_inches") == "tight" else beyond_page(figure)
        wrong.extend((Path(str(place)).name, fault) for fault in (*overlaps(figure), *crowded_ticks(figure), *cut))

    monkeypatch.setattr(Figure, "savefig", look)
    yield
    assert not wrong


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the runs of the workflow, the longest files, so that no process is left alone with them at the end."""
    items.sort(key=lambda item: "tests/workflow/" not in item.path.as_posix())
