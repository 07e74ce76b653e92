"""Reports: a verdict for people to read and sign, in JSON, HTML and CSV, itself verifiable.

A report folder holds `report.json` (the verdict, and the hashes of the others), `report.html`,
`messages.csv`, and once signed `report.jws` and the signer's certificate. Whoever checks it renders
the others anew from `report.json`, so that nothing in them can say anything else. Everything that
came from a bundle is text: HTML is escaped, control characters go, and no cell of the CSV begins
like a formula.
"""

import csv
import hashlib
import html
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sealway.audit.errors import BundleRefused
from signing.certificates import ParsedCertificate
from signing.errors import JsonInvalid, SealwayError
from signing.identifiers import SystemId
from signing.jws import REPORT, decode_jws, sign_jws, verify_jws
from signing.keys import KnownCertificate, Signer, Thumbprint
from signing.strict_json import parse_json

REPORT_BYTES_MAX: Final = 16 * 1024 * 1024
JSON_FILE: Final = "report.json"
HTML_FILE: Final = "report.html"
CSV_FILE: Final = "messages.csv"
JWS_FILE: Final = "report.jws"
COLUMNS: Final = (
    "time", "kind", "from", "to", "service", "purpose", "id", "log", "index", "grant", "custody",
    "standing",
)  # fmt: skip
ACCESS_COLUMNS: Final = (
    "at", "kind", "person", "role", "message", "bundle", "from", "to", "service", "part", "reason",
    "index",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_STYLE: Final = (
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{border:1px solid #999;padding:.2em .5em;text-align:left}"
    "h1 b{text-transform:uppercase}"
)


def plain(value: object) -> str:
    """A value as one line of text that drives nothing."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return "".join(c if c.isprintable() else " " for c in text)


def cell_text(value: object) -> str:
    """A cell of a spreadsheet: what would be read as a formula is text."""
    text = plain(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_csv(messages: Iterable[Mapping[str, Any]]) -> str:
    """The listed messages."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in messages:
        writer.writerow([cell_text(one.get(name)) for name in COLUMNS])
    return out.getvalue()


def as_html(said: Mapping[str, Any]) -> str:
    """The whole report as one page without scripts or links."""
    rows = [
        ("bus", said.get("bus")),
        ("bundle, SHA-256", said.get("bundle_sha256")),
        ("anchors, SHA-256", said.get("anchors_sha256") or "none were given"),
        ("made", said.get("made")),
        ("for", said.get("by")),
        ("selection", said.get("selection")),
        ("completeness", said.get("completeness")),
        ("range", said.get("range")),
        ("counts", said.get("counts")),
        ("custody of keys", said.get("custody")),
        ("standing", said.get("standing")),
        ("it rests on", said.get("rests_on")),
        ("issued by the anchors' authorities", said.get("issued")),
        ("disputed", said.get("disputed")),
        ("read and exported by", _people(said)),
    ]
    facts = "".join(f"<tr><th>{_html(a)}</th><td>{_html(b)}</td></tr>\n" for a, b in rows)
    findings = _table(("code", "weight", "log", "index", "text"), said.get("findings"))
    messages = _table(COLUMNS, said.get("messages"))
    accesses = said.get("accesses")
    listed = accesses.get("listed") if isinstance(accesses, Mapping) else None
    read = _table(ACCESS_COLUMNS, listed)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>Audit report</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>Audit report: <b>{_html(said.get('verdict'))}</b></h1>\n"
        f"<p>{_html(said.get('sentence'))}</p>\n"
        f"<table>\n{facts}</table>\n"
        f"<h2>Findings</h2>\n{findings}<h2>Messages, the first 1,000</h2>\n{messages}"
        f"<h2>Who read and exported, the first 1,000</h2>\n{read}"
        "</body></html>\n"
    )


def _people(said: Mapping[str, Any]) -> object:
    accesses = said.get("accesses")
    if not isinstance(accesses, Mapping):
        return None
    return {name: accesses.get(name) for name in ("reads", "exports", "hidden", "people")}


def _html(value: object) -> str:
    return html.escape(plain(value), quote=True)


def _table(columns: Iterable[str], rows: object) -> str:
    names = tuple(columns)
    found = [one for one in rows if isinstance(one, Mapping)] if isinstance(rows, list) else []
    if not found:
        return "<p>None.</p>\n"
    head = "".join(f"<th>{_html(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_html(one.get(name))}</td>" for name in names) + "</tr>\n"
        for one in found
    )
    return f"<table><tr>{head}</tr>\n{body}</table>\n"


