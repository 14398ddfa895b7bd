"""An HTML template for `dvc plots` that carries the drawing library, so that its page needs no network.

DVC's own page loads Vega from the web and stays blank without it; this one has no place for those lines, and its
content security policy keeps the browser from looking outside.
"""

from __future__ import annotations

from pathlib import Path

import vl_convert

from tandem.artifacts import atomic_file

VEGA_LITE = "5.8"  # nearest to the version that DVC's templates are written for

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; \
style-src 'unsafe-inline'; img-src data: 'self' file:">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>Plots</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 24px; background: #fff; color: #1b1f24; }
body > div { display: inline-block; vertical-align: top; margin: 0 24px 32px 0; max-width: 100%; overflow-x: auto; }
</style>
<script>{library}</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def write_template(path: Path) -> None:
    """Write the template, for `dvc plots show --html-template` and `dvc plots diff --html-template`."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE).replace(
        "</script", "<\\/script"
    )
    for placeholder in ("{plot_divs}", "{scripts}", "{refresh_tag}"):
        assert placeholder not in bundle, f"DVC would fill in {placeholder} within the library"
    with atomic_file(path) as handle:
        handle.write(_PAGE.replace("{library}", bundle).encode())
