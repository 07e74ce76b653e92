"""docs/metrics.md, made from the figures themselves.

    python -m exchange.operation.metrics_page > docs/metrics.md

Owns the page's layout. Refuses to own a word about any figure. A test fails while the committed
page isn't what this makes.
"""

import sys
from typing import Final

from exchange.operation.metrics import METRICS, Figure

_HEAD: Final = """\
# Metrics

What a process of the bus tells Prometheus, made from the code by
`python -m exchange.operation.metrics_page`; don't edit it here.

With `metrics_port` in the settings, or `--metrics-port`, every role (`sealway serve`, `gateway`,
`deliver`) answers `GET /metrics` on a listener of its own, at `metrics_host` (127.0.0.1 unless
set). There is no password: whoever reaches the port reads the figures. They hold counts, codes, the
names of logs and of the systems hosted here; no content, no message ids, nobody's name.

Each process counts what it did itself, from its start; sum over processes, and use `rate`. A
scrape reads memory, waits for nothing and asks no database.

```yaml
scrape_configs:
  - job_name: sealway
    static_configs:
      - targets: ["127.0.0.1:9480", "127.0.0.1:9482"]
```

## Figures

Beside these there are `process_…`: memory, CPU time and open files, as the kernel tells.

| name | kind | label | says |
|---|---|---|---|
"""
_ALARMS: Final = """
## Alarms to set

The numbers suit a bus of some hundred messages a second; `up == 0` belongs on every list.

| when | then |
|---|---|
"""


def metrics_markdown() -> str:
    """The whole page."""
    return _HEAD + "".join(map(_row, METRICS)) + _ALARMS + "".join(map(_alarm, METRICS))


def _row(figure: Figure) -> str:
    label = f"`{figure.label}`" if figure.label else ""
    return f"| `{figure.name}` | {figure.kind} | {label} | {figure.says} |\n"


def _alarm(figure: Figure) -> str:
    if figure.alarm is None:
        return ""
    when, then = figure.alarm
    return f"| `{when.replace('|', chr(92) + '|')}` | {then} |\n"


if __name__ == "__main__":
    sys.stdout.write(metrics_markdown())
