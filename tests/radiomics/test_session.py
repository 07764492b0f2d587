"""The table of a session: its rows, its names, its reasons, and the pictures made from it."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy import ndimage

from chiomics.core.errors import InputError, SettingError
from chiomics.core.features.simulated import says_simulated
from chiomics.core.origin import SIMULATED_MARK
from chiomics.radiomics import extract, qc
from chiomics.radiomics.session import COLUMNS, extract_session, read_sessions, region_values, write_session
from chiomics.radiomics.tables import SessionTables, widen, write_wide
from chiomics.radiomics.vois import arrange, find_vois, split_side

SHAPE = (40, 36, 24)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
LEVELS = {"gray_levels": [8, 16]}
IDENTITY = {"participant": "sub-01", "session": "", "run": "", "group": "MS"}


def save(voxels, path):
    nib.save(nib.Nifti1Image(voxels, AFFINE), path)
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """Two maps, nuclei with sides, a small and a flat one, two overlapping tracts, lesions; zeros outside a mask."""
    folder = tmp_path_factory.mktemp("session")
    rng = np.random.default_rng(0)
    valid = np.zeros(SHAPE, np.uint8)
    valid[4:-4, 4:-4, 3:-3] = 1
    chi = 0.3 * ndimage.gaussian_filter(rng.normal(size=SHAPE), 1)
    chi[30:34, 26:30, 10:14] = 0.05  # flat
    maps = {}
    for echo_set in ("all", "1TE"):
        noisy = chi + (echo_set == "1TE") * 0.002 * rng.normal(size=SHAPE)
        path = folder / f"sub-01_rec-ilsqr_desc-{echo_set}_Chimap.nii.gz"
        maps["ilsqr", echo_set] = save((noisy * valid).astype(np.float32), path)
    nuclei = np.zeros(SHAPE, np.uint8)
    nuclei[6:12, 10:18, 5:12], nuclei[26:33, 10:18, 5:12] = 11, 111
    nuclei[20, 20, 20] = 12
    nuclei[30:34, 26:30, 10:14] = 13
    vois = [save(nuclei, folder / "sub-01_desc-dgm_dseg.nii.gz")]
    table = ["index\tabbreviation", "11\tTHA_L", "111\tTHA_R", "12\tDOT", "13\tFLAT"]
    (folder / "sub-01_desc-dgm_dseg.tsv").write_text("\n".join(table))
    for side, start in (("L", 2), ("R", 22)):
        tract = np.zeros(SHAPE, np.uint8)
        tract[start : start + 9, 6:30, 6:10] = 1  # reaches beyond the valid mask on the left
        vois.append(save(tract, folder / f"sub-01_hemi-{side}_label-CST_mask.nii.gz"))
    lesions = np.zeros(SHAPE, np.int16)
    lesions[15:19, 8:12, 14:18], lesions[15:20, 20:26, 14:17] = 1, 2
    vois.append(save(lesions, folder / "sub-01_desc-lesions_dseg.nii.gz"))
    mask = save(valid, folder / "sub-01_desc-qsm_mask.nii.gz")
    presets = {
        "fiscone107": {**LEVELS, "sources": ["dgm", "tracts"]},
        "zhang527": {},
    }
    frame = extract_session(maps, vois, presets=presets, identity=IDENTITY, valid_mask=mask)
    return {"folder": folder, "maps": maps, "vois": vois, "mask": mask, "presets": presets, "frame": frame}


def test_every_combination_has_its_rows(session):
    frame = session["frame"]
    assert list(frame.columns) == [*IDENTITY, *COLUMNS]
    fiscone = frame[frame["preset"] == "fiscone107"]
    regions = {
        ("THA", "LR"),
        ("THA", "L"),
        ("THA", "R"),
        ("DOT", ""),
        ("FLAT", ""),
        ("CST", "LR"),
        ("CST", "L"),
        ("CST", "R"),
    }
    assert set(zip(fiscone["voi"], fiscone["hemisphere"], strict=True)) == regions
    assert len(fiscone) == len(regions) * 2 * 2 * 107
    zhang = frame[frame["preset"] == "zhang527"]
    assert set(zhang["voi"]) == {"lesion1", "lesion2"}
    assert len(zhang) == 2 * 2 * 527
    keys = [column for column in frame.columns if column not in ("value", "reason")]
    assert not frame[keys].duplicated().any()


def test_values_are_those_of_the_engine_alone(session):
    """On float64, cut to the valid mask, in ppb for the preset that needs it."""
    chi = np.asanyarray(nib.load(session["maps"]["ilsqr", "1TE"]).dataobj).astype(np.float64)
    valid = np.asanyarray(nib.load(session["mask"]).dataobj)
    left = np.asanyarray(nib.load(session["vois"][1]).dataobj) * valid
    frame = session["frame"]
    rows = frame.query("voi == 'CST' and hemisphere == 'L' and echo_set == '1TE'")
    alone = extract(nib.Nifti1Image(chi, AFFINE), nib.Nifti1Image(left, AFFINE), gray_levels=(8, 16))
    assert np.array_equal(rows["value"], alone["value"])
    lesion = (np.asanyarray(nib.load(session["vois"][3]).dataobj) == 2) * valid
    rows = frame.query("voi == 'lesion2' and echo_set == '1TE'")
    alone = extract(1000.0 * chi, lesion.astype(np.uint8), spacing=(1, 1, 2), preset="zhang527", unit="ppb")
    assert np.array_equal(rows["value"], alone["value"])


def test_engines_give_the_same_table(session):
    pytest.importorskip("radiomics")
    presets = {"fiscone107": {"gray_levels": [16], "vois": ["THA", "DOT"], "sources": ["dgm"], "hemispheres": "merged"}}
    tables = [
        extract_session(
            session["maps"], session["vois"], presets=presets, identity=IDENTITY, valid_mask=session["mask"],
            engine=engine,
        )
        for engine in ("chiomics", "pyradiomics")
    ]  # fmt: skip
    mcc = tables[0]["feature"] == "MCC"
    np.testing.assert_allclose(tables[0]["value"][~mcc], tables[1]["value"][~mcc], rtol=1e-9, atol=1e-12)


def test_the_reference_engine_gets_what_extract_gives_it(session, tmp_path):
    """It normalises and cuts outliers itself: values that were brought to it normalised would be cut twice."""
    pytest.importorskip("radiomics")
    file = tmp_path / "normalised.yaml"
    file.write_text("setting: {binCount: 8, normalize: true, removeOutliers: 1}\nfeatureClass: {firstorder: }\n")
    maps = {("ilsqr", "all"): session["maps"]["ilsqr", "all"]}
    own = {"parameter_file": str(file), "vois": ["THA"], "hemispheres": "merged"}
    tables = [
        extract_session(
            maps, session["vois"], presets={"own": own}, identity=IDENTITY, valid_mask=session["mask"], engine=engine
        )
        for engine in ("chiomics", "pyradiomics")
    ]
    np.testing.assert_allclose(tables[0]["value"], tables[1]["value"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("engine", "isolated_voxels"), [("fast", "pyradiomics"), ("pyradiomics", "ibsi")])
def test_an_engine_that_cannot_do_what_is_asked_for_is_refused(session, engine, isolated_voxels):
    with pytest.raises(SettingError, match="engine"):
        extract_session(
            session["maps"], session["vois"], presets=session["presets"], identity=IDENTITY, engine=engine,
            isolated_voxels=isolated_voxels,
        )  # fmt: skip


def test_what_cannot_be_extracted_has_a_reason_and_nothing_is_imputed(session):
    frame = session["frame"]
    dot = frame[frame["voi"] == "DOT"]
    assert dot["value"].isna().all() and (dot["reason"] == "too small: one voxel").all()
    flat = frame[frame["voi"] == "FLAT"]
    shape = flat["feature_class"] == "shape"
    assert (flat["reason"][~shape & (flat["echo_set"] == "all")] == "flat: all values are equal").all()
    assert (flat["reason"][shape] == "").all() and flat["value"][shape].notna().all()
    others = frame[~frame["voi"].isin(["DOT", "FLAT"])]
    assert (others["reason"] == "").all() and np.isfinite(others["value"]).all()


def test_a_region_outside_the_valid_mask_is_empty(session, tmp_path):
    outside = np.zeros(SHAPE, np.uint8)
    outside[:3, :3, :3] = 1
    vois = [save(outside, tmp_path / "sub-01_label-OUT_mask.nii.gz")]
    for mask in (session["mask"], None):  # without a mask, where maps are 0
        frame = extract_session(
            session["maps"], vois, presets={"fiscone107": LEVELS}, identity=IDENTITY, valid_mask=mask
        )  # fmt: skip
        assert set(frame["reason"]) == {"the region is empty"}


def test_many_sessions_open_as_one(session, tmp_path):
    """Also where one of them has no bin width, no value or no reason in a column."""
    import pyarrow.dataset

    frame = session["frame"]
    parts = [frame, frame[frame["preset"] == "zhang527"], frame[frame["voi"] == "DOT"]]
    paths = []
    for number, part in enumerate(parts):
        folder = tmp_path / f"sub-0{number}" / "radiomics"
        paths.append(folder / f"sub-0{number}_features.parquet")
        write_session(part.assign(participant=f"sub-0{number}"), paths[-1])
    total = sum(len(part) for part in parts)
    assert len(read_sessions(paths)) == total
    dataset = pyarrow.dataset.dataset(tmp_path, format="parquet")
    assert dataset.count_rows() == total
    assert dataset.schema.field("n_gray_levels").type == "int32"
    assert len(pd.read_parquet(tmp_path)) == total
    again = tmp_path / "again.parquet"
    write_session(parts[0].assign(participant="sub-00"), again)
    assert again.read_bytes() == paths[0].read_bytes()


def test_sessions_one_after_another_give_what_they_give_together(session, tmp_path):
    """The scores and the wide table; the second session lacks a region, the third a preset."""
    frame, rng = session["frame"], np.random.default_rng(3)
    parts = [frame, frame[frame["voi"] != "DOT"], frame[frame["preset"] == "fiscone107"], frame]
    parts = [
        part.assign(participant=f"sub-0{number}", value=part["value"] * rng.normal(1, 0.1, len(part)))
        for number, part in enumerate(parts)
    ]
    paths = [tmp_path / f"sub-0{number}_features.parquet" for number in range(len(parts))]
    for part, path in zip(parts, paths, strict=True):
        write_session(part, path)
    scores, said = qc.largest_scores(SessionTables(paths))
    whole, said_of_whole = qc.largest_scores([pd.concat(parts)])
    pd.testing.assert_frame_equal(scores, whole)
    assert said == said_of_whole
    rows = write_wide(SessionTables(paths), tmp_path / "apart.tsv")
    wide = widen(pd.concat(parts).reset_index(drop=True))
    assert rows == len(wide)
    found = pd.read_csv(tmp_path / "apart.tsv", sep="\t")
    assert list(found) == list(wide)
    heads = [name for name in wide if name in COLUMNS or name in IDENTITY]
    np.testing.assert_array_equal(found.drop(columns=heads), wide.drop(columns=heads))
    for name in ("participant", "voi", "echo_set", "n_gray_levels", "bin_width"):
        pd.testing.assert_series_equal(found[name], wide[name], check_dtype=False)


def test_wide_table_has_a_column_per_feature(session):
    wide = widen(session["frame"][session["frame"]["preset"] == "fiscone107"])
    assert wide.shape[0] == 8 * 2 * 2
    assert "original_glcm_Contrast" in wide and "reason" not in wide
    row = wide.query("voi == 'THA' and hemisphere == 'R' and echo_set == 'all' and n_gray_levels == 16")
    long = session["frame"].query(
        "voi == 'THA' and hemisphere == 'R' and echo_set == 'all' and n_gray_levels == 16 and feature == 'Strength'"
    )
    assert row["original_ngtdm_Strength"].item() == long["value"].item()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("THA_L", ("THA", "L")), ("THA-R", ("THA", "R")), ("left thalamus", ("thalamus", "L")),
        ("Right_GP", ("GP", "R")), ("lh.putamen", ("putamen", "L")), ("thalamus right", ("thalamus", "R")),
        ("RN", ("RN", "")), ("lateral ventricle", ("lateral ventricle", "")), ("OR", ("OR", "")),
    ],
)  # fmt: skip
def test_sides_are_read_from_names(name, expected):
    assert split_side(name) == expected


def test_sides_are_merged_kept_or_both(session):
    vois = [voi for voi in find_vois(session["vois"]) if voi.name == "THA"]
    assert list(arrange(vois, "merged")) == [("THA", "LR")]
    assert list(arrange(vois, "separate")) == [("THA", "L"), ("THA", "R")]
    assert set(arrange(vois, "both")) == {("THA", "LR"), ("THA", "L"), ("THA", "R")}


def test_one_name_in_two_files_is_refused(session, tmp_path):
    twin = save(np.ones(SHAPE, np.uint8), tmp_path / "sub-01_hemi-L_label-CST_mask.nii.gz")
    with pytest.raises(InputError, match="CST L is there twice"):
        find_vois([*session["vois"], twin])


@pytest.mark.parametrize(
    ("line", "said"),
    [("1\t" + "x" * 200_000, "cannot be read"), ("one\tTHA", "line 2: a label is no whole number; found index one")],
)
def test_a_table_of_labels_that_cannot_be_read_is_named(tmp_path, line, said):
    image = save(np.ones(SHAPE, np.uint8), tmp_path / "sub-01_desc-voi_dseg.nii.gz")
    (tmp_path / "sub-01_desc-voi_dseg.tsv").write_text(f"index\tname\n{line}\n")
    with pytest.raises(InputError, match=rf"sub-01_desc-voi_dseg\.tsv.*{said}"):
        find_vois([image])


def test_a_mask_on_another_grid_is_named(session, tmp_path):
    other = save(np.ones((5, 5, 5), np.uint8), tmp_path / "sub-01_label-X_mask.nii.gz")
    with pytest.raises(InputError, match="label-X_mask"):
        extract_session(session["maps"], [other], presets={"fiscone107": LEVELS}, identity=IDENTITY)


@pytest.mark.usefixtures("texts_of_figures")
def test_histograms_and_heat_map_are_drawn(session, tmp_path):
    options = session["presets"]["fiscone107"]
    values = region_values(
        session["maps"], session["vois"], preset="fiscone107", options=options, valid_mask=session["mask"]
    )
    assert list(values) == ["THA", "DOT", "FLAT", "CST"]
    qc.plot_histograms(values, tmp_path / "histograms.png", gray_levels=(8, 16), title="sub-01", simulated=True)
    rng = np.random.default_rng(1)
    frame = session["frame"]
    cohort = pd.concat([
        frame.assign(participant=f"sub-{k:02d}", value=frame["value"] * (1 + 0.1 * rng.normal())) for k in range(8)
    ])  # fmt: skip
    cohort.loc[(cohort["participant"] == "sub-03") & (cohort["feature"] == "Mean"), "value"] *= 50
    scores, description = qc.largest_scores([cohort])
    assert scores.shape == (8, 107) and "16" in description
    listed = qc.outliers(scores)
    assert tuple(listed.iloc[0][["session", "feature"]]) == ("sub-03", "firstorder_Mean")
    qc.plot_heat_map(scores, tmp_path / "heat_map.png", title=description)
    assert (tmp_path / "histograms.png").stat().st_size > 10_000
    assert (tmp_path / "heat_map.png").stat().st_size > 10_000


@pytest.mark.parametrize("regions", [1, 5])
@pytest.mark.parametrize("simulated", [True, False])
def test_pictures_of_simulated_subjects_say_so_beside_their_title(tmp_path, monkeypatch, regions, simulated):
    drawn = []
    monkeypatch.setattr(qc.plt, "close", drawn.append)
    rng = np.random.default_rng(0)
    values = {f"V{k}": rng.normal(size=200) for k in range(regions)}
    title = "sub-MS01_ses-01_run-1, ilsqr, all"
    qc.plot_histograms(values, tmp_path / "a.png", gray_levels=(8,), title=title, simulated=simulated)
    scores = pd.DataFrame(rng.normal(size=(regions, 4)), columns=[f"glcm_F{k}" for k in range(4)])
    qc.plot_heat_map(scores, tmp_path / "b.png", title=title, simulated=simulated)
    monkeypatch.undo()
    for figure in drawn:
        texts = {text.get_text(): text for text in figure.findobj(Text)}
        assert (SIMULATED_MARK in texts) == simulated
        assert not [text for text in texts if "simulated" in text]  # one wording
        figure.canvas.draw()
        labels = [text.get_window_extent() for name, text in texts.items() if qc.OVER_REGIONS in name]
        assert all(box.y0 >= 0 and box.y1 <= figure.bbox.y1 and box.x1 <= figure.bbox.x1 for box in labels)
        whole = [texts[name].get_window_extent() for name in (title, SIMULATED_MARK) if name in texts]
        assert len(whole) == 1 + simulated
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in whole)
        assert not simulated or not whole[0].overlaps(whole[1])
        qc.plt.close(figure)


def test_the_histogram_of_a_region_has_the_offset_of_the_table(session):
    given = {"preset": "fiscone107", "options": session["presets"]["fiscone107"], "valid_mask": session["mask"]}
    before, after = (region_values(session["maps"], session["vois"], offset=offset, **given) for offset in (0.0, 0.02))
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values - 0.02, atol=1e-12)


def test_an_offset_moves_the_values_and_not_their_spread(session):
    maps, vois, mask = session["maps"], session["vois"], session["mask"]
    options = {"presets": {"fiscone107": {"gray_levels": [16], "sources": ["dgm"]}}, "identity": IDENTITY}
    tables = [extract_session(maps, vois, valid_mask=mask, offset=offset, **options) for offset in (0.0, 0.02)]
    key = ["voi", "hemisphere", "echo_set", "feature_class", "feature"]
    before, after = (table.set_index(key)["value"].dropna() for table in tables)
    change = (after - before).unstack("feature")
    # Sums over some hundred float64 values.
    assert np.allclose(change["Mean"].dropna(), -0.02, atol=1e-12)
    assert np.allclose(change["Variance"].dropna(), 0, atol=1e-12)


def test_a_preset_reads_the_maps_that_it_names(session):
    maps, vois, mask = session["maps"], session["vois"], session["mask"]
    presets = {"fiscone107": {**LEVELS, "echo_sets": ["1TE"]}, "yan874": {"inversions": ["star"]}}
    table = extract_session(maps, vois, valid_mask=mask, presets=presets, identity=IDENTITY)
    assert set(table["preset"]) == {"fiscone107"}
    assert set(table["echo_set"]) == {"1TE"}


def test_a_table_says_whether_its_subjects_are_simulated(session, tmp_path):
    for simulated in (True, False):
        path = tmp_path / f"{simulated}.parquet"
        write_session(session["frame"], path, simulated=simulated)
        assert says_simulated(path) is simulated
