"""The page in a real browser: nothing leaves the file, nothing complains, nothing is wider than a phone."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.report import html, plots
from nodeagent.report.compose import make_document
from tests.needs import find_tool, missing
from tests.unit.report.sample import evidence, facts

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PHONE, TABLET, DESKTOP = 390, 768, 1280
# No name is resolved: what the browser itself would ask the world, page or not, never leaves this machine.
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--allow-file-access-from-files",
)
MEASURE = """<!doctype html><body style="margin:0">
<iframe id="f" src="report.html" style="border:0;height:900px;width:{width}px"></iframe><script>
f.onload = () => {{
  const page = f.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > {width} + 1
    && !e.closest("details:not([open])") && !e.closest("thead") && !e.closest(".data")
    && getComputedStyle(e).position !== "absolute");
  document.title = JSON.stringify({{scroll: root.scrollWidth, wide: wide.map(e => e.outerHTML.slice(0, 120))}});
}};
</script></body>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A report with all that makes a page wide: long paths, long serials, long command lines."""
    long = "x" * 300
    odd = replace(facts(), kernel=replace(facts().kernel, command_line=f"root=/dev/{long} isolcpus=2-3"))
    document = make_document(replace(evidence(), facts=odd, notes=(f"a note about /{long}",)))
    draw = plots.load_draw()
    assert draw is not None
    path = tmp_path / "report.html"
    path.write_text(html.render(document, draw=draw), encoding="utf-8")
    return path


def chromium(workspace: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = find_tool("chromium") or find_tool("google-chrome")
    if program is None:
        missing("the program chromium", remedy="scripts/install-system-tools test")
    command = [program, *QUIET, f"--user-data-dir={workspace / 'browser'}", *arguments]
    # Its crash reporter makes a directory in the configuration of whoever runs it.
    environment = {**os.environ, "XDG_CONFIG_HOME": str(workspace / "config")}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environment)


def requests_of_pages(log: Path) -> list[str]:
    """What a page asked for over the network; the browser's own requests have no origin."""
    events = json.loads(log.read_text())["events"]
    parameters = [event.get("params", {}) for event in events]
    return sorted(
        {p["url"] for p in parameters if "url" in p and p.get("initiator", "not an origin") != "not an origin"}
    )


def test_the_page_makes_no_request_and_the_console_stays_empty(page: Path, tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    done = chromium(
        tmp_path,
        f"--log-net-log={log}",
        "--net-log-capture-mode=Everything",
        "--enable-logging=stderr",
        "--screenshot=" + str(tmp_path / "page.png"),
        "--window-size=1280,2000",
        page.as_uri(),
    )
    assert "CONSOLE" not in done.stderr
    assert (tmp_path / "page.png").stat().st_size > 20_000
    assert requests_of_pages(log) == []


def test_the_test_above_would_see_a_request_and_a_complaint(page: Path, tmp_path: Path) -> None:
    """The same on a page that does reach out; without this, silence would prove nothing."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    page.write_text(
        text.replace("</body>", '<img src="http://127.0.0.1:9/seen.png"><script>console.error("seen")</script></body>'),
        encoding="utf-8",
    )
    log = tmp_path / "net.json"
    done = chromium(
        tmp_path,
        f"--log-net-log={log}",
        "--net-log-capture-mode=Everything",
        "--enable-logging=stderr",
        "--screenshot=" + str(tmp_path / "page.png"),
        page.as_uri(),
    )
    assert requests_of_pages(log) == ["http://127.0.0.1:9/seen.png"]
    assert "CONSOLE" in done.stderr


@pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP])
def test_nothing_is_wider_than_the_screen(page: Path, tmp_path: Path, width: int) -> None:
    frame = tmp_path / "frame.html"
    frame.write_text(MEASURE.format(width=width), encoding="utf-8")
    done = chromium(tmp_path, "--dump-dom", "--virtual-time-budget=5000", "--window-size=1400,1000", frame.as_uri())
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None, done.stdout[:500]
    measured = json.loads(title[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert measured == {"scroll": width, "wide": []}


def test_on_paper_what_was_folded_is_open_and_the_raw_data_is_left_out(page: Path, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    chromium(tmp_path, f"--print-to-pdf={paper}", "--no-pdf-header-footer", page.as_uri())
    pages = len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
    assert 4 <= pages <= 12
