"""The book: every chapter has its parts, notebooks need no site, and in a browser nothing is broken or cut off."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from minigrad.learn.exercises import EXERCISES

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "book/chapters").glob("*.md"))
#: A page that opens every page of the site in a frame, at the width of a phone and of a laptop, and says what it saw.
HARNESS = """<!doctype html><body><script>
const PAGES = %s;
const frame = document.createElement('iframe'); frame.height = 900; document.body.append(frame);
function open(page, width) {
  return new Promise(done => { frame.width = width; frame.onload = () => setTimeout(done, 150); frame.src = page; });
}
function seen(page, width) {
  const inner = frame.contentWindow, root = frame.contentDocument;
  const wide = root.documentElement.scrollWidth;
  const cut = [...root.querySelectorAll('article table, article pre, article .formula')].filter(element => {
    if (element.getBoundingClientRect().right <= width + 1) return false;
    for (let e = element; e; e = e.parentElement)
      if (['auto', 'scroll'].includes(inner.getComputedStyle(e).overflowX) && e.tagName != 'HTML') return false;
    return true;
  }).map(element => element.outerHTML.slice(0, 80));
  return {
    page, width, wide, cut,
    title: root.title,
    formulas: root.querySelectorAll('math').length,
    flat: [...root.querySelectorAll('math')].filter(m => m.checkVisibility() && m.getBoundingClientRect().height < 4)
      .length,
    code: root.querySelectorAll('div.highlight span[class]').length,
    broken: [...root.images].filter(image => image.complete && !image.naturalWidth).map(image => image.src),
    outside: inner.performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith(location.origin)
                                                                           && !n.startsWith('data:')),
  };
}
(async () => {
  const found = [];
  for (const page of PAGES) for (const width of [390, 1280]) { await open(page, width); found.push(seen(page, width)); }
  await open('search.html?q=batch+norm', 390);
  let results = [];
  for (let i = 0; i < 50 && !results.length; i++) {
    await new Promise(done => setTimeout(done, 200));
    results = [...frame.contentDocument.querySelectorAll('#search-results li a')].map(a => a.textContent);
  }
  const report = document.createElement('script'); report.type = 'application/json'; report.id = 'report';
  report.textContent = JSON.stringify({found, results}).replaceAll('<', '\\\\u003c');
  document.body.append(report); frame.remove();
})();
</script>"""


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_has_a_question_an_experiment_a_figure_real_lines_a_check_and_exercises(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    number = int(path.stem[:2])
    assert re.search(rf"^# {number} · ", text, re.MULTILINE)
    for part in (":class: question", "## Experiment", ":::{admonition} Change it", "caption: ", "```{literalinclude}"):
        assert part in text, part
    assert "## Check" in text or "against_torch" in text
    assert f"```{{exercises}} {number}\n" in text
    assert text.count("    alt: ") == text.count("    caption: ")  # whoever does not see a figure reads what is on it


def test_chapters_are_numbered_without_a_gap() -> None:
    assert [int(path.stem[:2]) for path in CHAPTERS] == list(range(1, 18))


def test_the_code_of_the_five_steps_is_that_of_the_operation_they_describe() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    source = "\n".join(
        (ROOT / path).read_text(encoding="utf-8")
        for path in ("minigrad/ops/trigonometry.py", "minigrad/functions/trigonometry.py", "minigrad/tensor.py")
    )
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks[:-1]:
        assert block in source, block


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_a_lesson_says_its_question_what_to_change_and_what_to_expect(path: Path) -> None:
    docstring = path.read_text(encoding="utf-8").split('"""')[1]
    for part in ("\nQuestion: ", "\nChange: ", "\nExpect: "):
        assert part in docstring, part


def test_every_exercise_stands_in_a_chapter() -> None:
    assert {exercise.chapter for exercise in EXERCISES} <= {int(path.stem[:2]) for path in CHAPTERS}


def test_every_public_name_has_an_example() -> None:
    pytest.importorskip("sphinx", reason="needs the extra docs")
    from book.reference import public_names
    from book.reference_examples import example_of

    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "book/reference").glob("*.md"))
    without = []
    for name in re.findall(r"{public} (\S+)", pages):
        module = importlib.import_module(name)
        for public in public_names(module):
            value = getattr(module, public)
            if callable(value) and ">>>" not in (value.__doc__ or "") and not example_of(f"{name}.{public}", value):
                without.append(f"{name}.{public}")
    assert not without, f"no example in the docstring or in book/reference/examples: {', '.join(without)}"


