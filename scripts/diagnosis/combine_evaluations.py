"""All models' evaluations together: the tables that the study's own tables and figures are made from."""

import pandas as pd

from chiomics.core.images import whole_file
from chiomics.core.logs import start_log
from chiomics.diagnosis.calibration import calibration_table, decision_table
from chiomics.diagnosis.confounding import gain_table
from chiomics.diagnosis.contracts import PERMUTATION
from chiomics.diagnosis.models import complete_settings, list_models
from chiomics.diagnosis.performance import delong_table, performance_table, roc_table
from chiomics.diagnosis.recipe import count_radiomic
from chiomics.diagnosis.stability import selection_counts, selection_stability

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
models = list_models(settings)


def read_all(paths):
    """Read the parts of a table, models in the order of the study and not of the jobs."""
    parts = pd.concat(map(pd.read_parquet, paths), ignore_index=True)
    place = {name: number for number, name in enumerate(models)}
    return parts.sort_values(["model", "scheme"], key=lambda names: names.map(place).fillna(0), kind="stable")


predictions, selected = read_all(snakemake.input.predictions), read_all(snakemake.input.selected)
permuted = read_all(snakemake.input.permuted) if snakemake.input.permuted else pd.DataFrame(columns=list(PERMUTATION))
extracted = count_radiomic(pd.read_parquet(snakemake.input.cohort), models, settings)
main = predictions.loc[predictions["model"].isin([name for name, model in models.items() if model.main])]
tables = {
    "predictions": predictions,
    "selected": selected,
    "performance": performance_table(predictions, selected, permuted, settings),
    "permutation": permuted,
    "delong": delong_table(main, settings),
    "confounding": gain_table(predictions, settings),
    "selection_counts": selection_counts(selected, extracted),
    "selection_stability": selection_stability(selected),
    "roc": roc_table(main, settings),
    "calibration": calibration_table(main),
    "decision_curve": decision_table(main),
}
for name, table in tables.items():
    with whole_file(snakemake.output[name]) as temporary:
        if temporary.suffix == ".parquet":
            table.to_parquet(temporary, index=False, compression="zstd")
        else:
            table.to_csv(temporary, sep="\t", index=False, na_rep="n/a")
log.info("%d models, %d scores", predictions["model"].nunique(), len(predictions))
