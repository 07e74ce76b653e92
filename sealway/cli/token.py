"""`sealway token`: a bearer token for one call."""

from __future__ import annotations

import click

from sealway.cli.session import bus_options, clock, examples


@click.command
@click.argument("method")
@click.argument("url")
@bus_options
@examples(
    "url=http://127.0.0.1:8480/v1/mailbox",
    'curl -s $url -H "Authorization: Bearer $(sealway token GET $url)"',
)
def token(method: str, url: str, profile_name: str | None, as_json: bool) -> int:
    """Print a token for calling URL with METHOD, good for a minute and for that call alone.

    URL must be the bus's own public one; a query is left out of the token.
    """
    from sealway.cli.output import print_json
    from sealway.credentials import SystemCredentials, identity_of
    from sealway.profile import load_profile
    from signing.tokens import TOKEN_LIFE_S_MAX

    profile = load_profile(profile_name)
    if profile.token is not None:
        raise click.UsageError(f"This profile is a person's: send the token in {profile.token}.")
    if not url.startswith(f"{profile.url}/"):
        raise click.BadParameter(f"the URL must begin with {profile.url}/")
    credentials = SystemCredentials(identity_of(profile), clock())
    value = credentials.authorization(method.upper(), url.partition("?")[0])
    value = value.removeprefix("Bearer ")
    if as_json:
        print_json(
            {"token": value, "method": method.upper(), "url": url, "life_s": TOKEN_LIFE_S_MAX}
        )
    else:
        print(value)
    return 0
