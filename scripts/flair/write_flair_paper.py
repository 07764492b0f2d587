"""A paper's tables under its own numbers, what departs from it, and a README."""

from importlib import import_module
from pathlib import Path

import pandas as pd

from chiomics.core.files import write_text
from chiomics.core.logs import start_log
from chiomics.core.papers import read_departures, write_paper_table
from chiomics.core.tables import write_frame
from chiomics.flair.images.prepare import Prepared
from chiomics.flair.study.combine import fair_performance
from chiomics.flair.study.readme import write_readme
from chiomics.flair.study.splits import size_of_test
from chiomics.flair.study.trainings import left_out_of_wang

log = start_log(snakemake.log[0])
study, settings = snakemake.wildcards.study, snakemake.params.settings
about = {"source": snakemake.params.source, "simulated": snakemake.params.simulated}
prepared = Prepared.read_tables([snakemake.input.cohort])
tables = {Path(path).stem: pd.read_csv(path, sep="\t") for path in snakemake.input.tables}
attention = pd.read_csv(snakemake.input.attention, sep="\t")
wing = import_module(f"chiomics.flair.{study}.tables")
extra = {"wang2020": pd.read_parquet(snakemake.input.curves), "seok2023": attention}[study]
found = wing.paper_tables(prepared, tables, extra, settings)
folder, facts = Path(snakemake.output.readme).parent, {}
for name, table in found.items():
    write_paper_table(table.assign(cohort=about["source"]), folder / f"{name}.tsv", simulated=about["simulated"])
if study == "seok2023":
    y = (prepared.table["group"] == settings["positive"]).to_numpy().astype(int)
    participants = prepared.table["participant"].to_numpy()
    facts["test"] = size_of_test(y, participants, per_class=settings["test_per_class"])
departed = read_departures(f"chiomics.flair.{study}", settings | facts)
write_frame(departed, folder / "departures.tsv")
sizes = prepared.table.drop_duplicates("participant")["group"].value_counts().to_dict()
readme = write_readme(
    study, tables, fair_performance(tables["performance"], study, settings), departed, settings,
    attention=attention, not_run=left_out_of_wang(settings) if study == "wang2020" else {}, sizes=sizes, **about,
)  # fmt: skip
write_text(snakemake.output.readme, readme)
log.info("%d tables in %s", len(found), folder)
