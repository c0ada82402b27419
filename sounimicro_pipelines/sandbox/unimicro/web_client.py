"""Where links into the ERP's own screens arrive: a page that says which screen the real system would open."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_PAGE = """<!doctype html>
<html lang="nb"><head><meta charset="utf-8"><title>Unimicro (etterligning)</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:16px/1.5 system-ui;margin:12vh auto;max-width:34rem;padding:0 1rem}</style></head>
<body><h1 id="what">Unimicro</h1>
<p>Dette er en etterligning av regnskapet, uten skjermbilder. Her åpner Unimicro det du kom for å se.</p>
<p><code id="where"></code></p>
<script>
const places = [
  [/^#\\/sales\\/invoices\\/(\\d+)$/, (id) => `Faktura (ID ${id})`],
  [/^#\\/accounting\\/bills\\/(\\d+)$/, (id) => `Leverandørfaktura (ID ${id})`],
  [/^#\\/accounting\\/transquery\\?JournalEntryNumber=(\\d+)&AccountYear=(\\d+)$/, (n, year) => `Bilag ${n}-${year}`],
];
for (const [pattern, says] of places) {
  const found = pattern.exec(location.hash);
  if (found !== null) document.getElementById("what").textContent = says(...found.slice(1));
}
document.getElementById("where").textContent = location.hash;
</script></body></html>
"""


async def screen(request: Request) -> Response:
    """What stands behind `#` in the address never comes here; the page itself looks at it."""
    return HTMLResponse(_PAGE)
