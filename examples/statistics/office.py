"""The statistics office answers from its mailbox, when it gets round to it.

    python examples/statistics/office.py

Stop it whenever you like: what it had not answered comes back.
"""

import csv
from pathlib import Path

from sealway import Provider, Reject

FIGURES = Path(__file__).with_name("household_index.csv")

with FIGURES.open(newline="", encoding="utf-8") as file:
    index = {(row["region"], int(row["year"])): row for row in csv.DictReader(file)}

office = Provider.from_profile("statistics")


@office.service("household-index")
def household_index(request):
    asked = request.json
    row = index.get((asked["region"], asked["year"]))
    if row is None:
        return Reject("no-data", "No index for this region and year.")
    return {**asked, "index": float(row["index"]), "method": row["method"]}


office.run()
