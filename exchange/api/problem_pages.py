"""What a person sees who follows a problem's `type`: a page for each code, and their list.

Owns HTML made from the problem table alone: self-contained, no script, nothing loaded, every text
escaped. Refuses to show anything about a single refusal: a page is the same for everybody.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from exchange.api.problems import ATTEMPTS, LOCAL, PROBLEMS, REJECTIONS, Problem, rows_for

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #566173; --line: #d9dee6; --card: #fff;
  --page: #f4f6f9; --mark: #0b5cad; --code: #eef1f6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf1; --soft: #a3adbb; --line: #343d4a;
  --card: #1b222c; --page: #12171e; --mark: #7db8f5; --code: #28313d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.25; margin: .35rem 0 1rem; text-wrap: balance; }
h2 { font-size: .95rem; margin: 0 0 .35rem; color: var(--soft); font-weight: 600; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1.1rem 1.25rem; margin: 1rem 0; }
section p { margin: 0; }
code { font: .92em/1.4 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace;
  background: var(--code); border-radius: .25rem; padding: .1em .35em; overflow-wrap: anywhere; }
.facts { color: var(--soft); margin: 0 0 1.5rem; }
a { color: var(--mark); }
a:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; margin: .5rem 0 2rem; }
th { text-align: left; color: var(--soft); font-size: .9rem; }
th, td { padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td:first-child { white-space: nowrap; }
@media (max-width: 34rem) { td:first-child { white-space: normal; } }
"""

PAGE_HEADERS: Final[Mapping[str, str]] = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "public, max-age=3600",
}
"""What to send a page with; the policy lets nothing run and nothing load."""

KINDS: Final = {
    "problem": "A refusal",
    "attempt": "One attempt at a delivery",
    "rejection": "A provider's rejection",
    "local": "Never sent: a command's or the SDK's",
}


def problem_page(code: str) -> str | None:
    """The page of a code, or None when there is no such code."""
    rows = rows_for(code)
    if not rows:
        return None
    body = "".join(_row_html(row) for row in rows)
    return document(code, f'<p><a href="../problems">All codes</a></p>{body}')


def index_page() -> str:
    """The page that lists every code."""
    return document(
        "Problems",
        "<h1>What the bus's codes mean</h1>"
        + _table_html("Refusals", PROBLEMS.values())
        + _table_html("Attempts to deliver", ATTEMPTS.values())
        + _table_html("Rejections by providers", REJECTIONS.values())
        + _table_html("Of commands and the SDK, never sent", LOCAL.values()),
    )


def facts(row: Problem) -> str:
    """What a program goes by, in one line of plain text."""
    again = (
        "the same bytes may be sent again" if row.retryable else "sending the same again won't help"
    )
    if row.section == "attempt":
        again = "the bus tries again by itself" if row.retryable else "the bus does not try again"
    status = f"HTTP {row.status} · " if row.status else ""
    return f"{KINDS[row.section]} · {status}{again}"


def _row_html(row: Problem) -> str:
    return (
        f"<article><code>{escape(row.code)}</code><h1>{escape(row.title)}</h1>"
        f'<p class="facts">{escape(facts(row))}</p>'
        f"<section><h2>If you sent or asked</h2><p>{_text(row.remedy)}</p></section>"
        f"<section><h2>If you run the bus</h2><p>{_text(row.remedy_operator)}</p></section>"
        "</article>"
    )


def _table_html(title: str, rows: Iterable[Problem]) -> str:
    lines = "".join(
        f'<tr><td><a href="problems/{escape(row.code)}"><code>{escape(row.code)}</code></a></td>'
        f"<td>{row.status or ''}</td><td>{escape(row.title)}</td></tr>"
        for row in rows
    )
    return (
        f"<h2>{escape(title)}</h2><table><thead><tr><th>Code</th><th>HTTP</th><th>Meaning</th></tr>"
        f"</thead><tbody>{lines}</tbody></table>"
    )


def _text(text: str) -> str:
    """Escaped text; what stands between backticks is shown as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def document(title: str, body: str) -> str:
    """A whole page in the bus's one style; ``body`` is HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Sealway</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )
