"""Make the manifest rows of one participant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chiomics.core.bids import space_named
from chiomics.core.errors import InputError
from chiomics.index.checks import MINIMUM_SLICES, Facts, check_gre, check_grid
from chiomics.index.companions import (
    DERIVED,
    DRAWN,
    OF_MAP,
    ON_GRE_GRID,
    STRUCTURAL,
    choose_derivative,
    choose_dwi,
    role_of,
)
from chiomics.index.forms import form_warnings
from chiomics.index.gre import GreInput, assemble, choose_acquisition, has_phase
from chiomics.index.headers import Header, read_header, shared_grid
from chiomics.index.manifest import NO_INPUT, REFUSED_LESIONS, STRUCTURAL_ALONE, empty_row, exclude, session_key
from chiomics.index.names import (
    GreImage,
    NamedFile,
    is_misnamed,
    matches_acquisition,
    name_file,
    name_problem,
    read_gre,
)
from chiomics.index.sidecars import ENCODING, Sidecars
from chiomics.index.sight import describe_session
from chiomics.index.structural import KINDS, choose_structural
from chiomics.index.unused import unused_folders, unused_masks, unused_structural


@dataclass
class Participant:
    """What the folder of one participant gives."""

    rows: list[dict] = field(default_factory=list)
    only_field_map: list[str] = field(default_factory=list)  # keys of the rows whose GRE is a field map in fmap/
    misnamed: list[str] = field(default_factory=list)  # images whose name is not BIDS or contradicts the folder


def index_participant(
    files: list[tuple[str, int]],
    *,
    bids_dir: str = "",
    shared: Sequence[str] = (),
    contents: dict[str, dict] | None = None,
    acquisition: str | None = None,
    minimum_slices: int = MINIMUM_SLICES,
    facts_of: Callable[[str, GreInput], Facts] | None = None,
    filters: Mapping[str, Mapping | None] | None = None,
) -> Participant:
    """Index one participant.

    Parameters
    ----------
    files : list of tuple of str and int
        Paths relative to the BIDS folder, and sizes in bytes.
    bids_dir : str
        The BIDS folder.
    shared : list of str
        Paths of the files beside the participants' folders.
    contents : dict, optional
        Sidecars read so far.
    acquisition : str, optional
        The operator's choice among several acquisitions.
    minimum_slices : int
        Fewest voxels along any axis.
    facts_of : callable, optional
        Gives the facts of a run, by session key, of files that do not exist yet; else they are read and checked.
    filters : mapping, optional
        The operator's choice of ``T1w`` and ``FLAIR``, see `chiomics.index.structural.matches`.

    Returns
    -------
    Participant
        Its rows.
    """
    result = _Indexer(files, bids_dir, shared, contents, acquisition, minimum_slices, facts_of, filters or {}).index()
    for row in result.rows:
        row["warnings"] = list(dict.fromkeys(row["warnings"]))
    return result


class _Indexer:
    """State that the steps below share."""

    def __init__(self, files, bids_dir, shared, contents, acquisition, minimum_slices, facts_of, filters) -> None:
        self.folders = [path for path, _ in files if path.endswith("/") and not path.startswith("derivatives/")]
        self.minimum_slices = minimum_slices
        paths = [path for path, _ in files]
        read = [(path, name_file(path, size)) for path, size in files]
        self.beside = [path for path, file in read if path.endswith("/") or file is None]
        named = [file for _, file in read if file is not None]
        self.raw = [file for file in named if not file.pipeline]
        misnamed = [is_misnamed(file) for file in self.raw]
        self.proper = [file for file, wrong in zip(self.raw, misnamed, strict=True) if not wrong]
        self.derived = [(role, file) for file in named if (role := role_of(file)) or file.pipeline]
        self.lent: dict = {}
        self.named, self.filters = named, filters
        self.by_path = {file.path: file for file in named}
        self.bids_dir, self.acquisition, self.facts_of = bids_dir, acquisition, facts_of
        self.sidecars = Sidecars(bids_dir, [*shared, *paths], contents)
        raw_paths = [*shared, *(file.path for file in self.raw)]
        self.gradients = (
            Sidecars(bids_dir, raw_paths, extension=".bval"), Sidecars(bids_dir, raw_paths, extension=".bvec"),
        )  # fmt: skip
        self.result = Participant(misnamed=[file.path for file, wrong in zip(self.raw, misnamed, strict=True) if wrong])
        self.headers: dict[str, Header] = {}

    def index(self) -> Participant:
        """Index every session that has GRE or a χ map."""
        gre: dict[str, list[GreImage]] = {}
        for file in self.raw:
            image = read_gre(file)
            if image is not None:
                gre.setdefault(file.session, []).append(image)
        raw_sessions = {file.session for file in self.raw if file.datatype}
        raw_sessions |= {parts[1] if parts[1].startswith("ses-") else "" for parts in map(_parts, self.folders)}
        if len(raw_sessions) > 1 and "" not in gre:
            raw_sessions.discard("")  # structural images outside the sessions belong to all of them
        of_maps = {file.session for role, file in self.derived if role == "chi_map"}
        if of_maps == {""} and len(raw_sessions) == 1:
            of_maps = raw_sessions
        self.sessions = set(gre) | of_maps
        for session in sorted(raw_sessions | of_maps):
            images, in_fmap = _prefer_anatomical(gre.get(session, []), self.acquisition)
            if session in of_maps and (in_fmap or not has_phase(images)):
                rows = self._index_maps(session, [] if in_fmap else images)
            elif images:
                rows = self._index_gre(session, images)
                if in_fmap:
                    self.result.only_field_map += [row["session"] for row in rows]
            else:
                rows = [self._without_input(session)]
            self.result.rows += rows
        sessions = {row["session_id"] for row in self.result.rows}
        for row in self.result.rows:
            row["warnings"] += self.lent.get(row["session_id"], [])
            if self.facts_of is None:
                row["simulated"] = self._says_simulated(row)
                row["warnings"] += unused_masks(self.named, row, sessions)
                row["warnings"] += unused_structural(self.named, row)
                row["warnings"] += unused_folders(self.beside, row)
        return self.result

    def _says_simulated(self, row: dict) -> str:
        """Return ``true`` where the sidecar of the image that a session's map comes from says that it is simulated."""
        named = [*row["magnitude"], *row["phase"], *row["real"], row["chi_map"], row["T1w"]]
        named += [file.path for file in self.raw if file.session == row["session_id"]]
        image = next((self.by_path[path] for path in named if path), None)
        try:
            fields = self.sidecars.read(image) if image else {}
        except InputError:  # the session is excluded for it
            return ""
        return "true" if fields.get("Simulated") is True else ""

    @property
    def _name(self) -> str:
        files = self.raw or [file for _, file in self.derived]
        return files[0].participant if files else self.folders[0].split("/")[0]

    def _without_input(self, session: str) -> dict:
        """Row of a session with nothing that a χ map can come from: what there is, what it serves, and what to do."""
        files = [file for file in self.raw if file.session == session]
        folders = [path for path in self.folders if (_parts(path)[1] if session else "") == session]
        found, expected = describe_session(files, folders, self.bids_dir)
        row = empty_row(self._name, session, "")
        serves = ""
        if self.facts_of is None and self._fill_structural(row):
            lesions = row["FLAIR"] or row["lesion_mask"] or row["lesion_labels"]
            made = "tissue and lesions" if lesions else "tissue (without a FLAIR lesions are not known)"
            serves = f"serves anatomy alone, with {made} on the T1w's grid; "
        elif "FLAIR" in {KINDS.get(file.suffix.lower()) for file in files}:
            expected += "; or a T1w of this session: with T1w and FLAIR anatomy makes tissue and lesions"
        exclude(row, f"{NO_INPUT}; found {found}; {serves}expected {expected}")
        if serves:
            row["status"] = STRUCTURAL_ALONE
        return row

    def _fill_structural(self, row: dict) -> bool:
        """Fill the row of a session with a T1w of its own and no GRE, with its own FLAIR and what is drawn on them."""
        filled = empty_row(row["participant_id"], row["session_id"], row["run"])
        self._fill_companions(filled, None)
        own = {suffix: self.by_path[filled[suffix]] for suffix in STRUCTURAL if filled[suffix]}
        own = {suffix: file for suffix, file in own.items() if file.session == row["session_id"]}
        if "T1w" not in own:
            return False
        filled |= {suffix: "" for suffix in STRUCTURAL if suffix not in own}
        grids = [(suffix, self._header(own[suffix])) for suffix in STRUCTURAL if suffix in own]
        header = grids[0][1]
        filled |= {"input_kind": STRUCTURAL_ALONE, "shape": list(header.shape), "voxel_size": list(header.voxel_size)}
        candidates = {role: self._candidates(role, row, only_run=True) for role in DERIVED}
        candidates["brain_mask"] = self._usable_on_t1w(candidates["brain_mask"], filled)
        candidates["T1w_mask"] = self._on_grid_alone(candidates["brain_mask"], grids[:1], [])
        for role in ("T1w_mask", *sorted(DRAWN)):
            allowed = grids[:1] if role == "T1w_mask" else grids
            try:
                file, warnings = choose_derivative(role, candidates[role], allowed, self._header)
            except InputError as error:
                file, warnings = None, [_refused(role, error)]
            filled[role] = file.path if file else ""
            filled["warnings"] += warnings
        _settle_lesions(filled)
        row |= filled | {"warnings": row["warnings"] + filled["warnings"]}
        return True

    def _index_gre(self, session: str, images: list[GreImage]) -> list[dict]:
        """One row per run of a session's GRE."""
        try:
            for image in images:
                if is_misnamed(image.file):
                    raise name_problem(image.file)
            runs, warnings = choose_acquisition(images, self.acquisition)
        except InputError as error:
            labels = sorted({image.file.entities.get("run", "") for image in images})
            return [exclude(empty_row(self._name, session, run), error) for run in labels]
        rows = []
        for run, run_images in sorted(runs.items()):
            row = empty_row(self._name, session, run)
            row["warnings"] += warnings
            try:
                self._fill(row, run_images, only_run=len(runs) == 1)
            except InputError as error:
                exclude(row, error)
            rows.append(row)
        return rows

    def _index_maps(self, session: str, images: list[GreImage]) -> list[dict]:
        """One row per run of a session that has χ maps and no phase."""
        runs = {
            file.entities.get("run", "")
            for role, file in self.derived
            if role == "chi_map" and file.session in (session, "")
        }
        rows = []
        for run in sorted(runs):
            row = empty_row(self._name, session, run)
            own = [image for image in images if image.file.entities.get("run", "") == run]
            if len({image.variant for image in own}) > 1:
                row["warnings"].append("several magnitudes go with the χ map, none is used")
                own = []
            try:
                self._fill(row, own, only_run=len(runs) == 1)
            except InputError as error:
                exclude(row, error)
            rows.append(row)
        return rows

    def _fill(self, row: dict, images: list[GreImage], *, only_run: bool) -> None:
        """Fill a row from its GRE images, or from its χ map where they carry no phase."""
        candidates = {role: self._candidates(role, row, only_run=only_run) for role in DERIVED}
        if candidates["chi_map"] and not has_phase(images):
            facts = self._fill_from_map(row, candidates["chi_map"], images)
        else:
            gre = assemble(images)
            row["input_kind"], row["n_echoes"] = gre.kind, len(gre.echoes)
            for part in ("magnitude", "phase", "real", "imaginary"):
                row[part] = [file.path for file in getattr(gre, part)]
            row["warnings"] += gre.warnings
            if self.facts_of is not None:
                facts = self.facts_of(row["session"], gre)
            else:
                facts = check_gre(gre, self.sidecars.read, self._header, self.minimum_slices)
                row["n_echoes"] = max(row["n_echoes"], len(facts.echo_times))
                fields = map(self.sidecars.read, gre.files)
                said = sorted({entry[ENCODING] for entry in fields if ENCODING in entry})
                row["warnings"] += [f"{said[0]}, as {len(said) - 1} more" if len(said) > 1 else said[0]] if said else []
        for column in ("echo_times", "field_strength", "shape", "voxel_size", "manufacturer"):
            row[column] = getattr(facts, column)
        row["warnings"] += facts.warnings
        grids = self._fill_companions(row, facts.header)
        of_t1w = [grid for grid in grids[1:] if grid[0] == "T1w"]
        candidates["brain_mask"] = self._usable_on_t1w(candidates["brain_mask"], row)
        candidates["T1w_mask"] = self._on_grid_alone(candidates["brain_mask"], of_t1w, grids[:1])
        candidates["brain_mask"] = [file for file in candidates["brain_mask"] if file not in candidates["T1w_mask"]]
        for role in DERIVED:
            if not row[role]:
                allowed = grids[:1] if role in ON_GRE_GRID else of_t1w if role == "T1w_mask" else grids
                read = self._header if self.facts_of is None else None
                try:
                    file, warnings = choose_derivative(role, candidates[role], allowed, read)
                    if file is None and (role in DRAWN or role == "T1w_mask"):
                        file, more = self._of_borrowed(role, row, allowed, grids[:1])
                        warnings += more
                except InputError as error:
                    if role not in DRAWN and role != "T1w_mask":
                        raise
                    file, warnings = None, [_refused(role, error)]
                row[role] = file.path if file else ""
                row["warnings"] += warnings
        _settle_lesions(row)

    def _fill_from_map(self, row: dict, maps: list[NamedFile], images: list[GreImage]) -> Facts:
        """Take an external χ map as the session's input, and magnitudes on its grid, which registrations use."""
        file, _ = choose_derivative("chi_map", maps, [], None)
        assert file is not None, "a session comes here for its maps"
        row["input_kind"], row["n_echoes"], row["chi_map"] = "chi_map", 0, file.path
        if self.facts_of is not None:
            return self.facts_of(row["session"], GreInput("chi_map", []))
        header = self._header(file)
        shape, size = check_grid(header, file, self.minimum_slices)
        for image in sorted(images, key=lambda image: (image.echo or 0, image.file.path)):
            if shared_grid(header, self._header(image.file)):
                row["magnitude"].append(image.file.path)
            else:
                row["warnings"].append(f"{image.file.path}: not on the grid of the χ map, not used")
        fields = self.sidecars.read(file)
        strength = fields.get("MagneticFieldStrength")
        strength = float(strength) if isinstance(strength, (int, float)) else None
        maker = str(fields.get("Manufacturer", ""))
        return Facts([], strength, shape, size, maker, form_warnings(header, file), header)

    def _fill_companions(self, row: dict, header: Header | None) -> list[tuple[str, Header]]:
        """Fill T1w, FLAIR and DWI; return the grids that derivatives may be drawn on."""
        has_more_grids = any(role and role not in ("chi_map", "voi_labels") for role, _ in self.derived)
        grids = [("GRE" if row["input_kind"] != "chi_map" else OF_MAP, header)] if header else []
        session = row["session_id"]
        for suffix in STRUCTURAL[::-1]:
            file, warnings = choose_structural(
                self.proper, session, suffix, wanted=self.filters.get(suffix),
                fields=self.sidecars.read if self.facts_of is None else None,
                read=self._header if self.facts_of is None else None,
            )  # fmt: skip
            row["warnings"] += warnings
            if file is not None:
                row[suffix] = file.path
                if file.session != session:
                    self._lend(file.session, f"its {suffix} serves", row)
                if header and has_more_grids:
                    grids.append((suffix, self._header(file)))
        (row["dwi"], row["bval"], row["bvec"]), warnings = choose_dwi(
            self.bids_dir, self.proper, session, self.gradients, self._header if self.facts_of is None else None
        )
        row["warnings"] += warnings
        return grids

    def _lend(self, session: str, what: str, row: dict) -> None:
        """Note in the lending session's row what serves another one."""
        key = session_key(row["participant_id"], row["session_id"], row["run"])
        self.lent.setdefault(session, []).append(f"{what} {key} too")

    def _of_borrowed(self, role: str, row: dict, grids: list, gre: list) -> tuple[NamedFile | None, list[str]]:
        """Choose what was drawn on an image that the session borrows from another one."""
        for suffix in STRUCTURAL:
            image = self.by_path.get(row[suffix])
            if image is None or image.session == row["session_id"]:
                continue
            drawn = "brain_mask" if role == "T1w_mask" else role
            there = [file for its_role, file in self.derived if its_role == drawn and file.session == image.session]
            own = [grid for grid in grids if grid[0] == suffix]
            if role == "T1w_mask":
                there = self._on_grid_alone(there, own, gre)
            read = self._header if self.facts_of is None else None
            file, _ = choose_derivative(role, there, own, read) if own else (None, [])
            if file is not None:
                self._lend(image.session, f"{file.path} serves", row)
                return file, [f"{file.path} is taken from {image.session} with the {suffix} that it was drawn on"]
        return None, []

    def _usable_on_t1w(self, files: list[NamedFile], row: dict) -> list[NamedFile]:
        """Leave out brain masks that say that they lie on the T1w and cannot be read: they are optional."""
        kept = []
        for file in files:
            try:
                if space_named(file.path) == "T1w" and self.facts_of is None:
                    self._header(file)
                kept.append(file)
            except InputError as error:
                row["warnings"].append(f"the brain mask of the T1w {error}; it is not used")
        return kept

    def _on_grid_alone(self, files: list[NamedFile], grids: list, others: list) -> list[NamedFile]:
        """Choose the files on a grid, by their name or since on none of the others; none where headers are not read."""
        if self.facts_of is not None or not grids:
            return []
        files = [file for file in files if space_named(file.path) in ("", *(name for name, _ in grids))]
        headers = [(file, self._header(file)) for file in files]
        on = [[any(shared_grid(grid, header) for _, grid in some) for some in (grids, others)] for _, header in headers]
        return [
            file
            for (file, _), (wanted, other) in zip(headers, on, strict=True)
            if wanted and (not other or space_named(file.path))
        ]

    def _candidates(self, role: str, row: dict, *, only_run: bool) -> list[NamedFile]:
        """List a role's derivatives that name this session and run, or leave them open where there is only one."""
        found = []
        for its_role, file in self.derived:
            if its_role != role or "echo" in file.entities:
                continue
            if file.session != row["session_id"] and (file.session or len(self.sessions) > 1):
                if not file.session:
                    row["warnings"].append(f"{file.path}: names no session, and there are several; not used")
                continue
            run = file.entities.get("run", "")
            if not run and row["run"] and not only_run and role in ON_GRE_GRID:
                row["warnings"].append(f"{file.path}: names no run, and the session has several; not used")
            elif not run or run.lstrip("0") == row["run"].lstrip("0"):
                found.append(file)
        return found

    def _header(self, file: NamedFile) -> Header:
        """Header of an image, read once."""
        if file.path not in self.headers:
            self.headers[file.path] = read_header(self.bids_dir, file)
        return self.headers[file.path]


