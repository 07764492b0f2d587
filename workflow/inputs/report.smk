"""What the pages of the site are made from, and where they lie."""

#: A session's page, its facts for the cohort's table, and the scripts of its volumes.
SITE_PAGE = "results/site/{folder}/{subject}{run}.html"
SITE_FACTS = "results/site/{folder}/{subject}{run}.json"
SITE_VOLUMES = "results/site/{folder}/{subject}{run}_volumes"
SITE_ON_FAILURE = ON_FAILURE | {"settings": {"site": config["site"]}, "stage": "site"}
#: What a page says of a session that the manifest has.
SITE_COLUMNS = (
    *("session", "participant_id", "session_id", "run", "status", "reason", "warnings", "without", "accepted"),
    *("input_kind", "n_echoes", "field_strength", "shape", "voxel_size", "group"),
)
#: The manifest's rows by key, those of left-out sessions as well: each gets its page, with the reason.
ROW_OF = {row["session"]: row for row in ROWS}


def site_session(wildcards):
    """Return the manifest's row of a page."""
    return ROW_OF[wildcards.subject + wildcards.run]


def site_row(wildcards):
    """Return what a page says of its session."""
    row = site_session(wildcards)
    return {key: row.get(key, "") for key in SITE_COLUMNS}  # a data set need not have groups


def site_is_simulated(wildcards):
    """Return whether the session of a page is of a simulated subject."""
    return bool(site_session(wildcards)["simulated"])


def is_mapped(row):
    """Return whether a session has χ maps that the pages show."""
    return row["session"] in SESSIONS and "site" not in row["without"]


def of_session(row, *patterns):
    """Fill a session's names into patterns."""
    return [pattern.format(**session_wildcards(row)) for pattern in patterns]


def site_input(name, wildcards):
    """Return one kind of file that a session's page shows, nothing where it has none."""
    row = site_session(wildcards)
    if row["session"] in STRUCTURAL_SESSIONS and "site" not in row["without"]:
        found = {"anatomy": STRUCTURAL_RESULTS["sidecar"], "pictures": STRUCTURAL_FIGURE}.get(name)
        return of_session(row, found) if found else []
    if not is_mapped(row):
        return []
    made = row["input_kind"] != "chi_map"
    results = qsm_results(tuple(echo_sets_of(row)), has_r2star(row)) if made else {}
    if name in ("chi", "brain", "valid", "maps"):
        functions = {"chi": reference_chi, "brain": brain_mask_of, "valid": valid_mask, "maps": chi_maps}
        return functions[name](wildcards)
    if name in ("r2star", "reference", "quality", "quality_table", "local_field", "chi_sidecar"):
        keys = {"reference": "reference_mask", "quality": "quality_map", "local_field": "local_fields"}
        keys["chi_sidecar"] = "map_sidecars"
        found = results.get(keys.get(name, name), [])
        return of_session(row, *([found] if isinstance(found, str) else found[:1]))
    if name == "pictures":
        return of_session(row, *[QSM_FIGURE] * made, *[ANATOMY_FIGURE] * has_anatomy(row))
    if not has_anatomy(row):
        return []
    regions, labels = anatomy_results(structural_images(row)), {"nuclei": "dgm"}
    if name == "tracts":
        return of_session(row, *regions["tracts"])
    if name in STRUCTURAL_IMAGES:
        return of_session(row, *filter(None, [regions.get(f"gre_{name}")]))
    if name == "anatomy":
        return of_session(row, regions["sidecar"])
    if name == "rims":
        return [] if "rims" in row["without"] else of_session(row, session_lesions()["table"])
    kind, _, part = name.partition("_")
    return of_session(row, regions[f"{labels.get(kind, kind)}_{part or 'labels'}"])


#: Kinds of files that a session's page shows.
SITE_INPUTS = (
    *("chi", "brain", "valid", "r2star", "reference", "quality", "quality_table", "local_field", "chi_sidecar", "maps"),
    *("pictures", "anatomy"),
    *("T1w", "FLAIR", "tissue", "tissue_table", "nuclei", "nuclei_table", "lesions", "nawm", "tracts", "rims"),
)


