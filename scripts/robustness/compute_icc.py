"""Agreement of all features between reconstructions: coefficients, counts, optimal grey level, sides, subsets."""

from pathlib import Path

from chiomics.core.features.table import open_features
from chiomics.core.logs import start_log
from chiomics.robustness.fiscone2023.study import analyse_agreement
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import ALL, write_table

log = start_log(snakemake.log[0])
settings = Settings.from_config(snakemake.params.settings)
tables = analyse_agreement(open_features(list(snakemake.input.features)), settings)
folder = Path(snakemake.output.icc).parent
for name, table in tables.items():
    write_table(table, folder / name)
    log.info("%s: %d rows", name, len(table))
whitelist = tables["whitelist.tsv"]
robust = whitelist[whitelist["robust"] & (whitelist["sides"] == ALL)]
write_table(robust[["image_type", "feature_class", "feature"]], folder / "robust_feature_whitelist.tsv")
