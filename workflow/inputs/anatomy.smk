"""What the anatomy stage reads and makes, session by session and for the cohort."""

#: Abbreviations of Yan et al. 2021 and Fiscone et al. 2023.
TRACTS = ("AF", "CST", "FAT", "IFOF", "OR", "UF")
#: Rules that are made for each group of sessions.
ANATOMY_RULES = ("map_anatomy", "segment_anatomy", "trace_tracts", "define_regions")
LABEL_IMAGES = ("tissue", "lesions", "dgm", "nawm")
#: Images that a session may have and that are carried to the GRE's voxels.
STRUCTURAL_IMAGES = ("T1w", "FLAIR")
#: Folder of a session's T1w-space images and transforms.
SEGMENTATION = "results/{folder}/anat/{subject}{run}_segmentation"
#: The same of a session without GRE.
STRUCTURAL_SEGMENTATION = "results/{folder}/anat/{subject}{run}_space-T1w_segmentation"
TRACED = "results/{folder}/anat/{subject}{run}_tracts"
ANATOMY_FIGURE = "results/qc/{folder}/{subject}{run}_anatomy.png"
#: What a step found that its check refused; no output of a rule, since those of a failed job are removed.
FAILURE_PICTURE = "results/qc/failed/{subject}{run}_anatomy.png"
VOLUMES = derivative("volumes", ".tsv", desc="anatomy")
CONSISTENCY = derivative("consistency", ".tsv", desc="anatomy")
#: What a session without GRE gets, on the grid of its T1w.
STRUCTURAL_RESULTS = {
    f"{name}_{part}": derivative("dseg", extension, space="T1w", desc=name)
    for name in ("tissue", "lesions", "nawm")
    for part, extension in (("labels", ".nii.gz"), ("table", ".tsv"), ("sidecar", ".json"))
} | {
    "sidecar": derivative("anatomy", ".json", space="T1w"),
    "volumes": derivative("volumes", ".tsv", space="T1w", desc="anatomy"),
    "consistency": derivative("consistency", ".tsv", space="T1w", desc="anatomy"),
}
STRUCTURAL_FIGURE = "results/qc/{folder}/{subject}{run}_space-T1w_anatomy.png"


def anatomy_sessions():
    """Return the sessions whose anatomy can be mapped: those with a magnitude to register."""
    return [row for row in SESSIONS.values() if has_anatomy(row)]


def left_out_of_anatomy():
    """List the sessions whose anatomy is not mapped, each with the reason."""
    excluded = [(row, row["reason"]) for row in ROWS if row["status"] == "excluded"]
    excluded += [(row, row["warnings"][-1]) for row in SESSIONS.values() if "anatomy" in row["without"]]
    lacks = [
        f"all sessions: no {kind}, for the atlas {atlas_named(kind)} is missing" for kind in sorted(MISSING_ATLASES)
    ]
    return lacks + [f"{row['session']}: {reason}" for row, reason in excluded]


def wants_tracing(row):
    """Return whether a session's tracts are traced on its own diffusion images."""
    wanted = config["anatomy"]["tracts"]["route"] == "diffusion" and "tracts" in atlas_folders()
    return wanted and bool(row["dwi"]) and bool(row["T1w"])


def anatomy_groups():
    """Group the sessions by the jobs that map their anatomy, as `qsm_groups` does."""
    groups = defaultdict(list)
    for row in anatomy_sessions():
        tracing = wants_tracing(row)
        groups[in_one_job(row) and not tracing, tracing, structural_images(row)].append(row)
    for number, ((one_job, tracing, images), rows) in enumerate(groups.items(), start=1):
        suffix = f"_{number}" if len(groups) > 1 else ""
        serve_only([f"{name}{suffix}" for name in ANATOMY_RULES], rows)
        yield suffix, one_job, tracing, images


def structural_images(row):
    """Name the structural images that a session has."""
    return tuple(name for name in STRUCTURAL_IMAGES if row[name])


def structural_files(wildcards):
    """Return the images that a session's anatomy is read from, by kind; none where it has none."""
    columns = ("T1w", "FLAIR", "T1w_mask", "lesion_mask", "lesion_labels", "tissue_labels", "dwi", "bval")
    gre = {part: inputs_of(wildcards, part) for part in ("magnitude", "real", "imaginary")}
    return gre | {column: inputs_of(wildcards, column) for column in columns}


def segmentation_settings(wildcards):
    """Return the section anatomy, with the reason where the index refused the session's own lesions."""
    refused = [text for text in session_of(wildcards)["warnings"] if text.startswith(REFUSED_LESIONS)]
    row = session_of(wildcards)
    if not refused or row["lesion_mask"] or row["lesion_labels"]:
        return ANATOMY
    return ANATOMY | {"refused_lesions": refused[0]}


def notes_on_images(wildcards):
    """Return what the index said of a session's images, for its sidecar and its page."""
    # What an earlier run of the job itself found must not make it run again.
    return [
        text for text in session_of(wildcards)["warnings"] if not text.startswith(("left out of ", "mapped without "))
    ]


def anatomy_on_failure(wildcards):
    """Return where a job remembers that a session's anatomy failed, under which settings and accepted steps."""
    return ANATOMY_ON_FAILURE | {"accepted": session_of(wildcards)["accepted"]}


