"""What a table of features says of itself."""

from __future__ import annotations

from pathlib import Path

#: Key in the metadata of a Parquet table whose subjects are simulated, as the radiomics stage writes it.
SIMULATED_KEY = b"chiomics.simulated"


def says_simulated(path: str | Path) -> bool:
    """Return whether a table of features says that its subjects are simulated; only Parquet can."""
    import pyarrow.parquet as pq

    path = Path(path)
    if path.suffix != ".parquet" or not path.is_file():
        return False
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, ValueError):  # not Parquet: the job that reads it says so
        return False
    return metadata.get(SIMULATED_KEY) == b"true"
