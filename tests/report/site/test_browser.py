"""The pages in a real browser, from a folder: headless Chromium of the system, steered by Playwright.

Skipped where either is missing: ``apt-get install chromium`` and ``pip install playwright`` bring them.
"""

from __future__ import annotations

import csv
import json
import shutil

import nibabel as nib
import pytest

from chiomics.core.errors import InputError
from chiomics.index.rim_ratings import read_rim_ratings
from chiomics.index.tables import apply_acceptances, apply_verdicts
from chiomics.report.site.cohort import show_cohort
from chiomics.report.site.figures import FIGURES
from chiomics.report.site.preview import CHI_STEP

from .conftest import AFFINE, HOSTILE, NUCLEUS, PAGES, PLACE, row_of, write_many_sessions

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)
#: WebGL 2 without a graphics card.
OPTIONS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def page(browser):
    """Return a page that fails the test where its console holds an error, or where a request leaves the machine."""
    found = browser.new_context(viewport={"width": 1300, "height": 900}, accept_downloads=True).new_page()
    found.set_default_timeout(120_000)  # milliseconds; a machine that does much else at a time is slow
    wrong = []
    found.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    yield found
    found.context.close()
    assert not wrong


def open_page(page, site, name):
    page.goto((site / name).as_uri())


def shown_sessions(page):
    return page.locator("#cohort tbody th").all_inner_texts()


def saved(page, button):
    """Press a button that saves a file, and return its place."""
    with page.expect_download() as download:
        page.click(button)
    return download.value.path()


def test_the_cohort_sorts_filters_and_leads_to_a_session(page, site):
    open_page(page, site, "index.html")
    assert [name for name in shown_sessions(page) if name != HOSTILE] == ["sub-01", "sub-02", "sub-03"]
    assert (
        page.inner_text("#groups").split()[:4] == ["no", "group", "HC", "MS"]
        and page.locator("#groups .swatch").count() == 4
    )
    volumes = "#cohort thead th[data-key=mask_ml]"
    page.click(f"{volumes} button")
    assert shown_sessions(page)[:2] == ["sub-01", "sub-02"]
    page.click(f"{volumes} button")
    assert shown_sessions(page)[:2] == ["sub-02", "sub-01"] and page.get_attribute(volumes, "aria-sort") == "descending"
    page.select_option("[data-filter=status]", "excluded")
    assert shown_sessions(page) == ["sub-03", HOSTILE] or shown_sessions(page) == [HOSTILE, "sub-03"]
    page.select_option("[data-filter=status]", "")
    page.fill("input[type=search]", "T1w to GRE")
    assert shown_sessions(page) == ["sub-03"]
    page.fill("input[type=search]", "")
    box = page.locator("canvas[data-figure=mask_ml]")
    place = box.evaluate(
        "canvas => { const at = canvas.points.find((point) => point.row[0] === 'sub-02'); return [at.x, at.y]; }"
    )
    box.click(position={"x": place[0], "y": place[1]})
    page.wait_for_url("**/sub-02.html")
    assert page.title().startswith("sub-02")


def test_ten_thousand_sessions_are_shown_within_two_seconds(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = write_many_sessions(10_000, monkeypatch)
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})  # of the processor: a busy machine counts no more
    open_page(page, tmp_path, pages["index"])
    assert page.inner_text("#count") == "10000 of 10000 sessions, 1 to 100 on this page"
    taken = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
    assert 0.05 < taken["TaskDuration"] < 2
    # Drawn by the processor: an imitated graphics card took twenty seconds more, in a process of its own.
    painters = "[...document.querySelectorAll('canvas[data-figure]')].map((one) => one.getContext('2d'))"
    assert page.evaluate(f"{painters}.every((one) => one.getContextAttributes().willReadFrequently)")
    page.click("#cohort thead th[data-key=noise] button")
    page.fill("input[type=search]", "sub-09999")
    assert shown_sessions(page) == ["sub-09999_ses-1"]


def test_no_text_from_data_runs(page, site):
    for name in ("index.html", "site/sub-04/sub-04.html", "site/verdicts.html", "site/papers/some2020.html"):
        open_page(page, site, name)
        assert page.title() != "ran"


def test_the_viewer_shows_the_value_that_the_map_holds(page, site):
    open_page(page, site, "site/sub-01/sub-01.html")
    page.evaluate("chiomics.viewer.ready")
    colours = page.evaluate(
        """() => { chiomics.viewer.shown.drawScene();
        const canvas = document.getElementById('volume-canvas'), copy = document.createElement('canvas');
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const paint = copy.getContext('2d'); paint.drawImage(canvas, 0, 0);
        return new Set(paint.getImageData(0, 0, copy.width, copy.height).data).size; }"""
    )
    assert colours > 5, "the canvas is empty"
    page.evaluate("place => chiomics.viewer.put(place)", list(PLACE))
    chi = nib.load(site / "sub-01/sub-01_chi.nii.gz").get_fdata()[NUCLEUS]
    said = page.inner_text("#readout")
    assert float(said.split()[1]) == pytest.approx(chi, abs=CHI_STEP / 2)
    assert "right globus pallidus (GP_R)" in said
    page.focus("#volume-canvas")
    before = page.inner_text("#readout").partition("—")[2]
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#readout").partition("—")[2] != before
    page.click("button:has-text('Nuclei')")
    page.wait_for_function("chiomics.viewer.shown.volumes.length === 2")
    assert page.locator("#legend li").all_inner_texts() == ["right globus pallidus (GP_R)"]