def _parts(folder: str) -> list[str]:
    """Split a folder of a participant, e.g. ``sub-01/ses-2/func/``."""
    return [*folder.split("/"), ""]


def _refused(role: str, error: InputError) -> str:
    """Word why none of the user's own masks or labels is used, for the manifest."""
    begin = REFUSED_LESIONS if role.startswith("lesion") else f"none of the {role.replace('_', ' ')} is used: "
    return f"{begin}{error}"


def _settle_lesions(row: dict) -> None:
    """Mark a session whose own lesions cannot be used, so that no others take their place; of two files say which."""
    mask, labels = row["lesion_mask"], row["lesion_labels"]
    if mask and labels:
        row["warnings"].append(f"{mask}: {labels} is used in its place")
    elif mask or labels:
        spared = f"{mask or labels} is used, for "
        row["warnings"] = [text.replace(REFUSED_LESIONS, spared) for text in row["warnings"]]
    elif any(text.startswith(REFUSED_LESIONS) for text in row["warnings"]):
        row["without"].append("lesions")


def _prefer_anatomical(images: list[GreImage], acquisition: str | None) -> tuple[list[GreImage], bool]:
    """Take field maps in ``fmap/`` only where there is nothing else, or where the operator chooses among all."""
    anatomical = [image for image in images if image.file.datatype != "fmap"]
    if acquisition is not None:
        chosen = [i for i in images if i.file.datatype == "fmap" and matches_acquisition(i, acquisition)]
        return anatomical + chosen, False
    if anatomical:
        return anatomical, False
    return (images, True) if has_phase(images) else ([], False)
