"""A page in a real browser, without a network."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --enable-logging=stderr --v=0 "
    "--virtual-time-budget=5000 --dump-dom"
)


def browse(page: Path, profile: Path, state: str = "") -> tuple[str, list[str]]:
    """The document after its scripts have run, and what they wrote to the console, errors and refusals included."""
    address = page.absolute().as_uri() + state
    command = [BROWSER, *_FLAGS.split(), f"--user-data-dir={profile}", "--window-size=1200,900", address]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return found.stdout, re.findall(r"CONSOLE.*", found.stderr)


def with_steps(page: Path, steps: str) -> Path:
    """A copy of a page that carries out some steps (JavaScript) and notes what `note(...)` is given in `#noted`."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    script = (
        "<pre id=noted></pre><script>const noted = [];"
        "const note = (...values) => { noted.push(values);"
        ' document.getElementById("noted").textContent = JSON.stringify(noted); };'
        "const choose = (name, value) => { const field = document.getElementById(`by-${name}`); field.value = value;"
        ' field.dispatchEvent(new Event(name === "search" ? "input" : "change")); };'
        'const texts = () => [...document.querySelectorAll(".error p")].map((found) => found.textContent);'
        f"{steps}</script></body>"
    )
    copy = page.with_name("steps.html")
    copy.write_text(text.replace("</body>", script))
    return copy


def noted(document: str) -> str:
    """What the steps noted, as JSON."""
    return re.search(r'<pre id="noted">(.*?)</pre>', document, re.DOTALL)[1]
