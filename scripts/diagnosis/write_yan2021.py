"""The tables of Yan et al. (2021) under the paper's numbers, a README, and the CLEAR checklist."""

from pathlib import Path

from chiomics.core.files import write_text
from chiomics.core.logs import start_log
from chiomics.core.papers import write_paper_table
from chiomics.core.tables import read_frame
from chiomics.diagnosis.model_file import read_model
from chiomics.diagnosis.models import complete_settings
from chiomics.diagnosis.tables import read_table
from chiomics.diagnosis.yan2021.clear_checklist import fill_checklist, summarise_checklist
from chiomics.diagnosis.yan2021.enrolment import count_flow, flow_table, read_sessions
from chiomics.diagnosis.yan2021.facts import study_facts
from chiomics.diagnosis.yan2021.oracle import say_oracle
from chiomics.diagnosis.yan2021.readme import write_readme
from chiomics.diagnosis.yan2021.tables import paper_tables
from chiomics.diagnosis.yan2021.tables_markdown import tables_markdown

log = start_log(snakemake.log[0])
settings = complete_settings(snakemake.params.settings)
simulated = snakemake.params.simulated
cohort = read_frame(snakemake.input.cohort)
tables = {Path(path).stem: read_table(path) for path in snakemake.input.tables}
manifest = read_sessions(snakemake.params.manifest) if snakemake.params.manifest else None
left_out = read_table(snakemake.input.left_out).fillna("")
definition = read_model(snakemake.input.models[0])["definition"]

facts = study_facts(cohort, settings, definition, source=snakemake.params.source)
found = paper_tables(cohort, tables, settings)
found["enrolment"] = flow_table(count_flow(manifest, cohort, settings))
found["clear_checklist"] = fill_checklist(facts, simulated=simulated)
clear = summarise_checklist(found["clear_checklist"])
folder = Path(snakemake.output.readme).parent
for name, table in found.items():
    write_paper_table(table, folder / f"{name}.tsv", simulated=simulated)
write_paper_table(left_out, folder / "left_out.tsv", simulated=simulated)
truth = say_oracle(snakemake.params.oracle, found["table4"], cohort, positive=settings["positive"])
options = {"clear": clear, "truth": truth}
texts = {
    "tables.md": tables_markdown(found, simulated=simulated),
    "README.md": write_readme(found["table4"], tables, facts, left_out, simulated=simulated, **options),
}
for name, text in texts.items():
    write_text(folder / name, text)
log.info("%d tables in %s; CLEAR: %s", len(found), folder, clear)
