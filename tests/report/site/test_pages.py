"""Pages without a browser: what is escaped, what is said, and how large the cohort's page becomes."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest

from chiomics.report.site.cohort import read_outliers, show_cohort
from chiomics.report.site.figures import FIGURES
from chiomics.report.site.lesions import SIDE, draw_planes
from chiomics.report.site.markdown import to_html
from chiomics.report.site.pages import for_script
from chiomics.report.site.paper import show_paper
from chiomics.report.site.session import failed_steps, given_verdict

from .conftest import HOSTILE, PAGES, row_of, write_many_sessions


class Reader(HTMLParser):
    """Collects links, and images without words."""

    def __init__(self) -> None:
        super().__init__()
        self.links, self.mute = [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.links += [found[name] for name in ("href", "src") if found.get(name)]
        if (tag == "img" and not found.get("alt")) or (tag == "canvas" and not found.get("aria-label")):
            self.mute.append(found)


def test_texts_from_data_run_nowhere(site):
    for page in (*site.rglob("*.html"), site / "site/cohort.js"):
        text = page.read_text(encoding="utf-8")
        assert "<script>document.title" not in text and "<b>1" not in text and "<b>x</b>" not in text, page
    assert "&lt;script&gt;document.title" in (site / "site/sub-04/sub-04.html").read_text(encoding="utf-8")


def test_data_for_scripts_survive_and_cannot_end_their_element():
    hostile = {"</script>": ["<!--", "&", "\u2028", "χ"]}
    written = str(for_script(hostile))
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written) == hostile


def test_every_link_leads_to_a_file_and_every_picture_has_words(site):
    for page in site.rglob("*.html"):
        reader = Reader()
        reader.feed(page.read_text(encoding="utf-8"))
        assert not reader.mute, page
        for link in reader.links:
            if not link.startswith(("#", "data:")):
                assert (page.parent / link.partition("#")[0]).exists(), f"{page}: {link}"


def test_every_page_says_that_subjects_are_simulated(site):
    for page in site.rglob("*.html"):
        assert "SIMULATED SUBJECTS" in page.read_text(encoding="utf-8"), page


def test_a_session_that_was_left_out_has_a_page_with_its_reason_and_its_step(site):
    text = (site / "site/sub-03/sub-03.html").read_text(encoding="utf-8")
    assert "the registration T1w to GRE failed; found overlap 0.3" in text
    assert 'data-step="T1w to GRE"' in text


def test_a_paper_page_has_readme_tables_and_figures(site):
    text = (site / "site/papers/some2020.html").read_text(encoding="utf-8")
    assert "<strong>Two</strong> of <code>three</code>" in text
    assert '<a href="../../papers/some2020/table1.tsv">the table</a>' in text
    assert re.search(r'<img [^>]*src="../../papers/some2020/figure1.svg"', text)
    assert "<caption>Regions and their values. 3 of 3 rows.</caption>" in text
    assert "<figcaption>figure1: what &lt;i&gt;stands&lt;/i&gt; out</figcaption>" in text
    assert 'alt="Some 2020, figure1: what &lt;i&gt;stands&lt;/i&gt; out"' in text


def test_long_names_of_columns_may_break_and_stay_escaped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table1.tsv").write_text("as_published_auc_low\t<b>_x\n1\t2\n")
    (tmp_path / "README.md").write_text("# A study\n")
    show_paper(["README.md", "table1.tsv"], "site/papers/some.html", title="Some", captions={}, simulated=False)
    text = (tmp_path / "site/papers/some.html").read_text()
    assert ">as_<wbr>published_<wbr>auc_<wbr>low<" in text and "&lt;b&gt;_<wbr>x" in text and "<b>" not in text


def test_markdown_is_escaped_and_keeps_its_form():
    text = "# A <i>\n\n| a | b |\n|---|---|\n| 1 | x\\|y |\n\n- one\n  more\n- [js](javascript:alert)\n\n[out](https://example.org/a)"
    found = str(to_html(text))
    assert "<h2>A &lt;i&gt;</h2>" in found and "<td>x|y</td>" in found and "<li>one more</li>" in found
    assert "javascript:" not in found and '<a href="https://example.org/a" rel="noreferrer">out</a>' in found


@pytest.mark.parametrize(
    ("reason", "steps"),
    [
        ("a job failed on this input; the registration T1w to template failed; found", ["T1w to template"]),
        ("left out of anatomy and what needs it: brain extraction failed; found 0.2 l", ["brain extraction"]),
        ("no phase", []),
    ],
)
def test_steps_are_named_as_the_index_reads_them(reason, steps):
    assert failed_steps(row_of("sub-01", reason=reason), None) == steps


def test_the_operators_earlier_verdict_is_kept():
    row = row_of("sub-01", status="excluded", reason="operator's verdict: moved", accepted=["all"])
    assert given_verdict(row) == {"accepted": ["all"], "verdict": "fail", "note": "moved"}


def test_a_lesion_that_is_the_brightest_of_a_head_is_no_flat_white(tmp_path):
    shape, peak = (60, 60, 60), np.array([30, 30, 30])
    distance = np.linalg.norm(np.moveaxis(np.indices(shape), 0, -1) - peak, axis=-1)
    head = np.where(distance < 28, 100.0, 0.0) + np.where(distance < 4, 100 * (1 - distance / 4), 0)
    for name, voxels in (("chi", 0.001 * head - 0.1), ("flair", head)):
        nib.save(nib.Nifti1Image(voxels.astype(np.float32), np.eye(4)), tmp_path / f"{name}.nii")
    size = draw_planes(tmp_path / "chi.nii", tmp_path / "flair.nii", peak[None].astype(float), tmp_path / "planes.png")
    picture = plt.imread(tmp_path / "planes.png")[..., 0]
    assert picture.shape == (SIDE, size["width"]) == (SIDE, 6 * SIDE)
    flair = picture[:, 3 * SIDE :]
    assert (flair > 0.999).mean() < 0.01, "its slope from edge to centre is seen"
    assert flair.max() > 0.95 and 0.4 < flair[SIDE // 2, SIDE // 4] < 0.7, "tissue at half of the brightest"


def test_ten_thousand_sessions_fit_on_one_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = write_many_sessions(10_000, monkeypatch)
    size = sum((tmp_path / pages[name]).stat().st_size for name in ("index", "data"))
    assert size <= 5_000_000
    with (tmp_path / pages["table"]).open(newline="") as lines:
        table = list(csv.DictReader(lines, delimiter="\t"))
    assert len(table) == 10_000 and "\t" not in HOSTILE
    assert "SIMULATED" not in (tmp_path / pages["index"]).read_text()


def test_a_mixed_cohort_says_how_many_are_simulated_and_which(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figures = {figure.key: 1.0 for figure in FIGURES}
    facts = [
        row_of(name, lesions=[], figures=figures, trusted=True, page="", simulated=simulated, given={"steps": []})
        for name, simulated in (("sub-01", True), ("sub-02", False), ("sub-03", False))
    ]
    monkeypatch.setattr("chiomics.report.site.cohort.read_sidecar", lambda fact: fact)
    pages = {name: f"results/{path}" for name, path in PAGES.items()}
    for simulated in ("1 of 3 sessions", True):
        show_cohort(
            facts, pages, name="mixed", papers=[], papers_left_out=[], pictures=[], outliers={}, predicted=None,
            lacks=[], simulated=simulated,
        )  # fmt: skip
        text = (tmp_path / pages["index"]).read_text()
        assert ("SIMULATED SUBJECTS: 1 of 3 sessions" in text) == isinstance(simulated, str)
        with (tmp_path / pages["table"]).open(newline="") as lines:
            table = list(csv.DictReader(lines, delimiter="\t"))
        if isinstance(simulated, str):
            assert [row["origin"] for row in table] == ["simulated", "measured", "measured"]
        else:  # nothing to tell apart, and so no column
            assert "origin" not in table[0] and "reason" not in table[0]


def test_what_the_stages_say_stands_out_is_read_by_session(tmp_path):
    (tmp_path / "anatomy.tsv").write_text("session\toutliers\nsub-01\toverlap_T1w GP_L_mm3\nsub-02\tn/a\n")
    assert read_outliers([str(tmp_path / "anatomy.tsv")]) == {"sub-01": "overlap T1w; GP L mm3", "sub-02": ""}
