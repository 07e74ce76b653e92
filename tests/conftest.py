"""What holds for every test, and what every test may ask for.

Made-up examples are judged by what they show, never by their time.
"""

from hypothesis import settings

pytest_plugins = ["tests.support.kafka_fixtures"]

settings.register_profile("sealway", deadline=None, print_blob=True)
settings.load_profile("sealway")
