"""The page of one session: its figures, pictures, logs, and small copies of its volumes."""

from pathlib import Path

from chiomics.core.failures import remembered_failure
from chiomics.core.logs import start_log
from chiomics.report.site.session import Session, show_session

start_log(snakemake.log[0])
files, names, row = snakemake.input, snakemake.wildcards, snakemake.params.row
session = names.subject + names.run


def first(name):
    """Return the one file of a kind, none where there is none."""
    found = files.get(name) or []
    return found if isinstance(found, str) else next(iter(found), None)


def every(name):
    """Return the files of a kind."""
    found = files.get(name) or []
    return [found] if isinstance(found, str) else list(found)


def earlier(kind):
    """Return what earlier jobs left in the logs or the benchmarks of the session."""
    found = sorted(Path("results", kind, names.folder).glob(f"{session}_*.*"))
    return [str(path) for path in found if path.stem != f"{session}_show_session"]


lists = ("tracts", "maps", "pictures")
own = {name: first(name) for name in dict(files.items()) if name not in lists} | {"tracts": every("tracts")}
failed = Path(snakemake.params.on_failure["failed_dir"])
with remembered_failure(session=session, inputs=filter(None, [own["chi"]]), **snakemake.params.on_failure):
    show_session(
        Session(
            row, own, sidecars={"chi": own["chi_sidecar"], "anatomy": own["anatomy"]}, maps=every("maps"),
            pictures=[*every("pictures"), *sorted(map(str, failed.glob(f"{session}_*.png")))],
            # What an earlier run left there is shown, and is no cause to write the page anew.
            logs=earlier("logs"), benchmarks=earlier("benchmarks"),
            failure=next(map(str, failed.glob(f"{session}.json")), None), lesions=own["rims"],
        ),
        **dict(snakemake.output.items()), **{key: snakemake.params[key] for key in ("with_volumes", "simulated")},
    )  # fmt: skip
