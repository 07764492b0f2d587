"""Which sessions go into each result of the cohort, and what a run sets aside or marks as out of date."""

import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from chiomics.core.stage_versions import stage_version
from chiomics.study.attic import set_aside
from chiomics.study.descriptions import write_descriptions
from chiomics.study.members import GroupResult, update_members
from chiomics.study.versions import CodeVersions, count_versions, say_upgrade, seconds_of
from snakemake.settings.enums import RerunTrigger

RESULTS = "results"
#: Stages that make something of every session, with the rules whose time a redo costs.
OF_SESSIONS = {
    "qsm": ("reconstruct_qsm", "mask_brain", "unwrap_phase", "remove_background", "invert_dipole"),
    "anatomy": ("map_anatomy", "segment_anatomy", "trace_tracts", "define_regions", "map_structural"),
    "radiomics": ("extract_features_*",),
}


def keys_of(rows):
    """Return the keys of sessions."""
    return tuple(row["session"] for row in rows)


def lacking_lastingly(name):
    """Say what the cohort lacks for a paper; an atlas that cannot be had today is no matter of the cohort."""
    return "" if name == "yan2021" and LACKING[name] == lacking_nuclei(nuclei_sessions()) else LACKING[name]


def group_results():
    """List the results that several sessions go into, with those that go into them now."""
    of_papers = {
        "fiscone2023": ("robustness/icc.parquet", "robustness", radiomics_sessions()),
        "yan2021": (
            "diagnosis/cohort.parquet",
            "diagnosis",
            [row for row in radiomics_sessions() if row.get("group") in YAN["groups"]],
        ),
    }
    if not SIMULATED:  # the networks of the embedded cohort learn from lesions and heads of their own
        of_papers["zhang2022"] = ("rims/lesions.parquet", "rims", lesion_sessions())
        for study in FLAIR_PAPERS:
            of_papers[study] = (f"flair/{study}/cohort.npz", f"flair/{study}", flair_sessions(study))
    found = [
        GroupResult(
            name,
            made,
            (folder, f"papers/{name}"),
            () if lacking_lastingly(name) else keys_of(rows),
            lacking_lastingly(name),
        )
        for name, (made, folder, rows) in of_papers.items()
    ]
    controls = control_sessions() if chi_atlas_targets() else []
    atlas = ("anatomy/desc-mean_Chimap.nii.gz", ("anatomy",), keys_of(controls), "there are fewer than two controls")
    tables = {
        "qc/anatomy": ("qc/anatomy.tsv", ("qc/anatomy.tsv",), keys_of(anatomy_sessions())),
        "qc/radiomics": ("qc/radiomics_features.png", ("qc/radiomics_outliers.tsv",), keys_of(radiomics_sessions())),
        "radiomics/features": ("radiomics/features.tsv", ("radiomics/features.tsv",), keys_of(radiomics_sessions())),
    }
    found += [GroupResult("chi atlas", *atlas), *(GroupResult(name, *facts) for name, facts in tables.items())]
    return found


def sidecars_of(row, stage):
    """Name the sidecars that say which version of a stage made a session, each beside the file that a redo makes."""
    names = session_wildcards(row)
    if stage == "radiomics":
        return {path.replace(".parquet", ".json"): path for path in tables_of_row(row)}
    if stage == "anatomy":
        if row["status"] == STRUCTURAL_ALONE:
            patterns = (STRUCTURAL_RESULTS["sidecar"], STRUCTURAL_RESULTS["tissue_labels"])
        elif has_anatomy(row):
            patterns = (anatomy_results()["sidecar"], anatomy_results()["tissue_labels"])
        else:
            return {}
        return {patterns[0].format(**names): patterns[1].format(**names)}
    if row["status"] == STRUCTURAL_ALONE:  # no echo, no map
        return {}
    made = [name for name in map_names(row) if name[0] != "given"]
    pairs = [
        derivative("Chimap", ending, rec=rec, desc=desc) for rec, desc in made[:1] for ending in (".json", ".nii.gz")
    ]
    return {pairs[0].format(**names): pairs[1].format(**names)} if pairs else {}


def read_code_versions():
    """Read which version of each stage made which session, and the files of those that another version made."""
    versions, found, others = CodeVersions(f"{RESULTS}/.code_versions.json"), {}, {}
    with_features = {row["session"] for row in radiomics_sessions()}
    for stage in OF_SESSIONS:
        found[stage], others[stage] = {}, []
        for key, row in (SESSIONS | STRUCTURAL_SESSIONS).items():
            sidecars = sidecars_of(row, stage) if stage != "radiomics" or key in with_features else {}
            for path, made in sidecars.items():
                version = versions.read(path)
                if version is not None:
                    found[stage][key] = version
                    others[stage] += [made] if version != stage_version(stage) else []
    return versions, found, others


