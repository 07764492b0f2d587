"""Tables come back as they were written, in any format, and are the same bytes each time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chiomics.core.tables import write_frame

READ = {
    ".parquet": pd.read_parquet,
    ".tsv": lambda path: pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["n/a"]),
    ".csv": lambda path: pd.read_csv(path, keep_default_na=False, na_values=["n/a"]),
}


@pytest.mark.parametrize("ending", READ)
def test_every_digit_comes_back(tmp_path, ending):
    values = np.array([1 / 3, np.pi * 1e-300, np.nan, -0.1])
    frame = pd.DataFrame({"name": ["a", "", "β", "c,d"], "value": values, "count": [1, 2, 3, 4]}, index=[5, 1, 7, 7])
    path = tmp_path / "made" / f"table{ending}"
    write_frame(frame, path, missing="n/a")
    first = path.read_bytes()
    pd.testing.assert_frame_equal(READ[ending](path), frame.reset_index(drop=True), check_exact=True, check_dtype=False)
    write_frame(frame, path, missing="n/a")
    assert path.read_bytes() == first
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.parquet"
    write_frame(pd.DataFrame({"a": [1]}), path)
    first = path.read_bytes()
    with pytest.raises(Exception, match="object"):
        write_frame(pd.DataFrame({"a": [1, object()]}), path)
    assert path.read_bytes() == first
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("text", ['=HYPERLINK("http://x","y")', "@SUM(A1)", "-2+3+cmd|' /C calc'!A0", " =1", "+A(1)"])
@pytest.mark.parametrize("kind", [object, "category"])
def test_no_cell_is_a_formula_of_a_spreadsheet(tmp_path, text, kind):
    write_frame(pd.DataFrame({"group": pd.Series([text], dtype=kind), "value": [-1.0]}), tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text().splitlines()[1].lstrip('"').startswith("'" + text[:3].replace('"', '""'))


@pytest.mark.parametrize("text", ["-", "+", "-1.5", "+3e-4", "MS", "a=b", "", "sub-01"])
def test_signs_and_numbers_stay(tmp_path, text):
    write_frame(pd.DataFrame({"mark": [text], "n": [1]}), tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_text() == f"mark\tn\n{text}\t1\n"
