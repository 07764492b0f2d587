"""Pictures to check features by: histograms with their bins, and a cohort's features with its outliers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from chiomics.core.figures import TWO_COLUMNS, keep_head_free, mark_simulated
from chiomics.core.files import atomic_write
from chiomics.core.scores.outliers import NARROWEST, OUTLIER, draw_scores, modified_scores, name_sessions
from chiomics.radiomics.features.discretise import FlatRegionError, count_edges, width_edges

#: What the picture of a cohort shows.
OVER_REGIONS = "of each feature the largest |z|\nover the regions"
#: Fewer sessions than this have no spread to speak of.
FEWEST_SESSIONS = 4
COLUMNS_OF_PANELS = 4


def plot_histograms(
    values: Mapping[str, np.ndarray],
    path: str | Path,
    *,
    gray_levels: Sequence[int] = (),
    bin_widths: Sequence[float] = (),
    title: str = "",
    unit: str = "ppm",
    simulated: bool | str = False,
) -> None:
    """Draw the histogram of each region's values, and under it the bin edges of each grey-level setting.

    Parameters
    ----------
    values : mapping of str to ndarray
        Region name to its values.
    path : path-like
        PNG file.
    gray_levels, bin_widths : sequence
        Settings whose bins are drawn.
    title : str
        Above the figure.
    unit : str
        Of the values.
    simulated : bool or str
        Whether to say that subjects are simulated, or how many of them.
    """
    n = max(len(values), 1)
    columns = min(COLUMNS_OF_PANELS, n)
    rows = -(-n // columns)
    size = (max(3.6 * columns, TWO_COLUMNS), 2.9 * rows)  # what stands above and below the panels takes two columns
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    settings = [(f"{n_bins}", count_edges, n_bins) for n_bins in gray_levels]
    settings += [(f"{width:g} {unit}", width_edges, width) for width in bin_widths]
    for axis, (name, inside) in zip(axes.flat, values.items(), strict=False):
        axis.set_title(f"{name} ({inside.size} voxels)", fontsize=9)
        axis.tick_params(labelsize=7)
        axis.locator_params(axis="x", nbins=5)
        if inside.size == 0:
            axis.text(0.5, 0.5, "empty", ha="center", va="center", transform=axis.transAxes)
            continue
        counts, _, _ = axis.hist(inside, bins=min(100, max(10, inside.size // 20)), color="#4477aa")
        step = counts.max() * 0.09
        for row, (label, make_edges, size) in enumerate(settings, start=1):
            try:
                edges = make_edges(inside, size).astype(float)
            except FlatRegionError:
                continue
            edges = np.append(edges[:-1], inside.max()) if make_edges is count_edges else edges
            axis.plot(edges, np.full(edges.size, -row * step), "|", color="#333333", markersize=4, markeredgewidth=0.4)
            axis.text(1.01, -row * step, label, transform=axis.get_yaxis_transform(), fontsize=6, va="center")
        axis.set_ylim(bottom=-(len(settings) + 0.8) * step)
        axis.set_yticks([tick for tick in axis.get_yticks() if 0 <= tick <= counts.max() * 1.05])
    for axis in axes.flat[len(values) :]:
        axis.set_visible(False)
    figure.supxlabel(f"susceptibility ({unit}); ticks below: bin edges of each number of grey levels", fontsize=9)
    figure.supylabel("voxels", fontsize=9)
    figure.suptitle(title, fontsize=10)
    _save(figure, path, simulated=simulated)


def largest_scores(tables: Iterable[pd.DataFrame]) -> tuple[pd.DataFrame, str]:
    """Reduce a cohort's features to one score per session and feature: the largest over the volumes of interest.

    Parameters
    ----------
    tables : iterable of pandas.DataFrame
        Of one or more sessions each, as of `chiomics.radiomics.tables.SessionTables`; gone through twice.

    Returns
    -------
    scores : pandas.DataFrame
        Sessions in rows, ``class_feature`` in columns: original image, first map and preset, structures as a whole (or
        their sides, where the preset has only these), and of the grey-level settings the middle one.
    description : str
        Which those are.
    """
    first: dict[str, str] = {}
    found: set[tuple[bool, str, float]] = set()
    for table in tables:
        if not first and len(table):
            first = {key: table[key].iloc[0] for key in ("preset", "inversion", "echo_set")}
        chosen = _first_map(table, first)
        for setting in ("n_gray_levels", "bin_width"):
            known = pd.DataFrame({"whole": _is_whole(chosen), "size": chosen[setting].astype(float)}).dropna()
            found |= {(whole, setting, size) for whole, size in known.drop_duplicates().itertuples(index=False)}
    whole = any(one for one, _, _ in found)
    setting = "n_gray_levels" if any(one[:2] == (whole, "n_gray_levels") for one in found) else "bin_width"
    sizes = sorted(size for *one, size in found if one == [whole, setting])
    middle = sizes[len(sizes) // 2]
    scores = modified_scores(_by_session(tables, first, whole, setting, middle), constant=0.0)
    names = dict.fromkeys(scores.columns.get_level_values("name"))
    farthest = pd.DataFrame({name: _farthest(scores[name].to_numpy()) for name in names}, index=scores.index)
    return farthest, f"{first['preset']}, {first['inversion']}, {first['echo_set']}, {setting} {middle:g}"


def _first_map(table: pd.DataFrame, first: Mapping[str, str]) -> pd.DataFrame:
    same = np.logical_and.reduce([table["image_type"] == "original", *(table[key] == first[key] for key in first)])
    return table[same]


def _is_whole(table: pd.DataFrame) -> np.ndarray:
    return ~table["hemisphere"].isin(["L", "R"]).to_numpy()


def _by_session(
    tables: Iterable[pd.DataFrame], first: Mapping[str, str], whole: bool, setting: str, size: float
) -> pd.DataFrame:
    """Lay one setting out: a row per session, a column per feature and region."""
    places: dict[tuple[str, ...], int] = {}
    rows: dict[str, np.ndarray] = {}
    for table in tables:
        chosen = _first_map(table, first)
        chosen = chosen[(_is_whole(chosen) == whole) & (chosen[setting].astype(float) == size).to_numpy()]
        session, *others = (chosen[key].astype(str) for key in ("participant", "session", "run"))
        for other in others:
            session = session.where(other == "", session + "_" + other)
        for key, part in chosen.groupby(session.to_numpy(), sort=False):
            name = part["feature_class"].astype(str) + "_" + part["feature"].astype(str)
            heads = zip(name, part["voi"], part["hemisphere"], strict=True)
            place = [places.setdefault(head, len(places)) for head in heads]
            row = rows.get(key, np.zeros(0))
            rows[key] = np.append(row, np.full(len(places) - len(row), np.nan))
            rows[key][place] = part["value"]
    values = np.full((len(rows), len(places)), np.nan)
    for line, row in zip(values, rows.values(), strict=True):
        line[: len(row)] = row
    columns = pd.MultiIndex.from_tuples(places, names=["name", "voi", "hemisphere"])
    return pd.DataFrame(values, index=pd.Index(rows, name="key"), columns=columns).sort_index().sort_index(axis=1)


def _farthest(scores: np.ndarray) -> np.ndarray:
    """Return of each row the score that is farthest from 0; NaN where none is known."""
    place = np.where(np.isnan(scores), -1, np.abs(scores)).argmax(axis=1)
    return np.take_along_axis(scores, place[:, None], axis=1)[:, 0]


def outliers(scores: pd.DataFrame) -> pd.DataFrame:
    """List the values beyond `OUTLIER`, the farthest first: session, feature and score."""
    listed = scores.rename_axis(index="session", columns="feature").stack().rename("score").reset_index()
    listed = listed[listed["score"].abs() > OUTLIER]
    return listed.sort_values("score", key=np.abs, ascending=False, kind="stable").reset_index(drop=True)


def plot_heat_map(scores: pd.DataFrame, path: str | Path, *, title: str = "", simulated: bool | str = False) -> None:
    """Draw features by sessions in colours of their modified z-scores, outliers marked.

    Parameters
    ----------
    scores : pandas.DataFrame
        From `largest_scores`; columns named class_feature, which are sorted by class here.
    path : path-like
        PNG file.
    title : str
        Above the figure.
    simulated : bool or str
        Whether to say that subjects are simulated, or how many of them.
    """
    scores = scores[sorted(scores.columns)]
    classes = [name.split("_")[0] for name in scores.columns]
    height = min(2.5 + 0.11 * scores.shape[1], 60)
    width = min(max(4 + 0.16 * scores.shape[0], NARROWEST), 40)
    figure, axis = plt.subplots(figsize=(width, height), layout="constrained")
    shown = draw_scores(axis, scores, fewest=FEWEST_SESSIONS)
    axis.set_yticks(range(len(classes)), [name.split("_", 1)[1] for name in scores.columns], fontsize=5)
    name_sessions(axis, scores.index)
    for k in range(1, len(classes)):
        if classes[k] != classes[k - 1]:
            axis.axhline(k - 0.5, color="k", linewidth=0.6)
    for name in dict.fromkeys(classes):
        middle = np.mean([k for k, each in enumerate(classes) if each == name])
        axis.text(1.01, middle, name, transform=axis.get_yaxis_transform(), fontsize=7, va="center")
    bar = figure.colorbar(shown, ax=axis, pad=0.12, fraction=0.04, extend="both")
    bar.set_label(f"modified z-score over sessions,\n{OVER_REGIONS}; dots: beyond 3.5", fontsize=7)
    bar.ax.tick_params(labelsize=6)
    axis.set_title(title, fontsize=9)
    _save(figure, path, simulated=simulated)


def _save(figure: plt.Figure, path: str | Path, *, simulated: bool | str) -> None:
    if simulated:
        keep_head_free(figure)
        mark_simulated(figure, simulated=simulated)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=130, metadata={"Software": None})
    plt.close(figure)
