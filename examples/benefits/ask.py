"""The benefits agency asks whether a parent is alive, and where they live.

python examples/benefits/ask.py 38001085718
"""

import sys

from sealway import Client, Rejected

with Client.from_profile("benefits") as bus:
    question = {"person_code": sys.argv[1]}
    try:
        answer = bus.ask(
            "sx/GOV/2002/civil-registry", "person-status", question, purpose="child-benefit"
        )
    except Rejected as no:
        print(no.code, no.text)
    else:
        print(answer.json["status"], answer.signer, answer.receipt.index)
