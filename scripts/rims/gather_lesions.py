"""The lesions of a cohort in one table, one table of features and one array of patches."""

from chiomics.core.logs import start_log
from chiomics.core.origin import share_of_simulated
from chiomics.core.tables import write_frame
from chiomics.rims.lesions.figure import draw_examples
from chiomics.rims.lesions.files import FILES, gather_lesions
from chiomics.rims.lesions.ratings import tabulate_agreement

log = start_log(snakemake.log[0])
parts = zip(*(snakemake.input[name] for name in FILES), strict=True)
lesions = gather_lesions([dict(zip(FILES, paths, strict=True)) for paths in parts], snakemake.output)
write_frame(tabulate_agreement(lesions.table), snakemake.output.agreement, missing="n/a")
draw_examples(lesions, snakemake.output.figure, simulated=share_of_simulated(lesions.table["simulated"], "lesions"))
rated = lesions.table["consensus"].notna()
log.info(
    "%d lesions of %d participants, %d rated, %d with a rim",
    len(rated),
    lesions.table["participant_id"].nunique(),
    rated.sum(),
    (lesions.table["consensus"] == 1).sum(),
)
