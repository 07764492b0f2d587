"""A cohort of simulated and measured sessions: each page by its own session, the cohort's texts with the number."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chiomics.core.features.simulated import SIMULATED_KEY
from tests.bids_trees import GRE, make_bids_tree, multi_echo
from tests.core.features.tables import tidy_table


def test_the_mark_follows_each_session(workflow, tmp_path):
    simulated = {"Simulated": True}
    make_bids_tree(
        tmp_path / "raw",
        multi_echo("01")
        | {
            "sub-02/anat/{name}_echo-{1,2,3}_part-{mag,phase}_MEGRE": GRE | simulated,
            "sub-03/anat/{name}_FLAIR": simulated,
            "sub-04/anat/{name}_FLAIR": {},
        },
    )
    run = workflow(tmp_path / "raw")
    # Pages of sessions that were left out are made without maps, in seconds.
    pages = {name: f"results/site/{name}/{name}.html" for name in ("sub-03", "sub-04")}
    done = run.run(*pages.values())
    assert done.returncode == 0, done.stderr
    marked = {name for name, page in pages.items() if "SIMULATED SUBJECTS" in (run.folder / page).read_text("utf-8")}
    assert marked == {"sub-03"}
    assert "1 of 2 sessions are of simulated subjects" in (run.folder / "results/README").read_text("utf-8")


@pytest.mark.parametrize(
    ("which", "said"),
    [("real", ""), ("*", "1 of 2 tables of features"), ("simulated", "All subjects in this report")],
)
def test_the_reports_front_page_says_of_tables_of_features_what_they_say_themselves(workflow, tmp_path, which, said):
    table = pa.Table.from_pandas(tidy_table(vois=("RN",)))
    pq.write_table(table, tmp_path / "real.parquet")
    pq.write_table(table.replace_schema_metadata({SIMULATED_KEY: b"true"}), tmp_path / "simulated.parquet")
    run = workflow()
    report = run.folder / "report.html"
    given = {"features": str(tmp_path / f"{which}.parquet")}
    done = run.run("prune", config=given, options=("--report", str(report)))  # a target that needs no file
    assert done.returncode == 0, done.stderr
    page = report.read_text("utf-8")
    assert "turns multi-echo gradient-echo MRI" in page
    assert f"{said} are simulated." in page if said else "are simulated." not in page
