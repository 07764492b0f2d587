"""What each stage reads and makes, session by session: the input functions and targets of the rules."""

from chiomics.index.manifest import COLUMNS as MANIFEST_COLUMNS


def phantom_files(participant):
    """Name the files of one simulated subject, which are the same for all but the participant."""
    return [
        f"{COHORT}/{path}".replace(subject.participant_id, participant)
        for subject in SUBJECTS[:1]
        for path in (*subject.files, *subject.truth_files)
    ]


def phantom_targets():
    """Give the files of the simulated cohort."""
    of_subjects = [path for subject in SUBJECTS for path in phantom_files(subject.participant_id)]
    return of_subjects + [f"{COHORT}/participants.tsv"] if SIMULATED else []


def gre_files(wildcards):
    """Give a session's gradient-echo images by the part that they hold."""
    return {part: inputs_of(wildcards, part) for part in ("magnitude", "phase", "real", "imaginary")}


def gre_parameters(wildcards):
    """Give what a job has to know of a session's acquisition."""
    row = session_of(wildcards)
    return {
        "kind": row["input_kind"],
        "echo_times": row["echo_times"],
        "field_strength": row["field_strength"],
        "phase_scale": config["qsm"]["phase_scale"],
        "phase_sign": config["qsm"]["phase_sign"],
    }


def echo_sets_of(row):
    """Give the configured echo sets that a session can serve, as echo numbers from 1; "all" always exists."""
    echoes = [1] if row["input_kind"] == "phase_difference" else list(range(1, row["n_echoes"] + 1))
    configured = config["qsm"]["echo_sets"].items()
    return {"all": echoes} | {name: numbers for name, numbers in configured if set(numbers) <= set(echoes)}


def echo_sets_of_job(wildcards):
    """Give the echo sets of a job's session."""
    return echo_sets_of(session_of(wildcards))


def has_r2star(row):
    """Say whether R2* can be fitted: it takes three echoes."""
    return row["input_kind"] != "phase_difference" and row["n_echoes"] >= 3


def in_one_job(row):
    """Say whether a session is small enough for one job to take all steps of a stage."""
    nx, ny, nz = row["shape"]
    return nx * ny * nz < config["one_job_below"]


def qsm_sessions():
    """Give the sessions with phase; those with nothing but a susceptibility map start after this stage."""
    return [row for row in SESSIONS.values() if row["input_kind"] != "chi_map"]


def qsm_groups():
    """Group the sessions by what the rules of the QSM stage write for them, since a rule's outputs are fixed.

    One group in most cohorts. Gives for each the suffix of its rules' names, the names of its echo sets, whether R2* can
    be fitted, whether one job takes all steps, and a pattern for the folder wildcard.
    """
    groups = defaultdict(list)
    for row in qsm_sessions():
        groups[tuple(echo_sets_of(row)), has_r2star(row), in_one_job(row)].append(row)
    for number, ((sets, r2star, one_job), rows) in enumerate(groups.items(), start=1):
        yield (f"_{number}" if len(groups) > 1 else ""), sets, r2star, one_job, folder_pattern(rows)


def folder_pattern(rows):
    """Write a pattern for the folder wildcard that holds for these sessions and runs only."""
    names = [session_wildcards(row) for row in rows]
    return "|".join(re.escape(name["folder"]) + (f"(?=/.*{name['run']}[_.])" if name["run"] else "") for name in names)


def qsm_results(sets, r2star):
    """Name what the QSM stage keeps for a session with these echo sets."""
    maps = [(inversion, name) for inversion in config["qsm"]["inversions"] for name in sets]
    paths = {
        "brain_mask": derivative("mask", desc="brain"),
        "brain_sidecar": derivative("mask", ".json", desc="brain"),
        "local_fields": [derivative("fieldmap", desc=name) for name in sets],
        "field_sidecars": [derivative("fieldmap", ".json", desc=name) for name in sets],
        "weights": derivative("weights", desc="local"),
        "mask": derivative("mask", desc="qsm"),
        "maps": [derivative("Chimap", rec=inversion, desc=name) for inversion, name in maps],
        "map_sidecars": [derivative("Chimap", ".json", rec=inversion, desc=name) for inversion, name in maps],
        "reference_mask": derivative("mask", desc="reference"),
    }
    return paths | ({"r2star": derivative("R2starmap")} if r2star else {})


def qsm_targets():
    """Give the files that the QSM stage makes for the cohort."""
    targets = []
    for row in qsm_sessions():
        results = qsm_results(echo_sets_of(row), has_r2star(row))
        targets += [path.format(**session_wildcards(row)) for path in [*results["maps"], QSM_FIGURE]]
    return targets


