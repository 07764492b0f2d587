"""Report: what speaks of the workflow itself."""

for paper, record in PAPER_RECORDS.items():
    if not record.workflow_figure:
        continue

    rule:
        """Draw the rules that lead to a study's results, from the workflow's own graph."""
        name:
            f"draw_workflow_{paper}"
        output:
            png=report(
                f"results/papers/{paper}/{record.workflow_figure}.png",
                caption=f"../report/{paper}.rst",
                category=record.title,
            ),
            svg=f"results/papers/{paper}/{record.workflow_figure}.svg",
        log:
            f"results/logs/draw_workflow_{paper}.log",
        localrule: True
        conda:
            "../../envs/statistics.yaml"
        params:
            target=paper,
            simulated=FROM_SIMULATED,
        script:
            "../../scripts/report/draw_workflow.py"
