"""`sealway profile`: add, list, use."""

from __future__ import annotations