@pytest.mark.slow
def test_every_example_of_the_reference_runs_and_shows_a_result() -> None:
    pytest.importorskip("sphinx", reason="needs the extra docs")
    from book.reference_examples import examples, session

    assert len(examples()) > 400
    for path, code in examples().items():
        printed = [line for line in session(code) if not line.startswith((">>>", "..."))]
        assert printed or "# not run" in code, path


def test_a_formula_that_is_not_understood_ends_the_build() -> None:
    pytest.importorskip("latex2mathml", reason="needs the extra docs")
    pytest.importorskip("sphinx", reason="needs the extra docs")
    from sphinx.errors import ExtensionError

    from book.mathematics import mathml

    assert "<mfrac>" in mathml(r"\frac{\partial L}{\partial x}", "block")
    with pytest.raises(ExtensionError, match="formula"):
        mathml(r"\begin{aligned} a &= b \end{aligned}", "block")


def test_notebooks_are_the_chapters_without_directives() -> None:
    pytest.importorskip("myst_nb", reason="needs the extra docs")
    from book import notebooks

    for name in notebooks.CHAPTERS:
        found = notebooks.notebook(name)
        text = "\n".join(cell.source for cell in found.cells if cell.cell_type == "markdown")
        source = (ROOT / f"book/chapters/{name}.md").read_text(encoding="utf-8")
        assert source.count("```{code-cell}") == sum(cell.cell_type == "code" for cell in found.cells) >= 4
        assert source.count("```{literalinclude}") == text.count("```python")
        assert not re.search(r"\{[a-z:-]+\}`|:::|```\{", text), re.search(r".*(?:\{[a-z:-]+\}`|:::|```\{).*", text)
        for cell in found.cells:
            if cell.cell_type == "code":
                compile(cell.source, name, "exec")


@pytest.fixture(scope="module")
def site(tmp_path_factory: Any) -> Path:
    """Build the book; a warning, a failing cell or a missing reference fails the build."""
    for package in ("sphinx", "myst_nb", "furo", "sphinx_design", "latex2mathml"):
        pytest.importorskip(package, reason="needs the extra docs (`make docs` installs it)")
    folder: Path = tmp_path_factory.mktemp("book")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-j",
        "auto",
        "-d",
        folder / "doctrees",
        "book",
        folder / "html",
    ]
    built = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr[-4000:]
    return folder / "html"


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(site: Path) -> None:
    from book.reference import public_names

    text = "".join(path.read_text(encoding="utf-8") for path in (site / "reference").glob("*.html"))
    documented = set(re.findall(r'id="([\w.]+)"', text))
    for name in re.findall(
        r"{public} (\S+)", "".join(path.read_text() for path in (ROOT / "book/reference").glob("*.md"))
    ):
        missing = {f"{name}.{public}" for public in public_names(importlib.import_module(name))} - documented
        elsewhere = {f"minigrad.{path.rpartition('.')[2]}" for path in missing}
        assert elsewhere <= documented, missing


@pytest.mark.slow
def test_every_page_is_whole_in_a_browser_and_fetches_nothing_from_outside(site: Path, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium to open the pages with")
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    (site / "harness.html").write_text(HARNESS % json.dumps(pages), encoding="utf-8")
    handler = partial(_Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shown = subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--timeout=150000", "--window-size=1400,1000",
                "--virtual-time-budget=600000", "--dump-dom", f"http://127.0.0.1:{server.server_port}/harness.html",
            ],
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        server.shutdown()
    assert "CONSOLE" not in shown.stderr, shown.stderr[-2000:]
    found = re.search(r'id="report">(.*?)</script>', shown.stdout, re.DOTALL)
    assert found, shown.stdout[-1000:] + shown.stderr[-1000:]
    report = json.loads(found[1])
    assert len(report["found"]) == 2 * len(pages) >= 70
    for page in report["found"]:
        name = f"{page['page']} at {page['width']} pixels"
        assert page["wide"] <= page["width"], f"{name}: the page is {page['wide']} wide"
        assert page["cut"] == page["broken"] == page["outside"] == [], f"{name}: {page}"
        assert page["title"], name
        assert page["flat"] == 0, f"{name}: {page['flat']} formulas are not drawn"
        if page["page"].startswith("chapters/"):
            assert page["code"] > 50, f"{name}: code is not highlighted"
            number = int(page["page"].split("/")[1][:2])
            assert page["formulas"] > 0 or number in (11, 12), f"{name}: no formula"
    assert any("Batch norm" in result for result in report["results"]), report["results"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Print nothing for a request."""
