"""The customs board answers from its own database; nothing in Sealway knows its tables.

python examples/customs/office.py DATABASE
"""

import sqlite3
import sys
from datetime import date, timedelta

from sealway import Provider, Reject

register = sqlite3.connect(sys.argv[1])
office = Provider.from_profile("customs")


@office.service("declarations")
def declarations(request):
    query = "SELECT no, day, duty_c FROM decl WHERE trader = ? ORDER BY no"
    rows = register.execute(query, (int(request.json["trader"]),)).fetchall()
    if not rows:
        return Reject("no-data", "No declarations of this trader.")
    return {"declarations": [_declaration(*row) for row in rows]}


def _declaration(number, day, duty_cents):
    lodged = date(1970, 1, 1) + timedelta(days=day)
    found = {"number": number, "lodged": lodged.isoformat()}
    if duty_cents is not None:
        found["duty_eur"] = f"{duty_cents // 100}.{duty_cents % 100:02d}"
    return found


office.run()
