"""The page about a run: what is in it, that it is the same bytes again, and how it behaves in a real browser.

The browser is Debian's Chromium; where it is not installed these tests skip and say so, and with
SIMCORE_TEST_BROWSER=required, as in CI, they fail.
"""

import contextlib
import html
import importlib.util
import json
import os
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

import simcore as sc
from simcore import design
from simcore.cli import main
from simcore.drawing import canvas, sizes
from simcore.errors import IncompleteError
from simcore.reporting import report_records, report_tables, reports, sentences, verdicts
from tests.documents import PLAIN_SCENARIOS
from tests.test_cli import simcore

TITLE = """</title><script>alert("title")</script> & 'quotes'"""
LABEL = "<img src=x onerror=alert(1)>"
HOSTILE = f'''
# </code></pre><script>alert("comment")</script>
name = "hostile"
title = """{TITLE}"""
problem = "location"
seed = 5
replications = 2000
[factors]
n = [5]
errors = [ {{ distribution = "normal" }}, {{ distribution = "cauchy" }} ]
[[estimators]]
loss = "l2"
label = "{LABEL}"
[[estimators]]
loss = "l1"
'''
EXACT = """
name = "exact"
problem = "sensitivity"
factors = { n = [9], at = [-3.0, 0.0, 3.0], outliers = [1, 2], errors = [{ distribution = "normal" }] }
estimators = [{ loss = "l2" }, { loss = "l1" }]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with two runs, and a page on each."""
    folder = tmp_path_factory.mktemp("place")
    for name, text in (("hostile", HOSTILE), ("exact", EXACT)):
        (folder / f"{name}.toml").write_text(text)
        sc.report(sc.run(folder / f"{name}.toml", out=folder / "results"))
    return folder


def page_of(place, name="hostile"):
    return (place / "results" / name / "report.html").read_text()


