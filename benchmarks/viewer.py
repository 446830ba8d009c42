"""Measure the viewer on a step of Inception V3: the size of the page, and in Chromium its start and its steps.

python -m benchmarks.viewer
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import minigrad
from inception import inception_v3
from minigrad import optim, viewer
from minigrad.nn import functional as F

#: Walks through all steps three times, and notes how long each takes with its layout. Of the three times the shortest
#: counts: another program that runs in between makes a step longer, never shorter.
PROBE = """
document.body.getBoundingClientRect();
const ready = performance.now(), shortest = new Array(D.steps.length).fill(Infinity);
for (let walk = 0; walk < 3; walk++) {
  go(0);
  document.body.getBoundingClientRect();
  while (now < D.steps.length - 1) {
    const start = performance.now();
    go(now + 1);
    document.body.getBoundingClientRect();
    shortest[now] = Math.min(shortest[now], performance.now() - start);
  }
}
const times = shortest.slice(1).sort((a, b) => a - b), share = p => times[Math.floor(p * (times.length - 1))];
document.title = JSON.stringify({steps: times.length + 1, ready, median: share(.5), slow: share(.99), worst: share(1)});
"""


def recorded(folder: Path) -> tuple[viewer.record, float]:
    """Return the page of a step with four images of 75 x 75, and the seconds that it took."""
    minigrad.manual_seed(0)
    model = inception_v3(num_classes=10, aux_logits=False)
    optimizer = optim.Adam(model.parameters(), 0.001)
    images, labels = minigrad.randn(4, 3, 75, 75), minigrad.tensor([0, 1, 2, 0])
    start = time.perf_counter()
    with viewer.record(model, folder / "step.html") as page:
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return page, time.perf_counter() - start


def browsed(page: viewer.record, folder: Path) -> dict[str, Any]:
    """Return what the probe measures in Chromium, times in milliseconds.

    Raises:
        RuntimeError: if there is no Chromium, or it does not run the page.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise RuntimeError("there is no Chromium: install it, or open the page yourself")
    file = folder / "probe.html"
    file.write_text(page.html.replace("</body>", f"<script>{PROBE}</script></body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
    options += [f"--user-data-dir={folder / 'profile'}", "--window-size=1280,900", "--timeout=120000"]
    done = subprocess.run([browser, *options, file.as_uri()], capture_output=True, encoding="utf-8", check=False)
    found = re.search(r"<title>(\{.+?\})</title>", done.stdout)
    if found is None:
        raise RuntimeError(f"Chromium did not run the page: {done.stderr[-500:]}")
    report: dict[str, Any] = json.loads(html.unescape(found[1]))
    return report


def main() -> None:
    """Print the measurements."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page, seconds = recorded(folder)
        report = browsed(page, folder)
        print(f"recorded in {seconds:.1f} s, {len(page.html.encode()) / 1e6:.2f} MB, {report['steps']} steps")
        print(f"read, and its first step laid out, {report['ready']:.0f} ms after it was opened")
        print(f"a step, the shortest of three times: median {report['median']:.1f} ms,", end=" ")
        print(f"99 % {report['slow']:.1f} ms, worst {report['worst']:.1f} ms")


if __name__ == "__main__":
    main()
