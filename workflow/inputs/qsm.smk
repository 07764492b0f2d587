"""What the QSM stage reads and makes, session by session."""

import json

from chiomics.core.files import write_text

#: Echo sets that one job made of a session, with its masks: sets that are chosen later are made beside them.
MADE_TOGETHER = "results/.echo_sets.json"
QSM_FIGURE = "results/qc/{folder}/{subject}{run}_qsm.png"
#: Rules that are made for each group of sessions.
QSM_RULES = ("reconstruct_qsm", "mask_brain", "unwrap_phase", "remove_background", "invert_dipole", "plot_qsm")
QSM_SETTINGS = (
    "brain_mask",
    "brain_volume",
    "preset",
    "phase",
    "bipolar",
    "inversions",
    "parameters",
    "data_weights",
    "reference",
    "backend",
)


def gre_files(wildcards):
    """Return a session's gradient-echo images by the part that they hold."""
    return {part: inputs_of(wildcards, part) for part in ("magnitude", "phase", "real", "imaginary")}


def gre_parameters(wildcards):
    """Return what a job has to know of a session's acquisition."""
    row = session_of(wildcards)
    return {
        "kind": row["input_kind"],
        "echo_times": row["echo_times"],
        "field_strength": row["field_strength"],
        "phase_scale": config["qsm"]["phase_scale"],
        "phase_sign": config["qsm"]["phase_sign"],
    }


def echo_sets_of(row):
    """Return the configured echo sets that a session can serve, as echo numbers from 1; "all" always exists."""
    echoes = [1] if row["input_kind"] == "phase_difference" else list(range(1, row["n_echoes"] + 1))
    configured = config["qsm"]["echo_sets"].items()
    return in_order({"all": echoes} | {name: numbers for name, numbers in configured if set(numbers) <= set(echoes)})


def in_order(sets):
    """Return echo sets in one order, that of the configuration or of a record being no cause to make maps again."""
    return dict(sorted(sets.items(), key=lambda item: (item[0] != "all", -len(item[1]), item[0])))


