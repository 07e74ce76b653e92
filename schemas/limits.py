"""Every limit of this package: a number, a unit, a reason.

The limits on schemas keep compiling, and checking one message, within milliseconds and within
the stack, whatever a registered integrator writes. The limits on payloads are the wire's.
"""

TEXT_BYTES_MAX = 256 * 1024
"""Bytes of a schema's text. The largest published national schemas stay below half of it."""

DEPTH_MAX = 64
"""Nested JSON containers in a schema; the same as in a payload, which could not be deeper."""

SUBSCHEMAS_MAX = 5_000
"""Subschemas in a document: one compiles in about 20 µs, so a whole document in 100 ms."""

PATTERNS_MAX = 500
"""Regular expressions in a document: each may take ``PATTERN_BYTES_MAX`` of memory."""

PATTERN_BYTES_MAX = 4 * 1024 * 1024
"""Bytes one compiled expression may take: room for ``.{1,4000}``, a thousandth of the memory of a
small server."""

IN_PLACE_DEPTH_MAX = 64
"""allOf, anyOf, $ref … nested at one place: times a payload's depth, this is validator stack."""

IN_PLACE_WEIGHT_MAX = 2_000
"""Subschemas applied to one value, each as often as it is reached: a few references can double
the work at each step, and 24 such steps already cost 200 ms for the payload ``1``."""

SATISFIABILITY_SUBSCHEMAS_MAX = 1_000
"""Above it satisfiability is not asked: the canonical form recurses through references, and
overflows a thread's stack at about four times as many."""

SATISFIABILITY_CASES_MAX = 4_096
"""Combinations of alternatives above which satisfiability is not asked: 2^12 take about 50 ms,
2^18 take 3 s."""

REFERENCES_MAX = 50
"""Registered schemas that one refers to, those that they refer to included: a vocabulary of types
is a few files."""

REFERENCES_BYTES_MAX = 1024 * 1024
"""Bytes of the texts referred to: they are read again whenever the schema is compiled."""

XSD_ELEMENTS_MAX = 5_000
"""Elements of an XSD with its groups and base types opened up: 5,000 compile in about 0.2 s."""

XSD_PARTICLES_MAX = 250
"""Elements in one content model, its groups and base types included: the XML library proves that
it is unambiguous in cubic time, 250 optional ones in 0.2 s, 2,000 in half a minute. All content
models together may cost twice as much."""

XSD_OCCURS_MAX = 1_000
"""minOccurs, maxOccurs and counts in patterns: the XML library spends memory on each."""

XSD_PATTERN_WAYS_MAX = 1_000
"""Ways in which a pattern could match one text: the XML library may try each of them."""

EXAMPLES_MAX = 20
"""Examples of a schema, and as many counter-examples: a person reads them all."""

EXAMPLES_BYTES_MAX = 32 * 1024
"""Bytes of a schema's examples and counter-examples together: however they are escaped, the record
of the change holds them beside the longest text."""

PAYLOAD_VALUES_MAX = 200_000
"""Values of an Avro part, elements and attributes of an XML part: half a second of reading. In
Avro a few bytes can claim any number of values that take none."""

PAYLOAD_BYTES_MAX = 10 * 1024 * 1024
"""Bytes of one JSON part (wire.md)."""

PAYLOAD_DEPTH_MAX = 64
"""Nested containers of one JSON part (wire.md)."""

ERRORS_MAX = 100
"""Errors told about one payload: a person mends these and sends again."""

COLLECT_VALUES_MAX = 10_000
"""Values in a payload above which only the first error is told: the validator gathers all before
it gives one, at 10 µs and 1.5 kB each."""

VALIDATORS_CACHED = 1_024
"""Compiled validators kept: more schemas than a country's busy services use in a day."""
