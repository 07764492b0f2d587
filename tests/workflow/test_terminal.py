"""What Snakemake shows at the terminal: lines that can be read, and targets that a user calls."""

from __future__ import annotations

import re

from tests.workflow.conftest import ROOT


def test_the_list_has_what_a_user_calls_and_no_step_between(workflow):
    names = {line.split(" (")[0] for line in workflow().run(options=("--list",)).stdout.splitlines()}
    assert names >= {"all", "qsm", "anatomy", "radiomics", "site", "prune", "fiscone2023", "yan2021", "predict_rims"}
    text = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    rules = dict(re.findall(r"^rule (\w+):\n((?:(?:[ ].*)?\n)*)", text, re.MULTILINE))
    steps = {name for name, body in rules.items() if "output:" in body and "script:" in body}
    assert {"average_chi", "gather_cohort"} <= steps
    assert not names & (steps - {"predict_rims", "predict_flair"})


def test_lines_about_files_are_cut_at_the_terminal(workflow):
    planned = workflow().run(options=("--dry-run",))
    assert planned.returncode == 0, planned.stderr
    told = [line for line in planned.stderr.splitlines() + planned.stdout.splitlines() if line.startswith("    ")]
    # 240 characters and a count; rules of the summary at the end stand in a line of their own, further in
    assert max(len(line) for line in told if not line.startswith("     ")) < 300
    assert any(re.search(r", \.\.\. \(\d+ more\)$", line) for line in told)
