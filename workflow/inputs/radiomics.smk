"""What the radiomics stage reads and makes, session by session."""

from chiomics.index.manifest import COLUMNS as MANIFEST_COLUMNS

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
    """Return the columns that name a session and its group: those of participants.tsv besides."""
    row = session_of(wildcards)
    names = {"participant": row["participant_id"], "session": row["session_id"], "run": row["run"]}
    return names | {key: str(row[key]) for key in row if key not in MANIFEST_COLUMNS and key not in names}


def feature_tables(wildcards=None):
    """Return the feature tables of the cohort."""
    return [FEATURES.format(**session_wildcards(row)) for row in radiomics_sessions()]


def radiomics_targets():
    """Return what the radiomics stage makes for the cohort."""
    if not radiomics_sessions():
        return []
    cohort = ["results/qc/radiomics_features.png"]
    return feature_tables() + cohort + (["results/radiomics/features.tsv"] if config["radiomics"]["wide_table"] else [])