def site_inputs(wildcards):
    """Return all files that a session's page shows, by kind: one function, for each costs every plan its time."""
    return {name: site_input(name, wildcards) for name in SITE_INPUTS}


def shows_volumes(wildcards):
    """Return whether a session's page has a viewer: all, those that lack something, or none."""
    row = site_session(wildcards)
    is_failed = row["status"] == "excluded" or bool(set(row["without"]) - MISSING_ATLASES)
    return {"all": True, "failed": is_failed, "none": False}[config["site"]["volumes"]]


def site_megabytes(wildcards, attempt):
    """Memory of a page: a few copies of a volume at a time, more at every retry."""
    shape = site_session(wildcards)["shape"] or [1, 1, 1]
    return int(attempt * (MIN_MEGABYTES + 12 * shape[0] * shape[1] * shape[2] * 4 / 1e6))


def failure_digest(wildcards):
    """Condense the record of what failed of a session, which its page repeats."""
    path = os.path.join(ON_FAILURE["failed_dir"], f"{wildcards.subject}{wildcards.run}.json")
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8") as record:
        return digest(record.read())


def site_facts(wildcards):
    """Return the facts of every session of the manifest."""
    return [SITE_FACTS.format(**session_wildcards(row)) for row in ROWS]


def site_outliers():
    """Return the tables of the cohort's anatomy, which say what stands out."""
    tables = ["results/qc/anatomy.tsv"] if anatomy_sessions() else []
    return tables + (["results/qc/anatomy_T1w.tsv"] if STRUCTURAL_SESSIONS else [])


def site_pictures():
    """Return the pictures of the cohort."""
    pictures = [path.replace(".tsv", ".png") for path in site_outliers()]
    pictures += ["results/qc/chi_atlas.png"] if chi_atlas_targets() else []
    return pictures + (["results/qc/radiomics_features.png"] if radiomics_sessions() else [])


def site_lacks():
    """Say what this run cannot have."""
    return [f"No {kind}: the atlas {atlas_named(kind)} is not at hand." for kind in sorted(MISSING_ATLASES)]


def lacks_of(paper):
    """Say what the cohort lacks for a paper, in a job as well: its page lists what is not made."""
    return LACKING[paper] if paper in LACKING and workflow.is_main_process else PAPER_RECORDS[paper].lacking()


def served_papers():
    """Return the papers that this run makes."""
    return [paper for paper in PAPERS if config["papers"][paper]["include"] == True or not lacks_of(paper)]


def site_papers(wildcards):
    """Return the pages of the papers that this run makes."""
    return [f"results/site/papers/{paper}.html" for paper in served_papers()]


def site_paper_titles(wildcards):
    """Return key and title of those papers."""
    return [[paper, PAPER_RECORDS[paper].title] for paper in served_papers()]


def site_papers_left_out(wildcards):
    """Say which papers are not made, and why."""
    served = served_papers()
    return [f"{record.title}: {why_left_out(key)}." for key, record in PAPER_RECORDS.items() if key not in served]


def site_files_of_paper(wildcards):
    """Return the files of the paper of a page."""
    return paper_targets(wildcards.paper)


def site_title(wildcards):
    """Return the title of the paper of a page."""
    return PAPER_RECORDS[wildcards.paper].title


def site_wing(wildcards):
    """Return the package of the paper of a page, which knows what its files show."""
    return PAPER_RECORDS[wildcards.paper].wing


def methods_maps():
    """Return the sidecars of all maps that this workflow makes."""
    return [
        derivative("Chimap", ".json", rec=rec, desc=desc).format(**session_wildcards(row))
        for row in qsm_sessions()
        for rec, desc in map_names(row)
        if rec != "given"
    ]


def methods_anatomy():
    """Return the sidecars of all sessions' regions."""
    found = [path for row in anatomy_sessions() for path in of_session(row, anatomy_results()["sidecar"])]
    structural = STRUCTURAL_SESSIONS.values()
    return found + [path for row in structural for path in of_session(row, STRUCTURAL_RESULTS["sidecar"])]


def methods_features():
    """Return the tables of features, which have their sidecars beside them."""
    return [path for row in radiomics_sessions() for path in tables_of_row(row)]


def methods_papers(wildcards):
    """Return the keys of the studies that this run makes."""
    return served_papers()
