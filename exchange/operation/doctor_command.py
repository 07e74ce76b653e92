"""`sealway doctor`: the verb around `examine`. One line a thing, and what to do about it."""

import asyncio
import dataclasses
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import structlog

from exchange.operation.exits import NO, YES, told
from exchange.operation.settings import FILE_NAME, load_settings


@click.command()
@click.argument("folder", metavar="[DIR]", default=".sealway", type=click.Path(path_type=Path))
@click.option("--all", "with_defaults", is_flag=True, help="Show settings at their defaults too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for machines.")
def doctor(folder: Path, with_defaults: bool, as_json: bool) -> None:
    """Look at the bus of DIR (.sealway): settings, keys, database, Kafka. Changes nothing.

    Exit codes: 0 all is well, or there are only warnings; 1 something is wrong; 3 settings.

    \b
    Examples:
      sealway doctor
      sealway doctor /srv/sealway --json
    """
    with told("doctor", as_json=as_json):
        settings = load_settings(folder / FILE_NAME)
    from exchange.operation.doctor.examine import examine, told_settings
    from exchange.operation.doctor.findings import Verdict, worst

    _be_quiet()
    findings = asyncio.run(examine(settings, _now_ms))
    shown = told_settings(settings, with_defaults=with_defaults)
    verdict = worst(findings)
    if as_json:
        checks = [dataclasses.asdict(finding) for finding in findings]
        click.echo(json.dumps({"verdict": verdict, "settings": shown, "checks": checks}))
    else:
        _show(shown, findings)
        click.echo(f"doctor: {_count(findings)}")
    raise SystemExit(NO if verdict is Verdict.WRONG else YES)


def _be_quiet() -> None:
    """What a start would log, the findings say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _show(settings: Mapping[str, Any], findings: Sequence[Any]) -> None:
    for key, value in settings.items():
        click.echo(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    click.echo()
    for finding in findings:
        click.echo(f"{finding.verdict:<6} {finding.about:<12} {finding.text}")
        if finding.remedy:
            click.echo(f"{'':<6} {'':<12} → {finding.remedy}")


def _count(findings: Sequence[Any]) -> str:
    found = [finding.verdict for finding in findings]
    return ", ".join(f"{found.count(one)} {one}" for one in ("ok", "warn", "wrong"))
