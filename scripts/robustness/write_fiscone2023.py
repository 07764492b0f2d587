"""The tables of Fiscone et al. (2023) under the paper's numbers, the published values beside, and a README."""

from pathlib import Path

from chiomics.core.features.table import open_features
from chiomics.core.files import write_text
from chiomics.core.logs import start_log
from chiomics.core.papers import write_paper_table
from chiomics.robustness.counts import reported_setting
from chiomics.robustness.fiscone2023.readme import write_readme
from chiomics.robustness.fiscone2023.tables import compare_published, list_protocols, paper_tables, table1_markdown
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import read_table

log = start_log(snakemake.log[0])
tables = {Path(path).name: read_table(path) for path in snakemake.input.tables}
settings = Settings.from_config(snakemake.params.settings).with_found(open_features(list(snakemake.input.features)))
setting = reported_setting(tables["optimal_gray_level.tsv"], settings)
folder = Path(snakemake.output.readme).parent

simulated, source = snakemake.params.simulated, snakemake.params.source

found = paper_tables(tables, setting, settings) | {"published": compare_published(tables, setting, settings)}
found["tableS1"] = list_protocols(snakemake.params.protocols)
for name, table in found.items():
    write_paper_table(table, folder / f"{name}.tsv", simulated=simulated)
texts = {
    "table1.md": table1_markdown(found["table1"], settings, simulated=simulated),
    "README.md": write_readme(
        tables, setting, settings, simulated=simulated, source=source, protocols=snakemake.params.protocols
    ),
}
for name, text in texts.items():
    write_text(folder / name, text)
log.info("%d tables in %s", len(found), folder)