def brain_mask_of(wildcards):
    """Return the brain mask on the GRE: the QSM stage's, for a map of the user's own the user's, where there is one."""
    row = session_of(wildcards)
    if row["input_kind"] != "chi_map" or finds_brain_alone(row):
        return derivative("mask", desc="brain").format(**wildcards)
    return inputs_of(wildcards, "brain_mask")


def reference_chi(wildcards):
    """Return the map that anatomy looks at: the first inversion of all echoes, else the user's."""
    return chi_maps(wildcards)[:1]


def gradient_directions(wildcards):
    """Return the gradient directions of a session's diffusion images."""
    return inputs_of(wildcards, "bvec")


def atlas_cache(wildcards, input):
    """Name the folder of downloaded atlases; where it lies is no cause to run again."""
    return beside_snakefile(config["anatomy"]["atlas_cache"])


def atlas_source(wildcards):
    """Return the folder of an atlas: fetched where it is one of the catalogue."""
    named = atlas_named(wildcards.kind)
    return named if named.startswith(COHORT) else fetched_atlas(wildcards.kind) or beside_snakefile(named)


@cache
def atlas_folders():
    """Return the prepared atlases by kind, those that the configuration names and that can be had."""
    kinds = [kind for kind in PUBLIC_ATLASES if atlas_named(kind) is not None and kind not in MISSING_ATLASES]
    return {kind: f"results/atlases/{kind}" for kind in kinds}


@cache
def anatomy_results(structural=STRUCTURAL_IMAGES):
    """Name what the anatomy stage keeps of a session on the GRE's voxels, for one with these structural images."""
    images = {
        f"{name}_{part}": derivative("dseg", extension, desc=name)
        for name in LABEL_IMAGES
        for part, extension in (("labels", ".nii.gz"), ("table", ".tsv"), ("sidecar", ".json"))
    }
    sides = [(side, tract) for tract in TRACTS for side in ("L", "R")] if "tracts" in atlas_folders() else []
    for name in structural:
        images[f"gre_{name}"] = derivative(name, space="GRE")
        images[f"gre_{name}_sidecar"] = derivative(name, ".json", space="GRE")
    return images | {
        "tracts": [derivative("mask", hemi=side, label=tract) for side, tract in sides],
        "tract_sidecars": [derivative("mask", ".json", hemi=side, label=tract) for side, tract in sides],
        "reference": derivative("reference", ".json", desc="ventricles"),
        "sidecar": derivative("anatomy", ".json"),
        "volumes": VOLUMES,
        "consistency": CONSISTENCY,
    }


def anatomy_targets():
    """Return the files that the anatomy stage makes for the cohort."""
    of_sessions = []
    for row in anatomy_sessions():
        images = structural_images(row)
        results = anatomy_results(images)
        names = [f"{name}_labels" for name in LABEL_IMAGES] + [f"gre_{name}" for name in images]
        # Tracts too: where an atlas comes later, what is missing is the only cause to run that Snakemake sees.
        patterns = [*(results[name] for name in names), *results["tracts"], ANATOMY_FIGURE]
        of_sessions += [pattern.format(**session_wildcards(row)) for pattern in patterns]
    for row in STRUCTURAL_SESSIONS.values():
        patterns = [*STRUCTURAL_RESULTS.values(), STRUCTURAL_FIGURE]
        of_sessions += [pattern.format(**session_wildcards(row)) for pattern in patterns]
    cohort = ["results/qc/anatomy.png"] if anatomy_sessions() else []
    cohort += ["results/qc/anatomy_T1w.png"] if STRUCTURAL_SESSIONS else []
    return of_sessions + cohort + chi_atlas_targets()


def structural_tables(pattern, wildcards):
    """Return one of the tables of the sessions without GRE."""
    return [pattern.format(**session_wildcards(row)) for row in STRUCTURAL_SESSIONS.values()]


def anatomy_tables(pattern, wildcards):
    """Return one of the session tables for the cohort."""
    return [pattern.format(**session_wildcards(row)) for row in anatomy_sessions()]


def reference_of(wildcards):
    """Return the sidecar of the reference that the radiomics stage subtracts, none where the map's own serves."""
    if config["radiomics"]["reference"] == "qsm":
        return []
    return anatomy_results()["reference"].format(**wildcards)


def control_sessions():
    """Return the sessions of the χ atlas: controls with a map."""
    groups = config["anatomy"]["chi_atlas"]["groups"]
    return [row for row in anatomy_sessions() if row.get("group") in groups]


def chi_atlas_targets():
    """Return the files of the cohort's χ atlas, none where there are too few controls."""
    return ["results/anatomy/desc-mean_Chimap.nii.gz"] if len(control_sessions()) >= 2 else []


def of_controls(function, wildcards):
    """Return one kind of file of every control."""
    paths = []
    for row in control_sessions():
        found = function(wildcards_of(row))
        paths += [found] if isinstance(found, str) else found
    return paths


def segmentation_of(wildcards):
    """Name the folder of a session's segmentation."""
    return SEGMENTATION.format(**wildcards)
