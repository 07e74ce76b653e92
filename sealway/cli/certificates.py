"""`sealway certificate`: list, show."""

from __future__ import annotations

from sealway.cli.directory import noun_group

certificate = noun_group(
    "certificate",
    "Systems' certificates, by SHA-256 of their DER bytes in base64url.",
    ("x5t", "system", "alg", "custody", "not_after", "state"),
    "3ZcXJ0aV6mGgYx8D3v3pQmH7m2b8c9d0e1f2g3h4i5j",
)