def look_at_code_versions():
    """Say which sessions are of another version than the code, and make those anew that the operator asks for."""
    _, found, others = read_code_versions()
    for stage, files in others.items():
        if not found[stage]:
            continue
        now = stage_version(stage)
        old = [key for key, version in found[stage].items() if version != now]
        rows = [(SESSIONS | STRUCTURAL_SESSIONS)[key] for key in old]
        patterns = [
            f"{RESULTS}/benchmarks/{names['folder']}/{names['subject']}{names['run']}_{rule}.tsv"
            for names in map(session_wildcards, rows)
            for rule in OF_SESSIONS[stage]
        ]
        said = say_upgrade(stage, found[stage], now, seconds_of(path for one in patterns for path in glob(one)))
        if files and stage in config["redo"]:
            logger.info(f"{stage}: {len(old)} sessions are made anew by version {now}")
            workflow.dag_settings.forcerun = frozenset(workflow.dag_settings.forcerun) | set(files)
        elif said:
            logger.warning(said)


def with_remarks(results):
    """Let studies say that they hold sessions of several versions."""
    versions, found, _ = read_code_versions()
    versions.save()
    for result in results:
        mixed = []
        for stage, of_sessions in found.items():
            held = {key: of_sessions[key] for key in result.sessions if key in of_sessions}
            mixed += [f"{stage}: {count_versions(held)}"] if len(set(held.values())) > 1 else []
        said = f"**Made by several versions of the code.** {'; '.join(mixed)} (see `redo` in config/README.md).\n"
        yield replace(result, remark=said) if mixed else result


def open_study():
    """Before jobs: bring the folders of sessions in line with the cohort, and say which results hold others."""
    locks = glob(os.path.join(".snakemake", "locks", "*"))
    if locks and workflow.execution_settings.lock:  # another run is at work here, or was killed: Snakemake says so
        return
    chosen, visits = config["index"]["participants"], config["index"]["sessions"]
    held = [*SESSIONS, *STRUCTURAL_SESSIONS]
    set_aside(RESULTS, held, participants=chosen, visits=visits)
    write_descriptions(RESULTS, simulated=FROM_SIMULATED, dataset=BIDS_DIR)
    update_members(RESULTS, with_remarks(group_results()), finished=False)


def open_record():
    """Let others read Snakemake's record of how results were made, as far as the umask lets them read the results."""
    os.umask(mask := os.umask(0))
    for one in os.scandir(os.path.join(".snakemake", "metadata")):
        if one.is_file() and one.stat().st_mode & 0o777 != (mode := 0o666 & ~mask):
            with suppress(OSError):  # of another user
                os.chmod(one.path, mode)


def close_study():
    """After jobs: write whom the results hold now."""
    if os.path.isdir(os.path.join(".snakemake", "metadata")):
        open_record()
    if not config["features"]:
        update_members(RESULTS, with_remarks(group_results()), finished=True)


def read_record_of_others():
    """Let plans and reports read a record (.snakemake) that they may not write to, through links in a folder of their own."""
    record = os.path.abspath(".snakemake")
    records = getattr(snakemake.persistence, "PersistenceBase", None)
    if records is None or not is_reading() or os.access(record if os.path.isdir(record) else ".", os.W_OK):
        return
    folder = tempfile.TemporaryDirectory(prefix="chiomics-record-")
    for name in ("metadata", "incomplete"):
        place = os.path.join(record, name)
        if os.path.isdir(place) and all(os.access(one.path, os.R_OK) for one in os.scandir(place)):
            os.symlink(place, os.path.join(folder.name, name))
        elif os.path.isdir(place):
            logger.warning(f"{place} holds records that you may not read: times of files alone say what is to be made")
    begin = records.__init__

    def begin_elsewhere(self, *arguments, path=None, **options):
        self.links = folder  # kept as long as the record is read
        begin(self, *arguments, path=path or Path(folder.name), **options)

    records.__init__ = begin_elsewhere


def leave_code_to_versions():
    """Let scripts of an upgrade or another checkout, an image or an environment be no cause: versions of stages say what is old.

    Whoever types --rerun-triggers gets what was typed.
    """
    asked, everything = type(workflow).rerun_triggers, frozenset(RerunTrigger.all())

    def without_code(self):
        found = frozenset(asked.fget(self))
        return found - {RerunTrigger.CODE, RerunTrigger.SOFTWARE_ENV} if found == everything else found

    type(workflow).rerun_triggers = property(without_code)


def list_changed_parameters_alone():
    """Mend `--list-changes params`, which names an output of every job, also where no parameter changed (Snakemake 9.27)."""
    records = getattr(snakemake.persistence, "PersistenceBase", None)
    changed = getattr(records, "params_changed", None)
    if changed is None:
        return

    def changed_alone(self, job, file=None):
        found = changed(self, job, file=file)
        return found or type(found)()

    records.params_changed = changed_alone


if workflow.is_main_process:
    leave_code_to_versions()
    list_changed_parameters_alone()
if not config["features"] and workflow.is_main_process and KEEP_MANIFEST not in os.environ:
    BEFORE_PLANS.append(look_at_code_versions)
    DEFERRED.append(open_study)
if workflow.is_main_process and KEEP_MANIFEST not in os.environ:
    read_record_of_others()
