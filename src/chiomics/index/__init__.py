"""Stage `index`: which sessions a BIDS folder holds, which of them can be used, and why the others cannot.

Names, sidecars and image headers only; no voxels. `index_bids` and `index_files` give the rows of the manifest,
`write_manifest` and `read_manifest` its file, `check_cohort` the error of a cohort that cannot be used, and
`record_failure` is how a job reports a session whose voxels are bad.
"""

from chiomics.core.failures import read_failures, record_failure, remembered_failure
from chiomics.index.cohort import index_bids, index_files, update_manifest
from chiomics.index.manifest import COLUMNS, EmptyCohortError, check_cohort, read_manifest, summarise, write_manifest

__all__ = [
    "COLUMNS",
    "EmptyCohortError",
    "check_cohort",
    "index_bids",
    "index_files",
    "read_failures",
    "read_manifest",
    "record_failure",
    "remembered_failure",
    "summarise",
    "update_manifest",
    "write_manifest",
]
