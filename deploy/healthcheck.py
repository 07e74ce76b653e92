"""Whether a process of ours answers: exit 0 when the address given says 200, 1 otherwise.

    python deploy/healthcheck.py http://127.0.0.1:8480/readyz

For containers: the slim image has no curl. Asks directly, whatever proxy the environment names,
and says in one line why not.
"""

import sys
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

ANSWER_S = 4.0  # below the container's own time limit, so that the line is seen


def main(arguments: Sequence[str]) -> int:
    """Ask once. Answers 0 or 1; 3 when there is no address."""
    if len(arguments) != 1 or not arguments[0].startswith(("http://", "https://")):
        print("usage: healthcheck.py URL", file=sys.stderr)
        return 3
    try:
        with build_opener(ProxyHandler({})).open(arguments[0], timeout=ANSWER_S) as answer:
            return 0 if answer.status == 200 else 1
    except (URLError, OSError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
