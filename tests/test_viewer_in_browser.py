"""The viewer's page in a browser: it works with keys, on a narrow screen too, and shows the numbers that it holds."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import minigrad
from inception import inception_v3
from minigrad import nn, optim, viewer
from minigrad.nn import functional as F
from tests.test_viewer import Small, compared, recorded, small_step

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium")]

#: Goes through the steps by key, and collects what the page shows.
PROBE = """
const errors = [], shown = [], headings = [];
addEventListener("error", event => errors.push(event.message));
const everything = document.createElement("style");  // what is below the window counts for the width, too
everything.textContent = ".cards, .worked { content-visibility: visible !important; contain: none !important; }";
document.head.append(everything);
let widest = 0, unnamed = 0;
const press = key => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
press("Home");
const every = Math.max(1, Math.floor(D.steps.length / 120));
for (let i = 0; i < D.steps.length; i++) {
  if (i % every === 0) {
    document.querySelectorAll("#step details").forEach(each => { each.open = true; });
    headings.push(document.querySelector("#name").textContent);
    widest = Math.max(widest, document.documentElement.scrollWidth);
    unnamed += [...document.querySelectorAll("button, canvas, nav, table.numbers, [tabindex='0']")].filter(
      each => !(each.getAttribute("aria-label") || each.textContent.trim())).length;
    shown.push([now, [...document.querySelectorAll("#step table.numbers")].map(
      table => [...table.querySelectorAll("td")].map(cell => cell.textContent).join(" "))]);
  }
  if (i < D.steps.length - 1) press("ArrowRight");
}
const last = now;
press("ArrowLeft");
const before = now;
press("3");
const report = {errors, headings, widest, unnamed, shown, last, before, phase: D.steps[now][0],
  steps: D.steps.length, live: document.querySelector("[aria-live]").textContent, width: innerWidth,
  current: document.querySelectorAll("#phases [aria-current]").length,
  resources: performance.getEntriesByType("resource").map(r => r.name)};
"""


def browsed(page: viewer.record, folder: Path, width: int) -> dict[str, Any]:
    """Return what the probe reports from the page in a frame of this width."""
    inside = page.html.replace("</body>", f"<script>{PROBE}parent.receive(JSON.stringify(report));</script></body>")
    outer = (
        "<!doctype html><meta charset=utf-8><pre id=result></pre><script>function receive(text) "
        "{ document.getElementById('result').textContent = text; }</script>"
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(inside)}"></iframe>'
    )
    file = folder / f"outer-{width}.html"
    file.write_text(outer, encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--timeout=60000"]
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [str(BROWSER), *options, profile, "--window-size=1400,1000", "--dump-dom", file.as_uri()],
        capture_output=True,
        encoding="utf-8",
        timeout=150,
        check=False,
    )
    found = re.search(r'<pre id="result">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    report: dict[str, Any] = json.loads(html.unescape(found[1]))
    return report


def samples_of(data: dict[str, Any], step: int) -> list[str]:
    """Return the numbers of every table that a step has, in the order of the page."""
    phase, k = data["steps"][step]
    if phase < 2:
        op = data["operations"][k]
        samples = [x["sample"] for x in op.get("inputs", [])] + op["outputs"]
    elif phase == 2:
        each = data["backward"][k]
        samples = [g for g in each["arriving"] if g] + [r["sample"] for r in each["results"]]
    else:
        p = data["parameters"][k]
        samples = [p["before"], p["gradient"]]
        for name in p.get("state", {}):
            samples += [s for s in (p.get("state_before", {}).get(name), p["state"][name]) if s]
        samples += [p["after"]] if "after" in p else []
    return [sample["text"] for sample in samples]


def check(report: dict[str, Any], data: dict[str, Any], width: int) -> int:
    """Check a report of the probe; return how many numbers it has read."""
    assert report["errors"] == []
    assert report["width"] == width
    assert report["widest"] <= width
    assert report["unnamed"] == 0
    assert report["last"] == report["steps"] - 1 == report["before"] + 1
    assert report["phase"] == 2
    assert "backward pass" in report["live"]
    assert report["current"] == 1
    assert report["resources"] == []
    for step, tables in report["shown"]:
        assert tables == samples_of(data, step)
    return sum(len(text.split()) for _, tables in report["shown"] for text in tables)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_small_step_is_walked_through_by_keys(tmp_path: Path, width: int) -> None:
    minigrad.manual_seed(0)
    model = Small()
    optimizer = optim.SGD(model.parameters(), 0.01, momentum=0.9)
    page, data, _ = recorded(model, tmp_path / "step.html", lambda: small_step(model, optimizer))
    assert check(browsed(page, tmp_path, width), data, width) > 500


def test_names_with_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    model = nn.Sequential()
    model.add_module("<img src=x onerror=alert(1)>&amp;", nn.Linear(2, 2))
    step = lambda: model(minigrad.ones(1, 2)).sum().backward()  # noqa: E731
    page, data, _ = recorded(model, tmp_path / "step.html", step)
    report = browsed(page, tmp_path, 390)
    check(report, data, 390)
    assert "<img src=x onerror=alert(1)>&amp;.weight" in report["headings"]


def test_a_step_of_inception_v3_is_a_page_of_three_megabytes_with_its_own_numbers(tmp_path: Path) -> None:
    minigrad.manual_seed(0)
    model = inception_v3(num_classes=10, aux_logits=False)
    optimizer = optim.Adam(model.parameters(), 0.001)
    x = minigrad.randn(4, 3, 75, 75)

    def step() -> None:
        loss = F.cross_entropy(model(x), minigrad.tensor([0, 1, 2, 0]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    page, data, witness = recorded(model, tmp_path / "step.html", step)
    assert (tmp_path / "step.html").stat().st_size <= 3_000_000
    assert compared(page, data, witness) >= 10_000
    for width in (390, 1280):
        assert check(browsed(page, tmp_path, width), data, width) > 1000
