"""What the radiomics stage reads and makes, session by session."""

from chiomics.core.settings import order_keys
from chiomics.radiomics.settings import read_parameters

#: A table for every inversion, preset and discretisation, side by side: what another choice makes overwrites none.
FEATURES = derivative("features", ".parquet", datatype="radiomics", rec="INVERSION", desc="FEATURES")
FEATURES = FEATURES.replace("INVERSION", "{inversion}").replace("FEATURES", "{features}")
RADIOMICS_FIGURE = "results/qc/{folder}/{subject}_rec-{inversion}{run}_desc-{features}_radiomics.png"


wildcard_constraints:
    inversion="[a-zA-Z0-9]+",
    features="[a-zA-Z0-9]+",


def voi_files(wildcards):
    """Return a session's masks and label images: those of the anatomy stage, and the user's own."""
    own = inputs_of(wildcards, "voi_labels")
    if not has_anatomy(session_of(wildcards)):
        return own
    results = anatomy_results()
    labels = [results[f"{name}_labels"] for name in ("dgm", "lesions", "nawm")]
    return [path.format(**wildcards) for path in (*labels, *results["tracts"])] + own


def label_tables(wildcards):
    """Return the tables beside the label images, the user's own as well, which name their labels."""
    own = own_label_tables(wildcards)
    if not has_anatomy(session_of(wildcards)):
        return own
    return own + [anatomy_results()[f"{name}_table"].format(**wildcards) for name in ("dgm", "lesions", "nawm")]


def session_identity(wildcards):
    """Return the columns that name a session; what participants.tsv says of it joins where groups are compared."""
    row = session_of(wildcards)
    return {"participant": row["participant_id"], "session": row["session_id"], "run": row["run"]}


def preset_options(preset):
    """Return a preset's options, what its parameter file holds in place of where it lies: content is the cause."""
    options = dict(config["radiomics"]["presets"].get(preset, {}))
    if file := options.pop("parameter_file", None):
        content = read_parameters(beside_snakefile(file), where=f"radiomics.presets.{preset}.parameter_file")
        order_keys(content, {})
        options["parameters"] = content
    return options


def preset_label(preset):
    """Name a preset's tables: with its discretisation where that is not the preset's own, e.g. yan874GL32."""
    options = config["radiomics"]["presets"][preset]
    levels = "".join(f"GL{value}" for value in options.get("gray_levels", ()))
    widths = "".join(f"BW{value:g}".replace(".", "p") for value in options.get("bin_width", ()))
    return re.sub("[^a-zA-Z0-9]", "", preset + levels + widths)


def preset_labels():
    """Return the presets by the names of their tables."""
    return {preset_label(preset): preset for preset in config["radiomics"]["presets"]}


def radiomics_settings(wildcards):
    """Return what the features of a table are extracted by."""
    preset = preset_labels()[wildcards.features]
    return RADIOMICS | {"presets": {preset: preset_options(preset)}}


def radiomics_on_failure(wildcards, input):
    """Return where failures are remembered, unrecorded: it names all presets, and another one is no table's cause."""
    return RADIOMICS_ON_FAILURE


def maps_of_table(wildcards):
    """Name the χ maps that a table is of, by inversion and echo set: those of one inversion that its preset reads."""
    sets = config["radiomics"]["presets"][preset_labels()[wildcards.features]].get("echo_sets")
    names = [name for name in map_names_of_job(wildcards) if name[0] == wildcards.inversion]
    return [name for name in names if sets is None or name[1] in (*sets, "given")]


def chi_of_table(wildcards):
    """Return those maps."""
    paths = dict(zip(map(tuple, map_names_of_job(wildcards)), chi_maps(wildcards), strict=True))
    return [paths[tuple(name)] for name in maps_of_table(wildcards)]


def tables_of_row(row, presets=None):
    """Name a session's tables, or those of some presets."""
    tables = []
    for label, preset in preset_labels().items():
        wanted = config["radiomics"]["presets"][preset].get("inversions")
        for inversion in dict.fromkeys(name[0] for name in map_names(row)):
            names = session_wildcards(row) | {"inversion": inversion, "features": label}
            is_wanted = wanted is None or inversion in (*wanted, "given")
            if is_wanted and (presets is None or preset in presets) and maps_of_table(Wildcards(fromdict=names)):
                tables.append(FEATURES.format(**names))
    return tables


def feature_tables(wildcards=None, presets=None):
    """Return the feature tables of the cohort, or those of some presets."""
    return [path for row in radiomics_sessions() for path in tables_of_row(row, presets)]


def radiomics_targets():
    """Return what the radiomics stage makes for the cohort."""
    if not radiomics_sessions():
        return []
    cohort = ["results/qc/radiomics_features.png"]
    return feature_tables() + cohort + (["results/radiomics/features.tsv"] if config["radiomics"]["wide_table"] else [])
