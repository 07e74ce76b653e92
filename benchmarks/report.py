"""What a benchmark writes: the surroundings it ran in, and one JSON file for each run."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT
from benchmarks.stage import RESULTS


def surroundings() -> dict[str, Any]:
    """The machine, what else it does, and which code ran."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def write(name: str, found: dict[str, Any]) -> Path:
    """Write a run's JSON; its path is under the repository's folder."""
    RESULTS.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = RESULTS / f"{name}-{stamp}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return path


def told(durability: dict[str, str]) -> str:
    """Durability settings in one line."""
    return ", ".join(f"{name} {value}" for name, value in sorted(durability.items()))