class Outline(HTMLParser):
    """Every start tag with its attributes, and the text in each kind of element."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._open = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "wbr":  # within a word
            return
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open:
            self.texts[self._open[-1]][-1] += data


# What is in it


def test_what_a_scenario_says_is_text_and_nothing_else(place):
    page = page_of(place)
    found = Outline(page)
    assert found.texts["h1"] == [f"hostile: {TITLE}"] == found.texts["title"]
    assert html.unescape(re.search(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.S).group(1)) == HOSTILE
    assert LABEL in found.texts["td"] + found.texts["th"] and LABEL in " ".join(found.texts["li"])
    assert sum(tag == "script" for tag, _ in found.tags) == 1
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    images = [attributes for tag, attributes in found.tags if tag == "img"]
    assert images and all(own["src"].startswith("data:image/svg+xml;base64,") for own in images)
    assert all(TITLE in own["alt"] and "Panels" in own["alt"] or "distribution" in own["alt"] for own in images)


def test_nothing_comes_from_elsewhere(place):
    for name in ("hostile", "exact"):
        found = Outline(page_of(place, name))
        for tag, attributes in found.tags:
            for key in ("src", "href", "srcset", "action", "data"):
                assert attributes.get(key, "#").startswith(("#", "data:image/")), (tag, attributes)
        assert "url(" not in "".join(found.texts["style"]) and "@import" not in "".join(found.texts["style"])
        (policy,) = [own["content"] for tag, own in found.tags if own.get("http-equiv") == "Content-Security-Policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_the_page_holds_what_was_found(place):
    run, page = sc.open(place / "results" / "hostile"), page_of(place)
    report = reports.Report.of(run)
    for text in (*report.sentences, *report.notes, run.study.digest(), run.folder.origin["code"]):
        assert html.escape(text) in page
    size = sum(path.stat().st_size for path in (run.path / "blocks").iterdir())
    assert f"{size:,} bytes" in page and "<dd>4,000</dd>" in page and "<dd>8,000</dd>" in page
    rows = page.partition('<table id="rows">')[2].partition("</table>")[0]
    assert rows.count("<tr>") == 1 + len(run.summary())
    value = run.summary().query("measure == 'mse' and estimator == 'l1'")["value"].iloc[0]
    assert f'data-v="{float(value)!r}"' in rows
    text = html.unescape(page)
    assert "simcore run results/hostile/scenario.toml --out results\n" in text
    assert "simcore replay results/hostile --cell 0 --replication 0\n" in text


def test_exact_problems_claim_no_error(place):
    page = html.unescape(page_of(place, "exact"))
    assert "Nothing is random" in page and "±" not in page.partition('<h2 id="figures">')[0]
    assert "largest breakdown point" in page and "simcore compare" not in page and "<dt>seed</dt>" not in page


def test_headings_and_tables_are_in_order(place):
    for name in ("hostile", "exact"):
        found = Outline(page_of(place, name))
        levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:], strict=False))
        tags = [tag for tag, _ in found.tags]
        assert tags.count("table") == tags.count("caption") >= 2 and {"main", "nav", "header", "footer"} <= {*tags}
        assert all(attributes["scope"] in ("col", "row") for tag, attributes in found.tags if tag == "th")


def test_the_command_writes_the_same_bytes_where_it_is_told(place, tmp_path):
    done = simcore("report", "results/hostile", "--out", tmp_path / "page.html", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["path"] == str(tmp_path / "page.html") and len(found["sentences"]) == 3
    assert (tmp_path / "page.html").read_bytes() == (place / "results" / "hostile" / "report.html").read_bytes()
    assert not sc.verify(place / "results" / "hostile").findings


def test_what_cannot_be_reported_or_written_is_told(place, tmp_path):
    run = shutil.copytree(place / "results" / "hostile", tmp_path / "hostile")
    for path in (run / "summary.parquet", run / "report.html", *(run / "blocks").iterdir()):
        path.unlink()
    with pytest.raises(IncompleteError, match="missing"):
        sc.report(run)
    done = CliRunner().invoke(main, ["report", str(run)])
    assert done.exit_code == 3 and "missing: 2 blocks" in done.stderr and not (run / "report.html").exists()
    for path, told in ((tmp_path / "nowhere" / "page.html", "there is no folder"), (tmp_path, "is a folder")):
        done = CliRunner().invoke(main, ["report", str(place / "results" / "exact"), "--out", str(path)])
        assert done.exit_code == 2 and told in done.stderr and not done.stdout


def invented(study):
    """A summary of a study with numbers out of the air, of every status."""
    random, rows = np.random.default_rng(1), []
    for cell in design.cells(study):
        for choice in study.estimators:
            for parameter in design.parameters(study):
                for measure in study.measures:
                    status = random.choice([*report_tables.WORDS], p=[0.8, 0.05, 0.05, 0.05, 0.05])
                    value = None if status in ("undefined", "insufficient") else random.exponential()
                    rows.append(
                        {
                            **{"study": study.name, "problem": study.problem, "cell": cell.number},
                            **{"errors": cell.errors.label, "contamination": cell.contamination.label, "n": cell.n},
                            **cell.setting,
                            **({"design": cell.design.label} if cell.design else {}),
                            **{"estimator": choice.label, "parameter": parameter, "measure": measure.label},
                            **{
                                "value": value,
                                "mcse": 0.1 if status in ("ok", "mcse_rough") else None,
                                "status": status,
                            },
                            **{"truth": 0.0, "scale": 1.0, "n_ok": 90, "n_failed": 10, "variance_reduction": None},
                        }
                    )
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "path", [path for path in PLAIN_SCENARIOS if "sensitivity" not in path.stem], ids=lambda path: path.stem
)
def test_every_scenario_has_an_answer_and_tables(path):
    """Of numbers that mean nothing, so that nothing hangs on which they are."""
    study = sc.load(path)
    table = invented(study)
    none = pd.DataFrame(columns=["cell", "parameter", "estimator", "other"])
    verdict = verdicts.decide(table, dict.fromkeys(("mse", "mae", "mean"), none))
    told = sentences.told(verdict, report_records.replications(table))
    most = 110 * len(verdict.cases)  # words
    assert len(told) == 3 and verdict.cases and all(len(sentence.split()) < most for sentence in told), told
    for criterion, cases in verdict.cases.items():
        text = report_tables.winners(table, criterion, cases)
        assert text.count("<tr>") == 1 + min(len(cases), report_tables.MOST_CASES)
    summary = report_tables.summary(table, verdict, "results/it")
    shown = min(len(table), report_tables.MOST_ROWS)
    part = f"The table below has {shown:,} of {len(table):,} rows; what it leaves out is of"
    assert summary.count("<tr>") == 1 + shown and (part in summary) == (shown < len(table))
    assert "results/it/summary.parquet" in summary
    assert "fits gave no estimate" in report_tables.failures(table, verdict)


def test_figures_that_have_less_as_pictures_become_these(monkeypatch):
    page, figure, size = sizes.page_of("paper"), Figure(figsize=(5, 4)), {"svg": reports.MOST_SVG, "png": 7}
    monkeypatch.setattr(canvas, "rendered", lambda _, suffix, dpi: suffix.encode()[:1] * size[suffix])
    for more, less, start in (
        (0, 7, "svg+xml;base64,c3Nz"),
        (1, 7, "png;base64,cHBw"),
        (1, 10**6, "svg+xml;base64,c3Nz"),
    ):
        size |= {"svg": reports.MOST_SVG + more, "png": less}
        found = reports._figure(figure, page, "Bias, against n.")
        assert f'src="data:image/{start}' in found and 'width="480" height="384"' in found
        assert "<figcaption>Bias, against n.</figcaption>" in found


def test_the_figure_that_answers_is_the_first_and_captions_are_words(place):
    captions = Outline(page_of(place)).texts["figcaption"]
    assert len(captions) > 2 and "Bias of the estimate: each estimator a line, each condition a panel." in captions
    assert not any("_" in caption for caption in captions) and all(caption.endswith(".") for caption in captions)
    folder, kinds = place / "results" / "three", []
    text = HOSTILE.replace("hostile", "three").replace('"cauchy" }', '"cauchy" }, { distribution = "laplace" }')
    (place / "three.toml").write_text(text.replace("replications = 2000", "replications = 100"))
    sc.run(place / "three.toml", out=place / "results")
    reports.Report.of(sc.open(folder)).page(lambda done, count, name: kinds.append((done, count, name)))
    assert kinds[0][2].startswith("heatmap_") and [own[0] for own in kinds] == list(range(1, kinds[0][1] + 1))


def test_marks_are_explained_beside_their_table(place):
    assert report_tables._marks([["1 ± 1"], ["2"]]) == ""
    found = report_tables._marks([["1 ± 1~", "a"], ["2 ± ?", "b"]])
    assert "~: the error is rough" in found and "± ?: the value exists" in found
    page = html.unescape(page_of(place))
    for word, meaning in re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page):
        assert not meaning.removeprefix("the ").startswith(word)  # what a word means is not that word
    before, _, rows = page.partition('<table id="rows">')
    assert ("± ?" in rows.partition("</table>")[0]) == ("± ?: the value exists" in before)


def test_one_estimator_has_no_table_of_winners(place):
    text = HOSTILE.partition("[[estimators]]")[0].replace("hostile", "one") + '[[estimators]]\nloss = "l1"\n'
    (place / "one.toml").write_text(text)
    page = reports.Report.of(sc.run(place / "one.toml", out=place / "results")).page()
    assert "There is one estimator, l1" in page and "Who has" not in page and "too few" not in page


def test_run_names_what_comes_next(place):
    done = simcore("run", "hostile.toml", cwd=place)
    assert done.stderr.splitlines()[-1] == (
        "one page: simcore report results/hostile   figures: simcore plot results/hostile"
    )


def test_the_answer_is_what_run_and_show_print_last(place):
    """The same sentences as on the page; not below a part of the table, and never in JSON."""
    answer = reports.Report.of(sc.open(place / "results" / "hostile"))
    told = [" ".join(sentence.split()) for sentence in answer.sentences]
    for name in ("show", "merge"):
        lines = simcore(name, "results/hostile", cwd=place).stdout.split("\n\n")[-1]
        assert " ".join(lines.split()) == " ".join(f"{k}. {sentence}" for k, sentence in enumerate(told, 1)), name
        assert max(map(len, lines.splitlines())) <= 100
    for more in (["--measure", "mse"], ["--cell", "0"], ["--json"]):
        assert told[0][:20] not in simcore("show", "results/hostile", *more, cwd=place).stdout


def test_it_says_how_far_it_has_come(place, tmp_path):
    done = simcore("report", "results/hostile", "--out", tmp_path / "page.html", cwd=place)
    assert re.fullmatch(r"report results/hostile: (\d+) of \1 figures, \d+ s\n", done.stderr)
    assert done.stdout == f"{tmp_path / 'page.html'}\n"


# In a browser


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    path = shutil.which("chromium")
    why = "no chromium is installed" if path is None else None
    why = why or next(
        (f"no {name}" for name in ("playwright", "axe_playwright_python") if not importlib.util.find_spec(name)), None
    )
    if why:
        (pytest.fail if os.environ.get("SIMCORE_TEST_BROWSER") == "required" else pytest.skip)(
            f"needs a browser: {why}"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, place):
    """A function that opens a page in the browser; in the end nothing was logged, thrown or asked for elsewhere."""
    told, asked = [], []
    with contextlib.ExitStack() as stack:

        def at(name="hostile", **options):
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.on("console", lambda message: told.append(message.text))
            page.on("pageerror", lambda error: told.append(str(error)))
            page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
            page.on("request", lambda request: asked.append(request.url))
            page.goto((place / "results" / name / "report.html").as_uri())
            return page

        yield at
    assert not told
    assert [url for url in asked if not url.startswith("data:image/")] == asked[:1] and asked[0].startswith("file:")


def column(page, name):
    """The texts of a column of the summary, of the rows that are seen."""
    heads = [text.strip() for text in page.locator("#rows thead th").all_inner_texts()]
    place = next(k for k, text in enumerate(heads) if text.startswith(name))
    return page.locator("#rows tbody tr:visible").evaluate_all(
        f"rows => rows.map(row => row.cells[{place}].textContent)"
    )


def numbers(page):
    texts = page.locator("#rows tbody tr:visible td.num").evaluate_all("cells => cells.map(cell => cell.dataset.v)")
    return [float(text) if text else None for text in texts]


def test_the_table_sorts_by_click_and_by_key(opened):
    page = opened()
    head = page.locator("#rows thead th", has_text="value")
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    found = [value for value in numbers(page) if value is not None]
    assert head.get_attribute("aria-sort") == "ascending" and found == sorted(found) and len(found) == 3
    assert numbers(page)[-1] is None  # the mean square error of the mean under Cauchy errors
    page.keyboard.press("Enter")
    found = [value for value in numbers(page) if value is not None]
    assert head.get_attribute("aria-sort") == "descending" and found == sorted(found, reverse=True)
    assert numbers(page)[-1] is None
    page.locator("#rows thead button").first.focus()
    page.keyboard.press("Space")
    assert column(page, "cell") == sorted(column(page, "cell")) and head.get_attribute("aria-sort") == "none"


def test_the_table_is_filtered_by_lists_and_by_text(opened, place):
    page = opened()
    summary = sc.open(place / "results" / "hostile").summary()
    told = f"of the {len(summary)} rows on this page are shown."
    assert set(column(page, "measure")) == {"mse"} and page.locator("#told").inner_text() == f"4 {told}"
    assert re.findall(r"\d+ rows", page.locator("main").inner_text()) == [f"{len(summary)} rows"]
    page.get_by_label("estimator").select_option(LABEL)
    assert column(page, "estimator") == [LABEL] * 2
    page.get_by_label("measure").select_option("bias")
    page.get_by_label("search").fill("CAUCHY exist")
    assert column(page, "status") == ["does not exist"] and page.locator("#told").inner_text() == f"1 {told}"
    page.get_by_role("button", name="Show all rows").click()
    assert page.locator("#rows tbody tr:visible").count() == len(summary)


def test_without_a_script_all_is_there(opened, place):
    page = opened(java_script_enabled=False)
    assert page.locator("#rows tbody tr:visible").count() == len(sc.open(place / "results" / "hostile").summary())
    assert not page.locator("#controls").is_visible() and page.locator("button:visible").count() == 0
    assert page.locator("figure img").first.is_visible()


@pytest.mark.parametrize("name", ["hostile", "exact"])
def test_figures_are_seen_and_a_phone_has_room(opened, name):
    page = opened(name, viewport={"width": 360, "height": 640})
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 300 && image.clientWidth > 250)")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    boxes = page.locator(".stacked").evaluate_all("all => all.map(box => [box.scrollWidth, box.clientWidth])")
    assert boxes and all(inside == outside for inside, outside in boxes)  # who is best, without a scroll sideways
    label = "cell => getComputedStyle(cell, '::before').content"
    labels = page.locator(".stacked tbody tr").first.locator("th, td").evaluate_all(f"cells => cells.map({label})")
    assert labels[0] == '"cell"' and '"best"' in labels and "none" not in labels
    value = page.locator("#rows tbody tr:visible td.num").first
    assert value.evaluate(label).startswith('"value')
    value.scroll_into_view_if_needed()
    box = value.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360 and page.evaluate("window.scrollX") == 0
    page.locator("#rows thead").get_by_role("button", name="value").click()  # it can be sorted here, too
    found = [number for number in numbers(page) if number is not None]
    assert found == sorted(found)


def test_who_is_best_takes_its_height_and_figures_scroll_where_they_have_no_room(opened):
    page = opened(viewport={"width": 1200, "height": 640})
    box, figure = page.locator(".stacked:not(.long)"), page.locator(".wide").first
    more = "for (let k = 0; k < 40; k++) body.append(body.rows[0].cloneNode(true))"
    box.locator("tbody").evaluate(f"body => {{ {more} }}")
    for width, scrolls in ((1200, False), (360, True)):
        page.set_viewport_size({"width": width, "height": 640})
        assert box.evaluate("box => box.scrollHeight == box.clientHeight && box.clientHeight > 900")
        assert figure.evaluate("box => box.scrollWidth > box.clientWidth") == scrolls
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert figure.locator("img").evaluate("image => image.clientWidth >= image.getAttribute('width') - 1")


def test_who_is_best_fits_beside_many_factors(opened):
    """Of a regression with every factor, in a window of 1200 pixels; narrower ones scroll, and show that they do."""
    contamination = [{"kind": "none"}, {"kind": "leverage", "fraction": 0.1, "distance": 10.0, "size": -20.0}]
    errors = [{"distribution": "contaminated_normal", "epsilon": [0.1, 0.2], "ratio": 10.0}]
    design = [{"design": "student_t", "df": 3.0, "redrawn": True}, {"design": "gaussian"}]
    factors = {"n": [20, 40], "errors": errors, "design": design, "contamination": contamination}
    estimators = [{"loss": "huber", "scale": "proposal2"}, {"loss": "hampel"}, {"loss": "l1"}]
    study = sc.Study(name="wide", problem="linear", beta=[1.0, 2.0], factors=factors, estimators=estimators)
    table, none = invented(study), pd.DataFrame(columns=["cell", "parameter", "estimator", "other"])
    verdict = verdicts.decide(table, {"mse": none})
    page = opened(viewport={"width": 1200, "height": 640})
    page.locator(".stacked").first.evaluate(
        "(box, html) => { box.outerHTML = html }", report_tables.winners_of(table, verdict)
    )
    box = page.locator(".stacked").first
    assert box.locator("th").first.inner_text() == "cell" and box.locator("thead th").count() == 11
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_in_both_schemes(opened, scheme):
    """axe looks at contrast, names, roles, headings, landmarks and tables."""
    from axe_playwright_python.sync_playwright import Axe

    page = opened(color_scheme=scheme)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    found = Axe().run(page).response
    assert [(own["id"], own["nodes"][0]["html"]) for own in found["violations"]] == []
    assert {"color-contrast", "image-alt", "label"} <= {own["id"] for own in found["passes"]}


def test_it_prints(opened):
    page = opened(color_scheme="dark")
    page.get_by_role("button", name="Show all rows").click()
    data = page.pdf(prefer_css_page_size=True)
    assert data.startswith(b"%PDF") and 4 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 10
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#controls").is_visible() and not page.locator("nav").is_visible()
    boxes = page.locator(".scroll").evaluate_all("all => all.map(box => [box.scrollHeight, box.clientHeight])")
    assert all(inside == outside for inside, outside in boxes) and max(boxes)[0] > 1000
