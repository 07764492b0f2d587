"""What the radiomics stage reads and makes, session by session."""

from chiomics.core.settings import order_keys
from chiomics.radiomics.settings import read_parameters

FEATURES = derivative("features", ".parquet", datatype="radiomics")
RADIOMICS_FIGURE = "results/qc/{folder}/{subject}{run}_radiomics.png"


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


def radiomics_settings(wildcards):
    """Return what the features of a session are extracted by."""
    return RADIOMICS | {"presets": {name: preset_options(name) for name in config["radiomics"]["presets"]}}


def feature_tables(wildcards=None):
    """Return the feature tables of the cohort."""
    return [FEATURES.format(**session_wildcards(row)) for row in radiomics_sessions()]


def radiomics_targets():
    """Return what the radiomics stage makes for the cohort."""
    if not radiomics_sessions():
        return []
    cohort = ["results/qc/radiomics_features.png"]
    return feature_tables() + cohort + (["results/radiomics/features.tsv"] if config["radiomics"]["wide_table"] else [])
