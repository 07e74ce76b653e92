"""Settings of the service: one TOML file and `SEALWAY_…` variables, read once, frozen."""

from exchange.operation.settings.engines import Database, Kafka, Retention
from exchange.operation.settings.limits import Delivery, Limits
from exchange.operation.settings.load import FILE_NAME, SettingsInvalid, load_settings
from exchange.operation.settings.model import Egress, HostedKey, Policy, Settings
from exchange.operation.settings.redact import redacted

__all__ = [
    "FILE_NAME",
    "Database",
    "Delivery",
    "Egress",
    "HostedKey",
    "Kafka",
    "Limits",
    "Policy",
    "Retention",
    "Settings",
    "SettingsInvalid",
    "load_settings",
    "redacted",
]
