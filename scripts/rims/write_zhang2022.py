"""The tables of Zhang et al. (2022) under the paper's numbers, and a README that says which method did best."""

from pathlib import Path

import pandas as pd

from chiomics.core.files import write_text
from chiomics.core.logs import start_log
from chiomics.core.papers import write_paper_table
from chiomics.core.tables import write_frame
from chiomics.rims.detectors.lesions import read_lesions
from chiomics.rims.zhang2022.facts import study_facts
from chiomics.rims.zhang2022.readme import departures_of, write_readme
from chiomics.rims.zhang2022.tables import kappa_of, table1, table2, table3, text_numbers

log = start_log(snakemake.log[0])
settings, files = snakemake.params.settings, snakemake.input
lesions = read_lesions(files.lesions, files.features, files.patches, files.masks)
tables = {Path(path).stem: pd.read_csv(path, sep="\t") for path in files.tables}
people = files.get("participants")
participants = pd.read_csv(people, sep="\t", dtype=str) if people else None
found = {
    "table1": table1(lesions, participants, kappa=kappa_of(lesions.table)),
    "table2": table2(tables["performance"], tables["areas"]),
    "table3": table3(tables["performance"]),
    "text_numbers": text_numbers(tables),
}
departures = departures_of(settings)
folder, simulated = Path(snakemake.output.readme).parent, snakemake.params.simulated
for name, table in found.items():
    write_paper_table(table, folder / f"{name}.tsv", simulated=simulated)
write_frame(departures, folder / "departures.tsv")
facts = study_facts(lesions, source=snakemake.params.source)
write_text(folder / "README.md", write_readme(tables, departures, settings, facts, simulated=simulated))
log.info("%d tables in %s", len(found), folder)
