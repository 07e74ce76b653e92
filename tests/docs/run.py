"""`make docs`: run every marked block, say of each whether it held, end with the figures."""

import sys

from tests.docs.documents import DocumentRunner, blocks_by_document


def main() -> int:
    """Return 0 only if there are blocks and every one held."""
    run = held = 0
    with DocumentRunner() as runner:
        for blocks in blocks_by_document().values():
            for outcome in runner.run(blocks):
                run, held = run + 1, held + outcome.held
                print(f"{'held' if outcome.held else 'FAILED':6}  {outcome.block}", flush=True)
                if not outcome.held:
                    print("        " + outcome.why.strip().replace("\n", "\n        "))
    print(f"docs: {run} blocks run, {held} held")
    return 0 if run and run == held else 1


if __name__ == "__main__":
    sys.exit(main())
