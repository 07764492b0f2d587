"""The rules that lead to a study's results, from the workflow's own graph."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from chiomics.core.figures import save_figure
from chiomics.core.logs import start_log
from chiomics.report.workflow_figure import draw_workflow, read_rule_graph, upstream_of

log = start_log(snakemake.log[0])
root, target = Path(snakemake.scriptdir).parents[1], snakemake.params.target
scripts = sorted(root.glob("scripts/*/*.py"))
stages = {path.stem: path.parent.name for path in scripts}
about = {path.stem: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in scripts}
about = {rule: text.partition("\n")[0] for rule, text in about.items()}
with TemporaryDirectory() as folder:
    configuration = Path(folder, "config.json")
    # "simulated" is no setting: the workflow adds it for the report's front page.
    given = {key: value for key, value in snakemake.config.items() if key != "simulated"}
    configuration.write_text(json.dumps(given), encoding="utf-8")
    asked = ["--rulegraph", "--forceall", "--snakefile", str(root / "Snakefile"), "--configfile", str(configuration)]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *asked, "--", target], capture_output=True, text=True, check=False,
        env=os.environ | {"CHIOMICS_KEEP_MANIFEST": "1"},
    )  # fmt: skip
if done.returncode:
    raise RuntimeError(f"the workflow's graph cannot be had: {done.stderr[-2000:]}")
edges = upstream_of(read_rule_graph(done.stdout), target)
save_figure(
    draw_workflow(edges, stages=stages, about=about), snakemake.output.png, snakemake.output.svg,
    simulated=snakemake.params.simulated,
)  # fmt: skip
log.info("%d rules, %d arrows", len({name for edge in edges for name in edge}), len(edges))