@pytest.mark.parametrize(("width", "beside", "columns"), [(1400, True, 1), (1000, False, 2), (400, False, 1)])
def test_no_column_of_a_session_is_left_empty(page, site, width, beside, columns):
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, site, "site/sub-01/sub-01.html")
    places = page.evaluate(
        """() => ['.viewer > div', '.panel', '.panel > *'].map((name) =>
        [...document.querySelectorAll(name)].map((part) => part.getBoundingClientRect().toJSON()))"""
    )
    viewer, panel = places[0][0], places[1][0]
    assert (panel["left"] >= viewer["right"]) == beside and (panel["top"] >= viewer["bottom"]) != beside
    assert len({round(part["left"]) for part in places[2]}) == columns
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= width
    # The verdict stands below the picture, where what steers it is the longer of both.
    assert viewer["top"] < page.locator("#verdict").bounding_box()["y"] < viewer["bottom"]
    open_page(page, site, "site/lesions.html")
    assert page.evaluate(wide) <= width


def test_a_lesion_leads_to_its_place_in_the_volumes(page, site):
    open_page(page, site, "site/lesions.html")
    page.click("#lesions a >> nth=0")
    page.wait_for_url("**/sub-0*.html#mm=*")
    page.evaluate("chiomics.viewer.ready")
    x, y, z = (AFFINE @ (12, 25, 18, 1))[:3]
    said = page.inner_text("#readout")
    assert "lesions" in said and f"x {x:.1f}, y {y:.1f}, z {z:.1f}" in said


def test_verdicts_are_kept_shown_and_exported_as_the_index_reads_them(page, site):
    open_page(page, site, "site/sub-01/sub-01.html")
    page.keyboard.press("f")
    page.fill("[data-note]", 'moved,\t"a lot"')
    page.press("[data-note]", "Enter")
    open_page(page, site, "index.html")
    row = page.locator("#cohort tbody tr", has_text="sub-01")
    assert "fail" in row.inner_text()
    open_page(page, site, "site/verdicts.html")
    page.select_option("#sessions", label="sub-03")
    page.check("[data-step]")
    page.keyboard.press("u")
    page.locator("#steps input").evaluate("box => box.blur()")
    page.keyboard.press("k")
    rows = [row_of(name) for name in ("sub-01", "sub-02", "sub-03")]
    apply_verdicts(rows, saved(page, "[data-save='qc_exclude.tsv']"))
    assert [row["status"] for row in rows] == ["excluded", "included", "included"]
    assert rows[0]["reason"] == 'operator\'s verdict: moved, "a lot"'
    apply_acceptances(rows, saved(page, "[data-save='qc_accept.tsv']"))
    assert [row["accepted"] for row in rows] == [[], [], ["T1w to GRE"]]
    whole = saved(page, "[data-save='qc_verdicts.tsv']")
    assert len(list(csv.DictReader(whole.read_text(encoding="utf-8").splitlines(), delimiter="\t"))) == 2
    page.evaluate("chiomics.verdicts.clear()")
    page.set_input_files("#read", whole)
    page.wait_for_function("document.getElementById('counts').textContent.includes('1 fail')")


def test_all_columns_of_the_cohort_fit_a_common_screen_and_names_stay_on_a_narrow_one(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = "a job failed on this input; the registration T1w to GRE failed; found overlap 0.3; expected 0.9 or more"
    facts = []
    for number in range(8):
        figures = {figure.key: 1234.5 if figure.digits == 0 else 1.234 for figure in FIGURES}
        figures |= {"noise": 99.0, "overlap": 0.1, "information": 0.1, "sharpness": 0.1} if number == 5 else {}
        one = row_of(f"sub-NMOSD0{number}") | {
            "page": "site/a.html", "figures": figures, "group": "NMOSD", "trusted": True, "given": {}, "lesions": [],
            "status": "excluded" if number == 3 else "included", "reason": long * (number == 3), "simulated": False,
        }  # fmt: skip
        (tmp_path / f"{number}.json").write_text(json.dumps(one))
        facts.append(f"{number}.json")
    show_cohort(
        facts, {name: f"results/{path}" for name, path in PAGES.items()}, name="a cohort", papers=[],
        papers_left_out=[], pictures=[], outliers={}, predicted=None, lacks=[], simulated="3 of 8",
    )  # fmt: skip
    page.set_viewport_size({"width": 1400, "height": 900})
    open_page(page, tmp_path / "results", "index.html")
    assert page.locator("#cohort td.wide").count() == 2, "a long reason, and long outliers"
    box = page.locator(".scroll")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    assert page.is_disabled("#earlier") and page.is_disabled("#later"), "one page holds all"
    page.set_viewport_size({"width": 800, "height": 900})
    box.evaluate("box => { box.scrollLeft = 300; }")
    place = page.locator("#cohort tbody th").first.bounding_box()
    assert place["x"] >= box.bounding_box()["x"] - 0.5


def test_ratings_of_rims_are_exported_as_the_index_reads_them(page, site, tmp_path):
    open_page(page, site, "site/lesions.html")
    page.fill("#rater", "AB")
    page.press("#rater", "Enter")
    for number, call in enumerate(("Rim: confirm", "No rim: reject")):
        page.click(f".lesion >> nth={number} >> text={call}")
    table = tmp_path / "rim_ratings.tsv"
    shutil.copy(saved(page, "#save"), table)
    found = read_rim_ratings(table, [row_of("sub-01"), row_of("sub-02")])
    assert {(rating["session"], rating["lesion"], rating["rater"]) for rating in found} == {
        ("sub-01", "1", "AB"), ("sub-02", "1", "AB")
    }  # fmt: skip
    assert sorted(str(rating["rim"]) for rating in found) == ["0", "1"]
    with pytest.raises(InputError):  # that the file is looked at
        read_rim_ratings(table, [row_of("sub-09")])
