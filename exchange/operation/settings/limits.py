"""The numbers: every limit with its unit and the reason it has this value.

Owns the tables `[limits]` and `[delivery]`. Refuses to own the formats' own numbers beyond letting
an operator lower them: what a signed format fixes has its maximum here too.
"""

from pydantic import BaseModel, ConfigDict, Field

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class Table(BaseModel):
    """The base of every table: frozen, unknown keys refused, defaults checked like the rest."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )


class Limits(Table):
    """`[limits]`: what one process takes, holds and hands out."""

    part_bytes_max: int = Field(
        default=10 * MIB,
        ge=1,
        le=10 * MIB,
        description="bytes of one part; strict JSON is checked in memory, larger parts need "
        "object storage",
    )
    body_bytes_max: int = Field(
        default=10 * MIB + 64 * KIB,
        ge=16 * KIB,
        description="bytes of one HTTP body: all parts of a message, and 64 KiB for envelope, salt "
        "and lengths",
    )
    header_bytes_max: int = Field(
        default=32 * KIB,
        ge=8 * KIB,
        le=64 * KIB,
        description="bytes of all header fields of a request; the parser itself has no limit",
    )
    header_s_max: float = Field(
        default=10,
        gt=0,
        description="seconds until a request's headers are complete; then the connection closes",
    )
    body_s_max: float = Field(
        default=60,
        gt=0,
        description="seconds until a body is complete; 10 MiB take 60 s at 1.4 Mbit/s",
    )
    envelope_bytes_max: int = Field(
        default=7 * KIB,
        ge=KIB,
        le=7 * KIB,
        description="bytes of one envelope; fixed by the format, it may only be lowered",
    )
    wait_s_max: float = Field(
        default=30,
        ge=0,
        le=300,
        description="seconds that `Prefer: wait` may ask for; proxies commonly cut at 60",
    )
    mailbox_wait_s_max: float = Field(
        default=60,
        ge=0,
        le=300,
        description="seconds a lease call may wait for something to lease",
    )
    long_polls_per_system: int = Field(
        default=64,
        ge=1,
        description="calls of one system that may wait at once; each holds a connection",
    )
    group_entries_max: int = Field(
        default=256,
        ge=1,
        le=1024,
        description="entries in one commit; beyond that a group gains nothing and waits longer",
    )
    group_bytes_max: int = Field(
        default=4 * MIB,
        ge=64 * KIB,
        description="bytes in one commit; a larger message is a group by itself",
    )
    queue_bytes_max: int = Field(
        default=64 * MIB,
        ge=MIB,
        description="bytes that may wait for a commit in one process; then `bus-backlogged`",
    )
    mailbox_max: int = Field(
        default=1000,
        ge=1,
        description="requests waiting for one system and service, then `quota-exceeded`; answers "
        "that a consumer leaves in its mailbox, then `mailbox-full`; unless a system has its own",
    )
    deliveries_max: int = Field(
        default=100, ge=1, le=100, description="deliveries in one lease call; keeps answers small"
    )
    lease_s: int = Field(
        default=900,
        ge=1,
        description="seconds a lease holds unless the caller asks otherwise; a slow worker's day",
    )
    lease_s_max: int = Field(
        default=43_200,
        ge=1,
        description="seconds a lease may be asked for; a dead worker blocks its message so long",
    )
    changes_max: int = Field(
        default=1000,
        ge=1,
        le=1000,
        description="changes in one set; they share one transaction on log 0",
    )
    refusals_logged_per_s: int = Field(
        default=10,
        ge=1,
        description="refusal leaves a second for one system and code; above, they are counted "
        "in one leaf a minute, so that a valid key can't flood the log",
    )
    heads_every_s: int = Field(
        default=60,
        ge=1,
        le=300,
        description="seconds between heads leaves; a verifier reports gaps over 300",
    )
    id_age_s_max: int = Field(
        default=48 * 3600,
        ge=3600,
        le=48 * 3600,
        description="seconds a message id's time may lie back; bounds the duplicate check",
    )
    id_ahead_s_max: int = Field(
        default=300,
        ge=0,
        le=300,
        description="seconds a message id's time may lie ahead; clocks differ",
    )
    times_apart_s_max: int = Field(
        default=300,
        ge=1,
        le=300,
        description="seconds by which id, `created` and `iat` of a message may differ",
    )
    token_s_max: int = Field(
        default=60,
        ge=10,
        le=60,
        description="seconds from `iat` to `exp` of a system's bearer token; a stolen one is "
        "useless after",
    )
    unrelayed_entries_max: int = Field(
        default=1_000_000,
        ge=1000,
        description="entries that may wait for the bus while it is away; then `bus-backlogged`, "
        "so that a sweep can catch up within an hour",
    )
    unrelayed_bytes_max: int = Field(
        default=10 * GIB,
        ge=16 * MIB,
        description="bytes of messages that may wait for the bus while it is away; then "
        "`bus-backlogged`",
    )
    unrelayed_s_max: float = Field(
        default=3600,
        ge=1,
        description="seconds that the oldest may wait for the bus while it is away; longer isn't "
        "a restart any more, and senders should know",
    )
    validators_max: int = Field(
        default=1024,
        ge=16,
        description="compiled schemas kept; each takes about 100 KiB",
    )


class Delivery(Table):
    """`[delivery]`: how messages get to providers, and what happens when they don't."""

    concurrency: int = Field(
        default=256,
        ge=1,
        description="calls to providers at once in this process; each service has its own limit "
        "besides, 16 by default",
    )
    hold_s: float = Field(
        default=2,
        gt=0,
        le=10,
        description="seconds a record from the bus is held in memory; then its delivery is "
        "parked in the database, so that it holds back nothing behind it",
    )
    fast_path_grace_s: float = Field(
        default=30,
        ge=1,
        description="seconds after acceptance until a sweep takes what the bus hasn't delivered",
    )
    sweep_every_s: float = Field(
        default=1,
        gt=0,
        le=60,
        description="seconds between sweeps for due deliveries; adds to the delay of a retry",
    )
    sweep_rows_max: int = Field(
        default=500, ge=1, description="deliveries claimed in one sweep; keeps the claim short"
    )
    claim_s: float = Field(
        default=90,
        ge=5,
        description="seconds a claimed delivery belongs to one process; longer than a call's "
        "60 s, so that a crash is repaired and a slow call isn't doubled",
    )
    retry_first_s: float = Field(
        default=1, gt=0, description="seconds before the second attempt; doubled each time"
    )
    retry_max_s: float = Field(
        default=300,
        gt=0,
        description="seconds between attempts at most; a provider that is back is found in 5 min",
    )
    breaker_failures: int = Field(
        default=5,
        ge=1,
        description="failed calls in a row that open a service's breaker in this process; fewer "
        "would trip on a restart",
    )
    breaker_open_s: float = Field(
        default=10,
        gt=0,
        description="seconds an open breaker lets no call through; then one tries, and a failure "
        "opens it for twice as long",
    )
    breaker_open_s_max: float = Field(
        default=60,
        gt=0,
        description="seconds an open breaker lets no call through at most; a provider that is back "
        "is found within a minute",
    )
    misbehaved_max: int = Field(
        default=3,
        ge=1,
        description="unusable answers to one delivery until it is kept for a person",
    )
    leases_max: int = Field(
        default=16,
        ge=1,
        description="leases of one delivery until it is kept for a person: it kills its readers",
    )
    expire_grace_s: float = Field(
        default=10,
        ge=0,
        description="seconds after `answer_by` until an exchange is written off; lets a last "
        "answer in flight lose by its own time, not by ours",
    )
    poll_s: float = Field(
        default=0.05,
        ge=0.005,
        le=5,
        description="seconds between two looks for work where a database stands without Kafka; "
        "half of it is added to an exchange, and each look is a query",
    )
    drain_s: float = Field(
        default=10,
        ge=0,
        description="seconds that a stop waits for calls in flight; orchestrators kill at 30",
    )
