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


rule site:
    """Write the pages to look through: the cohort, each session with its volumes, verdicts, lesions, and the papers."""
    input:
        "results/index.html",
        site_papers,
        "results/methods.md",


rule show_session:
    """Write the page of one session, with small copies of its volumes for the viewer."""
    input:
        unpack(site_inputs),
    output:
        page=SITE_PAGE,
        facts=SITE_FACTS,
        volumes=directory(SITE_VOLUMES),
    log:
        job_file("logs", "show_session", ".log"),
    benchmark:
        job_file("benchmarks", "show_session", ".tsv")
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=site_megabytes,
        runtime=30,
    params:
        row=site_row,
        on_failure=SITE_ON_FAILURE,
        record=failure_digest,
        with_volumes=shows_volumes,
        simulated=site_is_simulated,
    script:
        "../../scripts/report/show_session.py"


rule show_paper:
    """Write the page of one study: its README, tables and figures."""
    input:
        site_files_of_paper,
    output:
        page="results/site/papers/{paper}.html",
    log:
        "results/logs/show_paper_{paper}.log",
    localrule: True
    conda:
        "../../envs/report.yaml"
    params:
        title=site_title,
        wing=site_wing,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/report/show_paper.py"


rule write_methods:
    """Write the methods of this run for a manuscript, with citations of what was really used."""
    input:
        maps=when_asked(methods_maps),
        anatomy=when_asked(methods_anatomy),
        features=when_asked(methods_features),
    output:
        text="results/methods.md",
        bibliography="results/methods.bib",
    log:
        "results/logs/write_methods.log",
    benchmark:
        "results/benchmarks/write_methods.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=1500,
        runtime=20,
    params:
        sessions=len(SESSIONS) + len(STRUCTURAL_SESSIONS),
        left_out=len(ROWS) - len(SESSIONS) - len(STRUCTURAL_SESSIONS),
        papers=methods_papers,
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/report/write_methods.py"


rule show_cohort:
    """Write the pages of the cohort: table, strip plots, verdicts, candidates of rim lesions, and what all pages share."""
    input:
        facts=site_facts,
        outliers=site_outliers(),
        pictures=site_pictures(),
        methods="results/methods.md",
        predicted="results/rims/predicted/lesions.tsv" if config["rims"]["model"] else [],
    output:
        index="results/index.html",
        verdicts="results/site/verdicts.html",
        lesions="results/site/lesions.html",
        data="results/site/cohort.js",
        table="results/site/cohort.tsv",
        assets=directory("results/site/assets"),
    log:
        "results/logs/show_cohort.log",
    benchmark:
        "results/benchmarks/show_cohort.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        cohort=name_of_cohort,
        papers=site_paper_titles,
        papers_left_out=site_papers_left_out,
        lacks=site_lacks(),
        simulated=FROM_SIMULATED,
    script:
        "../../scripts/report/show_cohort.py"
