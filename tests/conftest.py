"""What holds for every test: made-up examples are judged by what they show, never by their time."""

from hypothesis import settings

settings.register_profile("sealway", deadline=None, print_blob=True)
settings.load_profile("sealway")
