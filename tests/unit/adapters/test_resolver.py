"""Names become checked addresses, and nothing else does."""

import pytest

from adapters.egress import AllowList
from adapters.egress.resolver import Resolver
from adapters.errors import HostNotListed, ProviderUnreachable


class Names:
    """A name server that can change its mind."""

    def __init__(self, *answers: tuple[str, ...] | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise OSError("no such name")
        return answer


def resolver(names: Names, *, rule: str = "api.example.org:443", ttl_s: float = 30.0) -> Resolver:
    return Resolver(AllowList([rule]), ttl_s, names)


async def test_gives_the_addresses_that_the_rule_allows() -> None:
    found = await resolver(Names(("10.0.0.1", "93.184.215.14"))).addresses("api.example.org", 443)
    assert found == ("93.184.215.14",)


async def test_refuses_a_public_name_that_points_inside() -> None:
    with pytest.raises(HostNotListed) as caught:
        await resolver(Names(("127.0.0.1",))).addresses("api.example.org", 443)
    assert caught.value.code == "provider-unreachable"
    assert not caught.value.maybe_sent


async def test_refuses_a_name_that_moves_inside_after_its_time() -> None:
    names = Names(("93.184.215.14",), ("169.254.169.254",))
    rebound = resolver(names, ttl_s=0.0)
    assert await rebound.addresses("api.example.org", 443) == ("93.184.215.14",)
    with pytest.raises(HostNotListed):
        await rebound.addresses("api.example.org", 443)


async def test_asks_once_within_the_time_an_address_is_kept() -> None:
    names = Names(("93.184.215.14",), ("127.0.0.1",))
    kept = resolver(names)
    for _ in range(3):
        assert await kept.addresses("api.example.org", 443) == ("93.184.215.14",)
    assert names.asked == 1


async def test_refuses_a_name_that_is_not_listed_without_asking() -> None:
    names = Names(("93.184.215.14",))
    with pytest.raises(HostNotListed):
        await resolver(names).addresses("other.example.org", 443)
    assert names.asked == 0


async def test_a_name_that_does_not_resolve_is_unreachable_and_not_remembered() -> None:
    names = Names(None, ("93.184.215.14",))
    back = resolver(names)
    with pytest.raises(ProviderUnreachable):
        await back.addresses("api.example.org", 443)
    assert await back.addresses("api.example.org", 443) == ("93.184.215.14",)
