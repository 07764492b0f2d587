"""A cohort of simulated and measured sessions: each page by its own session, the cohort's texts with the number."""

from __future__ import annotations

from tests.bids_trees import GRE, make_bids_tree, multi_echo


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
