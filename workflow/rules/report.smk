"""Report: what speaks of the workflow itself."""

for paper, figure in WORKFLOW_FIGURES.items():

    rule:
        """Draw the rules that lead to a study's results, from the workflow's own graph."""
        name:
            f"draw_workflow_{paper}"
        output:
            png=report(f"results/papers/{paper}/{figure}.png", caption=f"../report/{paper}.rst", category=TITLES[paper]),
            svg=f"results/papers/{paper}/{figure}.svg",
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