def write_report(said: Mapping[str, Any], folder: Path) -> bytes:
    """Write the three files; gives the bytes of `report.json`, which are what is signed."""
    folder.mkdir(parents=True, exist_ok=True)
    others = {HTML_FILE: as_html(said).encode(), CSV_FILE: _csv(said)}
    whole = {"report": said, "files": {name: _digest(data) for name, data in others.items()}}
    data = json.dumps(whole, indent=1, ensure_ascii=True).encode() + b"\n"
    for name, content in (*others.items(), (JSON_FILE, data)):
        (folder / name).write_bytes(content)
    return data


def _csv(said: Mapping[str, Any]) -> bytes:
    messages = said.get("messages")
    return as_csv(messages if isinstance(messages, list) else []).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sign_report(data: bytes, signer: Signer, now_s: int, folder: Path) -> None:
    """Sign `report.json` as it is."""
    (folder / JWS_FILE).write_bytes(sign_jws(data, signer, REPORT, now_s))


class _One:
    """Knows one certificate: the one that whoever checks was given."""

    def __init__(self, certificate: ParsedCertificate) -> None:
        self._certificate = certificate

    def resolve(self, x5t: Thumbprint) -> KnownCertificate:
        """The certificate, whatever is asked for: a signature by another doesn't hold."""
        one = self._certificate
        times = one.not_before_ms, one.not_after_ms
        return KnownCertificate(one.x5t, SystemId(""), one.verifier, *times)


def read_report(folder: Path, certificate: ParsedCertificate | None) -> dict[str, Any]:
    """What a report says, once every file in it is what it was.

    With a certificate the signature must be there and hold.

    Raises:
        BundleRefused: a file was changed, or the signature isn't that key's.
        OSError: a file can't be read.
    """
    data = _bounded(folder / JSON_FILE)
    if certificate is not None:
        try:
            jws = decode_jws(_bounded(folder / JWS_FILE), REPORT, 2 * REPORT_BYTES_MAX)
            if jws.x5t != certificate.x5t:
                raise BundleRefused("The report was signed by another certificate's key.")
            verify_jws(jws, _One(certificate))
        except BundleRefused:
            raise
        except SealwayError as error:
            raise BundleRefused(f"The report's signature: {error.detail}") from error
        if jws.payload != data:
            raise BundleRefused(f"{JSON_FILE} is not what was signed.")
    try:
        whole: Any = parse_json(data, depth_max=32, bytes_max=REPORT_BYTES_MAX)
        said, files = whole["report"], whole["files"]
    except (JsonInvalid, KeyError, TypeError) as error:
        raise BundleRefused(f"{JSON_FILE} is no report.") from error
    if not isinstance(said, dict) or not isinstance(files, dict):
        raise BundleRefused(f"{JSON_FILE} is no report.")
    for name, made in ((HTML_FILE, as_html(said).encode()), (CSV_FILE, _csv(said))):
        if files.get(name) != _digest(made) or _bounded(folder / name) != made:
            raise BundleRefused(f"{name} is not what the report says.")
    return said


def _bounded(file: Path) -> bytes:
    with file.open("rb") as opened:
        data = opened.read(2 * REPORT_BYTES_MAX + 1)
    if len(data) > 2 * REPORT_BYTES_MAX:
        raise BundleRefused(f"{file.name} is too long for a report.")
    return data
