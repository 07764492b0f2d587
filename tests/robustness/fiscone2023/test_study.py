"""The study on a cohort whose answer is known: which grey level, which features, which groups."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chiomics.core.features.table import open_features
from chiomics.core.papers import read_captions
from chiomics.robustness.counts import reported_setting
from chiomics.robustness.fiscone2023.readme import SLAB, write_readme
from chiomics.robustness.fiscone2023.study import analyse_agreement, describe_tracts
from chiomics.robustness.fiscone2023.tables import compare_published, paper_tables, table1_markdown
from chiomics.robustness.fiscone2023.volumes import BY_ANATOMY, BY_MASK
from chiomics.robustness.icc import CONSTANT, coefficient, decompose, mean_squares
from chiomics.robustness.settings import Settings
from chiomics.robustness.tables import TABLES, read_table, write_table
from tests.robustness.cohorts import FEATURES, PER_REGION, REGIONS, WITHOUT_SHAPE, make_cohort, write_cohort

#: Texture agrees at 64 grey levels and not at 16; first-order and shape at both.
TEXTURE = ("glcm", "glrlm", "ngtdm")
ICC = {(name, 16): 0.4 for name in TEXTURE}
SETTINGS = Settings.from_config(
    {"gray_levels": [16, 64], "bootstraps": 200, "groups": {"patients": ["MS"], "controls": ["HC"], "none": ["NMOSD"]}}
)
N_TEXTURE = sum(len(FEATURES[name]) for name in TEXTURE)


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    frame = make_cohort(40, icc=ICC)
    constant = (frame["feature"] == "MCC") & (frame["voi"] == "CST") & (frame["hemisphere"] == "LR")
    frame.loc[constant, "value"] = 1.0
    return frame


@pytest.fixture(scope="module")
def folder(cohort: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cohort's tables, one per participant, some sessions without a reconstruction."""
    folder = tmp_path_factory.mktemp("features")
    lost = cohort["participant"].isin(["sub-01", "sub-35"]) & (cohort["echo_set"] == "1TE")
    write_cohort(cohort[~lost], folder)
    return folder


@pytest.fixture(scope="module")
def tables(folder: Path) -> dict[str, pd.DataFrame]:
    features = open_features(sorted(folder.iterdir()))
    found = analyse_agreement(features, SETTINGS)
    return found | describe_tracts(features, found["optimal_gray_level.tsv"], SETTINGS)


def choose(frame: pd.DataFrame, **where: object) -> pd.DataFrame:
    for name, value in where.items():
        frame = frame[frame[name] == value]
    return frame


