"""Figure 1: the rules that led to the study's results, from the workflow's own graph."""

from pathlib import Path

from chiomics.core.figures import save_figure
from chiomics.core.logs import start_log
from chiomics.core.rule_graph import draw_workflow, upstream_of

log = start_log(snakemake.log[0])
stages = {path.stem: path.parent.name for path in Path(snakemake.scriptdir).parent.glob("*/*.py")}
edges = upstream_of([tuple(edge) for edge in snakemake.params.edges], snakemake.rule)
figure = draw_workflow(edges, stages=stages)
save_figure(figure, snakemake.output.png, snakemake.output.svg, simulated=snakemake.params.simulated)
log.info("%d rules, %d arrows", len({name for edge in edges for name in edge}), len(edges))
