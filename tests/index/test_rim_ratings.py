"""The raters' table: what is read, and what is refused with its line."""

from __future__ import annotations

import pytest

from chiomics.core.errors import InputError
from chiomics.index.manifest import empty_row, exclude
from chiomics.index.rim_ratings import read_rim_ratings, update_rim_ratings

HEADER = "participant_id\tsession_id\tlesion\tx\ty\tz\trater\trim\tconfidence\n"


@pytest.fixture
def rows():
    found = [empty_row("sub-01", "ses-1", ""), empty_row("sub-01", "ses-2", ""), empty_row("sub-02", "ses-1", "")]
    exclude(found[2], "blurred")
    return found


def _write(tmp_path, *lines: str):
    path = tmp_path / "rim_ratings.tsv"
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_numbers_and_places_are_read_and_excluded_sessions_left_out(tmp_path, rows, caplog):
    path = _write(
        tmp_path,
        "sub-01\tses-1\t3\tn/a\tn/a\tn/a\tA\t1\tsure",
        "01\t1\t\t-3.5\t10\t22.1\tA\t0\t",
        "sub-02\tses-1\t1\t\t\t\tA\t1\t",
    )
    first, second = read_rim_ratings(path, rows)
    assert (first["session"], first["lesion"], first["confidence"]) == ("sub-01_ses-1", "3", "sure")
    assert (second["session"], second["x"], second["rim"], second["line"]) == ("sub-01_ses-1", "-3.5", "0", 3)
    assert "1 ratings of sub-02_ses-1 are left out" in caplog.text


def test_calls_and_numbers_are_read_as_programs_write_them(tmp_path, rows, caplog):
    calls = ["1", "1.0", "TRUE", "Yes", "0", "0.0", "FALSE", "no"]
    lines = [f"sub-01\tses-1\t{number}.0\t\t\t\tA\t{call}\t" for number, call in enumerate(calls, start=1)]
    found = read_rim_ratings(_write(tmp_path, *lines, "sub-01\tses-1\t10\t\t\t\t\tn/a\t"), rows)
    assert [rating["rim"] for rating in found] == ["1"] * 4 + ["0"] * 4
    assert [rating["lesion"] for rating in found] == [str(number) for number in range(1, 9)]
    # a row of the table to fill that nobody filled is no rating and no error
    assert "1 lines without rater and rim are left out" in caplog.text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["sub-03\tses-1\t1\t\t\t\tA\t1\t"], "line 2 rates a session that the cohort does not have"),
        (["sub-01\tses-1\t1\t\t\t\tA\t2\t"], "line 2 has no call"),
        (["sub-01\tses-1\t1\t\t\t\tA\tn/a\t"], "line 2 has no call"),
        (["sub-01\tses-1\t\t1\t\t2\tA\t1\t"], "line 2 names no lesion"),
        (["sub-01\tses-1\t4\t1\t2\t2\tA\t1\t"], "line 2 names no lesion, or names it twice"),
        (["sub-01\tses-1\t4\t\t\t\tA\tmaybe\t"], "line 2 has no call"),
        (["sub-01\tses-1\t4\t\t\t\tA\t\t"], "line 2 has no call"),
        (["sub-01\tses-1\t0\t\t\t\tA\t1\t"], "line 2 has no lesion number"),
        (["sub-01\tses-1\t3.5\t\t\t\tA\t1\t"], "line 2 has no lesion number"),
        (["sub-01\tses-1\t3,0\t\t\t\tA\t1\t"], "line 2 has no lesion number"),
        (["sub-01\tses-1\t\t1,5\t2\t2\tA\t1\t"], "line 2 has no place.*decimal point"),
        (["sub-01\tses-1\t\tnan\t2\t2\tA\t1\t"], "line 2 has no place"),
        (["sub-01\tses-1\t4\t\t\t\t\t1\t"], "line 2 names no participant or no rater"),
        (["sub-01\tses-1\t4\t\t\t\tA\t1\t", "sub-01\tses-1\t04\t\t\t\tA\t0\t"], "lines 2 and 3 are two calls"),
        (
            ["sub-01\tses-1\t4\t\t\t\tAnn\t1\t", "sub-01\tses-1\t5\t\t\t\tann\t0\t"],
            "lines 2 and 3 spell a rater in two",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, rows, lines, message):
    with pytest.raises(InputError, match=message):
        read_rim_ratings(_write(tmp_path, *lines), rows)


def test_a_missing_column_is_named(tmp_path, rows):
    path = tmp_path / "rim_ratings.tsv"
    path.write_text("participant_id\tlesion\trim\n01\t1\t1\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks a column") as error:
        read_rim_ratings(path, rows)
    assert "rater" in error.value.expected


def test_the_checked_table_changes_only_with_its_content_and_goes_with_its_source(tmp_path, rows):
    path, out = _write(tmp_path, "sub-01\tses-1\t3\t\t\t\tA\t1\t"), tmp_path / "checked.tsv"
    update_rim_ratings(path, rows, out)
    before = out.stat().st_mtime_ns
    update_rim_ratings(path, rows, out)
    assert out.stat().st_mtime_ns == before
    path.unlink()
    assert update_rim_ratings(path, rows, out) == []
    assert not out.exists()
