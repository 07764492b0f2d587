"""Every region of one session on the voxels of its GRE, its tables and its page of pictures."""

from chiomics.anatomy.files import SessionFiles
from chiomics.anatomy.session.output import write_session
from chiomics.anatomy.session.regions import define_regions
from chiomics.core.logs import start_log
from chiomics.index import remembered_failure

start_log(snakemake.log[0])
files = SessionFiles.from_lists(dict(snakemake.input.items()))
session = snakemake.wildcards.subject + snakemake.wildcards.run
with remembered_failure(session=session, inputs=files.raw, **snakemake.params.on_failure):
    found = define_regions(
        files,
        snakemake.input.segmentation,
        atlases=dict(zip(snakemake.params.atlases, snakemake.input.atlases, strict=True)),
        settings=snakemake.params.settings,
        traced=snakemake.input.get("traced") or None,
        notes=snakemake.params.notes,
    )
    write_session(found, snakemake.output, title=session, simulated=snakemake.params.simulated)
