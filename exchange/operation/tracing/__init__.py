"""Spans for OpenTelemetry: made only where the settings have `[tracing]`.

Nothing outside this package imports OpenTelemetry, and nothing imports this package's modules but
`start_tracing` in `beginning`, when the table is there. What is traced is a kind of its own
(`traced`): without the table the parts of the bus are made plain, and ask nothing.
"""