def qsm_figure():
    """Name the picture of a session, as it goes into the report."""
    return report(QSM_FIGURE, caption="../report/qsm.rst", category="QSM", labels={"session": "{subject}{run}"})


def log_skipped_echo_sets():
    """Say which sessions lack the echoes of a configured set."""
    for name, numbers in config["qsm"]["echo_sets"].items():
        without = [row["session"] for row in qsm_sessions() if name not in echo_sets_of(row)]
        if without:
            shown = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
            logger.info(f"echo set {name} {numbers} is skipped for {len(without)} sessions with fewer echoes: {shown}")


QSM_FIGURE = "results/qc/{folder}/{subject}{run}_qsm.png"
QSM_SETTINGS = (
    "brain_mask",
    "preset",
    "phase",
    "bipolar",
    "inversions",
    "parameters",
    "data_weights",
    "reference",
    "backend",
)

if workflow.is_main_process:
    log_skipped_echo_sets()


FEATURES = derivative("features", ".parquet", datatype="radiomics")
RADIOMICS_FIGURE = "results/qc/{folder}/{subject}{run}_radiomics.png"


def has_anatomy(row):
    """Say whether the anatomy stage maps a session: it takes a magnitude to register."""
    return bool(row["magnitude"] or row["real"])


def map_names(row):
    """Name a session's χ maps by inversion and echo set; one of the user's own goes by its place in both."""
    inversions = config["qsm"]["inversions"] if row["input_kind"] != "chi_map" else []
    names = [[inversion, echo_set] for inversion in inversions for echo_set in echo_sets_of(row)]
    return names + ([["given", "given"]] if row["chi_map"] else [])


def map_names_of_job(wildcards):
    """Name the χ maps of a job's session."""
    return map_names(session_of(wildcards))


def chi_maps(wildcards):
    """Give a session's χ maps in the order of their names."""
    made = [name for name in map_names_of_job(wildcards) if name[0] != "given"]
    paths = [derivative("Chimap", rec=inversion, desc=echo_set) for inversion, echo_set in made]
    return [path.format(**wildcards) for path in paths] + inputs_of(wildcards, "chi_map")


def r2star_of(wildcards):
    """Give the R2* map of a session that has one."""
    row = session_of(wildcards)
    made = row["input_kind"] != "chi_map" and has_r2star(row)
    return derivative("R2starmap").format(**wildcards) if made else []


def valid_mask(wildcards):
    """Give the mask in which all maps hold values: the QSM stage's, else the user's brain mask."""
    if session_of(wildcards)["input_kind"] != "chi_map":
        return derivative("mask", desc="qsm").format(**wildcards)
    return inputs_of(wildcards, "brain_mask")


def voi_files(wildcards):
    """Give a session's masks and label images: those of the anatomy stage, and the user's own."""
    own = inputs_of(wildcards, "voi_labels")
    if not has_anatomy(session_of(wildcards)):
        return own
    results = anatomy_results()
    labels = [results[f"{name}_labels"] for name in ("dgm", "lesions", "nawm")]
    return [path.format(**wildcards) for path in (*labels, *results["tracts"])] + own


def label_tables(wildcards):
    """Give the tables beside the label images, which name their labels."""
    if not has_anatomy(session_of(wildcards)):
        return []
    return [anatomy_results()[f"{name}_table"].format(**wildcards) for name in ("dgm", "lesions", "nawm")]


def reference_of(wildcards):
    """Give the sidecar of the reference that the radiomics stage subtracts, none where the map's own serves."""
    if config["radiomics"]["reference"] == "qsm":
        return []
    return anatomy_results()["reference"].format(**wildcards)


def session_identity(wildcards):
    """Give the columns that name a session and its group: those of participants.tsv besides."""
    row = session_of(wildcards)
    names = {"participant": row["participant_id"], "session": row["session_id"], "run": row["run"]}
    return names | {key: str(row[key]) for key in row if key not in MANIFEST_COLUMNS and key not in names}


def radiomics_sessions():
    """Give the sessions that have volumes of interest."""
    return [row for row in SESSIONS.values() if row["voi_labels"] or has_anatomy(row)]


def feature_tables(wildcards=None):
    """Give the feature tables of the cohort."""
    return [FEATURES.format(**session_wildcards(row)) for row in radiomics_sessions()]


def radiomics_targets():
    """Give what the radiomics stage makes for the cohort."""
    if not radiomics_sessions():
        return []
    cohort = ["results/qc/radiomics_features.png"]
    return feature_tables() + cohort + (["results/radiomics/features.tsv"] if config["radiomics"]["wide_table"] else [])