def read_made_together():
    """Read which echo sets one job made, by session; in the main process of those alone whose results are there."""
    try:
        with open(MADE_TOGETHER, encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return {}
    if not workflow.is_main_process or KEEP_MANIFEST in os.environ:
        return record
    masks = {
        key: derivative("mask", desc="qsm").format(**session_wildcards(row)).removeprefix("results/")
        for key, row in SESSIONS.items()
        if key in record
    }
    places = ("results", "results/attic")
    lost = {key for key, mask in masks.items() if not any(os.path.exists(f"{place}/{mask}") for place in places)}
    return {key: sets for key, sets in record.items() if key not in lost}


RECORDED_SETS = {} if config["features"] else read_made_together()


def write_made_together():
    """Record which echo sets one job makes of every session, for its jobs and for later runs."""
    record = RECORDED_SETS | {row["session"]: first_sets_of(row) for row in qsm_sessions()}
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    if not os.path.exists(MADE_TOGETHER) or record != read_made_together():
        write_text(MADE_TOGETHER, text)


if not config["features"] and workflow.is_main_process and KEEP_MANIFEST not in os.environ:
    DEFERRED.append(write_made_together)


def first_sets_of(row):
    """Return the echo sets that one job makes with a session's masks: those of the first run, as they are set now."""
    wanted = echo_sets_of(row)
    recorded = RECORDED_SETS.get(row["session"], wanted)
    kept = {name: wanted.get(name, numbers) for name, numbers in recorded.items()}
    return in_order({name: numbers for name, numbers in kept.items() if set(numbers) <= set(wanted["all"])})


def added_set_of_job(wildcards):
    """Return the echo set that a job adds, after that of all echoes, which every other starts from."""
    sets = echo_sets_of(session_of(wildcards))
    return {name: sets[name] for name in ("all", wildcards.echo_set)}


def first_sets_of_job(wildcards):
    """Return the echo sets that one job makes of its session."""
    return first_sets_of(session_of(wildcards))


def added_maps(row):
    """Name the maps of a session that are made beside those of the first inversion and the first run's echo sets."""
    first, inversions = first_sets_of(row), config["qsm"]["inversions"]
    pairs = [(inversion, name) for inversion in inversions for name in echo_sets_of(row)]
    return [(inversion, name) for inversion, name in pairs if inversion != inversions[0] or name not in first]


def inversion_settings(wildcards=None):
    """Return the settings of the maps of one inversion: the first, or that of a job which adds a map."""
    inversion = config["qsm"]["inversions"][0] if wildcards is None else wildcards.inversion
    parameters = {key: value for key, value in config["qsm"]["parameters"].items() if key == inversion}
    return {key: config["qsm"][key] for key in QSM_SETTINGS} | {"inversions": [inversion], "parameters": parameters}


def has_r2star(row):
    """Return whether R2* can be fitted: it takes three echoes."""
    return row["input_kind"] != "phase_difference" and row["n_echoes"] >= 3


def qsm_sessions():
    """Return the sessions with phase; those with nothing but a susceptibility map start after this stage."""
    return [row for row in SESSIONS.values() if row["input_kind"] != "chi_map"]


def finds_brain_alone(row):
    """Return whether a map of the user's own comes without a brain mask, but with a magnitude to find the brain on."""
    return row["input_kind"] == "chi_map" and bool(row["magnitude"]) and not row["brain_mask"]


def qsm_groups():
    """Group the sessions by what the rules of the QSM stage write for them, since a rule's outputs are fixed.

    One group in most cohorts. Gives for each the suffix of its rules' names, the names of its echo sets, whether R2* can
    be fitted, and whether one job takes all steps.
    """
    groups = defaultdict(list)
    for row in qsm_sessions():
        groups[tuple(first_sets_of(row)), has_r2star(row), in_one_job(row)].append(row)
    for number, ((sets, r2star, one_job), rows) in enumerate(groups.items(), start=1):
        suffix = f"_{number}" if len(groups) > 1 else ""
        serve_only([f"{name}{suffix}" for name in QSM_RULES], rows)
        yield suffix, sets, r2star, one_job


@cache
def qsm_results(sets, r2star):
    """Name what the QSM stage keeps for a session with these echo sets, of the first inversion."""
    maps = [(config["qsm"]["inversions"][0], name) for name in sets]
    paths = {
        "brain_mask": derivative("mask", desc="brain"),
        "brain_sidecar": derivative("mask", ".json", desc="brain"),
        "local_fields": [derivative("fieldmap", desc=name) for name in sets],
        "field_sidecars": [derivative("fieldmap", ".json", desc=name) for name in sets],
        "weights": [derivative("weights", desc=name) for name in sets],
        "weight_sidecars": [derivative("weights", ".json", desc=name) for name in sets],
        "mask": derivative("mask", desc="qsm"),
        "mask_sidecar": derivative("mask", ".json", desc="qsm"),
        "quality_map": derivative("dseg", desc="quality"),
        "quality_sidecar": derivative("dseg", ".json", desc="quality"),
        "quality_table": derivative("dseg", ".tsv", desc="quality"),
        "maps": [derivative("Chimap", rec=inversion, desc=name) for inversion, name in maps],
        "map_sidecars": [derivative("Chimap", ".json", rec=inversion, desc=name) for inversion, name in maps],
        "reference_mask": derivative("mask", desc="reference"),
        "reference_sidecar": derivative("mask", ".json", desc="reference"),
    }
    decay = {"r2star": derivative("R2starmap"), "r2star_sidecar": derivative("R2starmap", ".json")}
    return paths | (decay if r2star else {})


def qsm_targets():
    """Return the files that the QSM stage makes for the cohort."""
    targets = []
    for row in qsm_sessions():
        maps = [derivative("Chimap", rec=rec, desc=desc) for rec, desc in map_names(row) if rec != "given"]
        kept = [derivative("mask", desc="qsm"), derivative("dseg", desc="quality")]
        kept += [derivative("R2starmap")] if has_r2star(row) else []
        targets += [path.format(**session_wildcards(row)) for path in [*maps, *kept, QSM_FIGURE]]
    return targets


def map_or_reason(targets):
    """Return targets that start from a map; where no session has one, a function that says why to whoever asks for them."""

    def say_reason(wildcards):
        reasons = [f"{key}: {row['reason']}" for key, row in STRUCTURAL_SESSIONS.items()]
        more = f"; {len(reasons) - 1} more in {MANIFEST}" if len(reasons) > 1 else ""
        raise WorkflowError(f"no χ map can be made; {reasons[0]}{more}")

    return say_reason if STRUCTURAL_SESSIONS and not SESSIONS else targets


def of_echo_set(suffix, extension=".nii.gz", **entities):
    """Name a file of one echo set, with the set as a wildcard, and INVERSION as another."""
    path = derivative(suffix, extension, desc="ECHOSET", **entities)
    return path.replace("ECHOSET", "{echo_set}").replace("INVERSION", "{inversion}")


def log_skipped_echo_sets():
    """Say which sessions lack the echoes of a configured set."""
    for name, numbers in config["qsm"]["echo_sets"].items():
        without = [row["session"] for row in qsm_sessions() if name not in echo_sets_of(row)]
        if without:
            shown = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
            logger.info(f"echo set {name} {numbers} is skipped for {len(without)} sessions with fewer echoes: {shown}")


def map_names(row):
    """Name a session's χ maps by inversion and echo set; one of the user's own goes by its place in both."""
    inversions = config["qsm"]["inversions"] if row["input_kind"] != "chi_map" else []
    names = [[inversion, echo_set] for inversion in inversions for echo_set in echo_sets_of(row)]
    return names + ([["given", "given"]] if row["chi_map"] else [])


def map_names_of_job(wildcards):
    """Name the χ maps of a job's session."""
    return map_names(session_of(wildcards))


def chi_maps(wildcards):
    """Return a session's χ maps in the order of their names."""
    made = [name for name in map_names_of_job(wildcards) if name[0] != "given"]
    paths = [derivative("Chimap", rec=inversion, desc=echo_set) for inversion, echo_set in made]
    return [path.format(**wildcards) for path in paths] + inputs_of(wildcards, "chi_map")


def r2star_of(wildcards):
    """Return the R2* map of a session that has one."""
    row = session_of(wildcards)
    made = row["input_kind"] != "chi_map" and has_r2star(row)
    return derivative("R2starmap").format(**wildcards) if made else []


def valid_mask(wildcards):
    """Return the mask in which all maps hold values: the QSM stage's, else the user's brain mask."""
    if session_of(wildcards)["input_kind"] != "chi_map":
        return derivative("mask", desc="qsm").format(**wildcards)
    return inputs_of(wildcards, "brain_mask")