def test_every_table_has_its_columns_and_comes_back(tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    assert set(TABLES) == {*tables, "published.tsv"}
    for name, frame in tables.items():
        write_table(frame, tmp_path / name)
        again = read_table(tmp_path / name)
        expected = frame[list(TABLES[name])].reset_index(drop=True)
        pd.testing.assert_frame_equal(again, expected, check_dtype=False, check_exact=True)


def test_coefficients_are_those_of_each_feature_alone(tables: dict[str, pd.DataFrame], cohort: pd.DataFrame) -> None:
    where = {"voi": "CST", "hemisphere": "L", "feature": "Contrast", "n_gray_levels": 16}
    for subset, groups in {"all": ("MS", "HC"), "patients": ("MS",), "controls": ("HC",)}.items():
        row = choose(tables["icc.parquet"], cohort=subset, **where).iloc[0]
        wide = choose(cohort, **where).pivot(index=["participant", "group"], columns="echo_set", values="value")
        wide = wide[wide.index.get_level_values("group").isin(groups)]
        complete = wide.drop(index=["sub-01", "sub-35"], level="participant", errors="ignore")
        assert (row["n_sessions"], row["n_missing"]) == (len(complete), len(wide) - len(complete))
        for name in ("icc_11", "icc_a1", "icc_c1"):
            alone = coefficient(mean_squares(decompose(complete.to_numpy()[..., None])), name)[0]
            assert row[name] == pytest.approx(alone, rel=1e-12)
        assert row["icc"] == row["icc_a1"]
        assert row["bootstrap_low"] < row["icc"] < row["bootstrap_high"]


def test_constant_features_have_a_reason_and_are_not_robust(tables: dict[str, pd.DataFrame]) -> None:
    icc = tables["icc.parquet"]
    constant = icc["reason"] != ""
    assert set(icc.loc[constant, "reason"]) == {CONSTANT}
    assert (icc.loc[constant, ["voi", "hemisphere", "feature"]] == ["CST", "LR", "MCC"]).all(axis=None)
    assert icc.loc[constant, "icc"].isna().all()
    assert not icc.loc[constant, "robust"].any()
    assert icc.loc[~constant, "icc"].notna().all()


def test_the_grey_level_with_most_robust_features_is_found_for_every_subset(tables: dict[str, pd.DataFrame]) -> None:
    optimal = tables["optimal_gray_level.tsv"]
    best = optimal[optimal["optimal"]]
    assert set(best["cohort"]) == {"all", "patients", "controls"}  # nobody is in the subset "none"
    assert (best["n_gray_levels"] == 64).all()
    assert (best["bootstrap_share"] == 1).all()  # 28 texture features of merged regions apart: no draw can turn that
    assert reported_setting(optimal, SETTINGS)["n_gray_levels"] == 64
    shares = optimal.groupby(["cohort", "sides", "threshold"])["bootstrap_share"].sum()
    np.testing.assert_allclose(shares, 1)


def test_counts_add_up_with_both_denominators(tables: dict[str, pd.DataFrame]) -> None:
    counts, merged = tables["counts.tsv"], sum(side not in ("L", "R") for _, side in REGIONS)
    at = {"cohort": "all", "sides": "merged", "n_gray_levels": 64, "threshold": 0.85}
    whole = choose(counts, **at, voi="all", hemisphere="all", feature_class="all").iloc[0]
    no_coefficient = 1  # the constant feature: neither robust nor counted among those that could be
    assert whole["n_features"] == whole["n_robust"] == merged * WITHOUT_SHAPE - no_coefficient
    assert whole["n_features_with_shape"] == whole["n_robust_with_shape"] == merged * PER_REGION - no_coefficient
    by_class = choose(counts, **at, voi="all", hemisphere="all").set_index("feature_class")["n_robust"]
    assert by_class.drop(["all", "shape"]).sum() == by_class["all"]
    by_voi = choose(counts, **at, feature_class="all", hemisphere="all").set_index("voi")["n_robust"]
    assert by_voi["tracts"] + by_voi["NAWM"] == by_voi["all"]
    apart = choose(counts, **at | {"sides": "separate"}, feature_class="all", voi="CST").set_index("hemisphere")
    assert apart.loc["L", "n_robust"] + apart.loc["R", "n_robust"] == apart.loc["all", "n_robust"]
    low_levels = choose(counts, **at | {"n_gray_levels": 16}, voi="all", hemisphere="all", feature_class="all").iloc[0]
    assert low_levels["n_robust"] == merged * (WITHOUT_SHAPE - N_TEXTURE)
    assert ((counts["low"] <= counts["high"]) & (counts["high"] <= counts["n_features"])).all()


def test_counts_are_those_of_the_coefficients(tables: dict[str, pd.DataFrame]) -> None:
    icc, counts = tables["icc.parquet"], tables["counts.tsv"]
    for threshold in SETTINGS.thresholds:
        rows = choose(icc, cohort="controls", sides="separate", n_gray_levels=64, voi="AF", hemisphere="R")
        found = choose(
            counts, cohort="controls", sides="separate", n_gray_levels=64, voi="AF", hemisphere="R",
            feature_class="firstorder", threshold=threshold,
        )  # fmt: skip
        assert found["n_robust"].item() == (choose(rows, feature_class="firstorder")["icc"] > threshold).sum()


def test_features_that_fail_in_one_region_are_not_on_the_list(tables: dict[str, pd.DataFrame]) -> None:
    whitelist = choose(tables["whitelist.tsv"], sides="all").set_index("feature")
    assert len(whitelist) == WITHOUT_SHAPE
    assert (whitelist["n_regions"] == len(REGIONS)).all()
    assert whitelist.index[~whitelist["robust"]].tolist() == ["MCC"]
    assert np.isnan(whitelist.loc["MCC", "min_icc"])
    assert whitelist.loc["MCC", "min_icc_voi"] == "CST"
    assert choose(tables["whitelist.tsv"], sides="separate")["robust"].all()
    assert whitelist.loc["Mean", "published"]
    assert not whitelist.loc["Entropy", "published"]


def test_groups_are_compared_with_the_whole(tables: dict[str, pd.DataFrame]) -> None:
    groups = tables["groups.tsv"].set_index(["cohort", "sides"])
    assert groups.loc[("all", "merged"), "n_sessions"] == 40
    assert groups.loc[("patients", "merged"), "n_sessions"] == 24
    assert groups.loc[("controls", "separate"), "n_participants"] == 16
    assert groups.loc[("all", "merged"), "agreement_with_all"] == 1
    assert groups.loc[("all", "separate"), "mean_difference_from_all"] == 0
    assert (abs(groups["mean_difference_from_all"]) < 0.01).all()  # the groups have the same coefficients: 0.97


def test_the_same_input_gives_the_same_bytes(folder: Path, tables: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    again = analyse_agreement(open_features(sorted(folder.iterdir(), reverse=True)), SETTINGS)
    for name, frame in again.items():
        write_table(tables[name], tmp_path / "first" / name)
        write_table(frame, tmp_path / "second" / name)
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_fixed_bin_width_is_analysed_beside_fixed_bin_number(cohort: pd.DataFrame, tmp_path: Path) -> None:
    width = choose(cohort, n_gray_levels=16).assign(preset="widths", n_gray_levels=np.nan, bin_width=0.005)
    finer = choose(cohort, n_gray_levels=64).assign(preset="widths", n_gray_levels=np.nan, bin_width=0.001)
    features = open_features(write_cohort(pd.concat([cohort, width, finer]), tmp_path))
    settings = Settings.from_config({"presets": ["fiscone107", "widths"], "gray_levels": [16, 64], "bootstraps": 20})
    found = analyse_agreement(features, settings)
    icc = found["icc.parquet"].set_index(["preset", "n_gray_levels", "bin_width"]).sort_index()
    for level, size in ((16, 0.005), (64, 0.001)):
        by_number = icc.xs(("fiscone107", level), level=[0, 1])["icc"].to_numpy()
        by_width = icc.xs(("widths", size), level=[0, 2])["icc"].to_numpy()
        np.testing.assert_array_equal(by_number, by_width)
    best = found["optimal_gray_level.tsv"].query("optimal and preset == 'widths'")
    assert (best["bin_width"] == 0.001).all()
    assert reported_setting(found["optimal_gray_level.tsv"], settings)["preset"] == "fiscone107"


def test_inversions_are_one_more_axis(cohort: pd.DataFrame, tmp_path: Path) -> None:
    shifted = cohort.assign(inversion="star", value=cohort["value"] + 2 * (cohort["feature"] == "Mean"))
    features = open_features(write_cohort(pd.concat([cohort, shifted]), tmp_path))
    config = {"inversion": "ilsqr", "axes": {"inversion": {}, "field": {"column": "field"}}, "bootstraps": 20}
    found = analyse_agreement(features, Settings.from_config(config))
    icc = choose(found["icc.parquet"], perturbation="inversion", cohort="all", voi="AF", n_gray_levels=64)
    assert set(found["icc.parquet"]["perturbation"]) == {"echo_set", "inversion"}  # no table has a column "field"
    assert (icc["n_raters"] == 2).all()
    moved = icc["feature"] == "Mean"
    np.testing.assert_allclose(icc.loc[~moved, "icc_a1"], 1)
    np.testing.assert_allclose(icc.loc[moved, "icc_c1"], 1)
    assert (icc.loc[moved, "icc_a1"] < 0.6).all()


def test_the_papers_tables_hold_these_coefficients(tables: dict[str, pd.DataFrame]) -> None:
    setting = reported_setting(tables["optimal_gray_level.tsv"], SETTINGS)
    found = paper_tables(tables, setting, SETTINGS)
    said = {name for name in read_captions("chiomics.robustness.fiscone2023") if name.startswith("table")}
    assert {*found, "tableS1"} == said, "what each table shows"
    assert set(found) == {"table1", "table2", *(f"tableS{number}" for number in range(2, 19))}
    icc = choose(tables["icc.parquet"], cohort="all", n_gray_levels=64, feature="Mean").set_index(["voi", "hemisphere"])
    mean = found["table1"].set_index("feature").loc["Mean"]
    assert mean["CST"] == icc.loc[("CST", "LR"), "icc"]
    assert mean["NAWM_published"] == 0.983
    assert found["tableS17"].set_index("feature").loc["Mean", "AF"] == icc.loc[("AF", "L"), "icc"]
    assert len(found["tableS10"]) == WITHOUT_SHAPE
    assert "MCC" not in set(found["tableS16"]["feature"])
    assert found["tableS14"]["feature"].tolist() == ["Coarseness"]
    text = table1_markdown(found["table1"], SETTINGS, simulated=True)
    assert "SIMULATED" in text
    assert f"**{mean['CST']:.3f}** (0.973)" in text
    published = compare_published(tables, setting, SETTINGS)
    row = choose(published, quantity="coefficient", feature="Mean", voi="CST").iloc[0]
    assert (row["published"], row["ours"]) == (0.973, icc.loc[("CST", "LR"), "icc"])
    assert row["low"] < row["ours"] < row["high"]
    assert choose(published, quantity="coefficient", voi="UF")["ours"].isna().all()  # not in this cohort
    best = choose(published, quantity="optimal grey level")
    assert (best["ours"] == 64).all()


@pytest.mark.parametrize(
    "part",
    [
        "hemisphere not in ('L', 'R')",
        "hemisphere in ('L', 'R')",
        "voi != 'NAWM'",
        "feature_class == 'glcm'",
        "voi == 'CST'",
    ],
)
def test_what_a_cohort_lacks_is_left_out_and_the_rest_stands(cohort: pd.DataFrame, part: str, tmp_path: Path) -> None:
    features = open_features(write_cohort(cohort.query(part), tmp_path))
    settings = Settings.from_config({"bootstraps": 10}).with_found(features)
    found = analyse_agreement(features, settings)
    found |= describe_tracts(features, found["optimal_gray_level.tsv"], settings)
    for name, frame in found.items():
        write_table(frame, tmp_path / "tables" / name)
    again = {name: read_table(tmp_path / "tables" / name) for name in found}
    setting = reported_setting(again["optimal_gray_level.tsv"], settings)
    laid_out = paper_tables(again, setting, settings) | {"published": compare_published(again, setting, settings)}
    regions = cohort.query(part)["voi"].nunique()
    for name in ("table1", "tableS10"):
        assert len(laid_out[name].columns) <= 2 + 2 * regions
    assert "#" in write_readme(again, setting, settings, simulated=True, source="a test")
    assert len(again["icc.parquet"]) == 3 * len(cohort.query(part)) // (
        3 * 40
    )  # subsets; reconstructions, participants


@pytest.mark.parametrize("simulated", [True, False])
def test_the_readme_says_on_whom(tables: dict[str, pd.DataFrame], folder: Path, simulated: bool) -> None:
    settings = SETTINGS.with_found(open_features(sorted(folder.iterdir())))
    setting = reported_setting(tables["optimal_gray_level.tsv"], settings)
    text = write_readme(tables, setting, settings, simulated=simulated, source="a test")
    assert ("simulated subjects" in text) == simulated
    assert "all 40 (40), patients 24 (24), controls 16 (16)" in text
    assert "not in this cohort: FAT, IFOF, OR, UF" in text
    assert "at most 2 of the sessions each" in text  # those without 1TE
    assert "Subset none has fewer than two" in text
    assert "Volumes are in proportion to: volume of NAWM (40 of 40 sessions)." in text
    assert SLAB not in text


def test_the_readme_says_that_voxel_sizes_differ(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    settings = SETTINGS.with_found(open_features(sorted(folder.iterdir())))
    setting = reported_setting(tables["optimal_gray_level.tsv"], settings)

    def readme(*sizes: float | None) -> str:
        rows = [json.dumps(["", 3, 2, [0.01, 0.02], size and [size, 1, 2], [9, 9, 9]]) for size in sizes]
        protocols = [(text, number) for number, text in enumerate(rows, start=3)]
        return write_readme(tables, setting, settings, simulated=False, source="a test", protocols=protocols)

    assert "Voxel sizes differ**: 1 x 1 x 2 mm (3 sessions), 0.6 x 1 x 2 mm (4 sessions)" in readme(1, 0.6)
    for same in ([1, 1.0001], [1], [], [None, 1]):
        assert "Voxel sizes differ" not in readme(*same)


def test_the_readme_says_how_many_volumes_are_relative_to_a_slab(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    settings = SETTINGS.with_found(open_features(sorted(folder.iterdir())))
    volumes = tables["volumes.tsv"]
    first = volumes["participant"] == volumes["participant"].iloc[0]
    mixed = tables | {"volumes.tsv": volumes.assign(adjusted_by=np.where(first, BY_MASK, BY_ANATOMY))}
    setting = reported_setting(tables["optimal_gray_level.tsv"], settings)
    text = write_readme(mixed, setting, settings, simulated=False, source="a test")
    assert f"{BY_ANATOMY} (39 of 40 sessions), {BY_MASK} (1 of 40 sessions)." + SLAB in text


def test_the_readme_says_of_the_sides_what_holds_together_and_region_by_region(
    tables: dict[str, pd.DataFrame], folder: Path
) -> None:
    settings = SETTINGS.with_found(open_features(sorted(folder.iterdir())))
    setting = reported_setting(tables["optimal_gray_level.tsv"], settings)
    sides = tables["sides.tsv"].assign(
        equivalent=lambda frame: (frame["voi"] == "all").map({True: "True", False: "False"})
    )
    regions = sides.loc[~sides["voi"].isin(["all", "tracts"]), "voi"].nunique()
    text = write_readme(tables | {"sides.tsv": sides}, setting, settings, simulated=True, source="a test")
    assert "Over all regions together left and right are equivalent" in text
    assert f"Region by region 0 of {regions} are (figure 6" in text
