"""Which hosts may be called, and which addresses may stand behind them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.egress import AllowList, HostRule
from adapters.egress.origin import is_target, split_url
from adapters.errors import AdapterSettingsInvalid, HostNotListed


def allows(rule: str, address: str) -> bool:
    return HostRule.parse(rule).allows(ipaddress.ip_address(address))


def test_an_empty_list_allows_nothing() -> None:
    with pytest.raises(HostNotListed):
        AllowList([]).rule_for("api.example.org", 443)


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("api.example.org:443", "api.example.org", 443),
        ("API.Example.org:443", "api.example.org", 443),
        ("api.example.org:*", "api.example.org", 8443),
        ("*.example.org:443", "a.b.example.org", 443),
        ("127.0.0.1:9003", "127.0.0.1", 9003),
        ("[::1]:9003", "::1", 9003),
    ],
)
def test_lists_the_host_and_port_it_names(rule: str, host: str, port: int) -> None:
    assert AllowList([rule]).rule_for(host, port) == HostRule.parse(rule)


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("api.example.org:443", "api.example.org", 80),
        ("api.example.org:443", "evil-api.example.org", 443),
        ("api.example.org:443", "api.example.org.evil.net", 443),
        ("*.example.org:443", "example.org", 443),
        ("*.example.org:443", "evilexample.org", 443),
        ("127.0.0.1:9003", "127.0.0.2", 9003),
    ],
)
def test_lists_no_other_host_or_port(rule: str, host: str, port: int) -> None:
    with pytest.raises(HostNotListed):
        AllowList([rule]).rule_for(host, port)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "*",
        "*:443",
        "*.org:443",
        "api.example.org",
        "api.example.org:0",
        "api.example.org:65536",
        "api.example.org:443 secret",
        "http://api.example.org:443",
        "api.*.org:443",
        "2130706433:80",
        "0x7f000001:80",
        "127.1:80",
        "a b:80",
    ],
)
def test_refuses_a_rule_that_is_no_host_and_port(rule: str) -> None:
    with pytest.raises(AdapterSettingsInvalid):
        HostRule.parse(rule)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_name_may_be_at_a_public_address(address: str) -> None:
    assert allows("api.example.org:443", address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "fd00::1",
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",  # noqa: S104
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::7f00:1",
    ],
)
def test_a_name_is_not_let_to_addresses_inside(address: str) -> None:
    assert not allows("api.example.org:443", address)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "127.0.0.1", "fd00::1", "8.8.8.8"])
def test_a_private_rule_lets_a_name_be_inside(address: str) -> None:
    assert allows("civil.internal:8080 private", address)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])  # noqa: S104
def test_not_even_a_private_rule_lets_a_name_be_link_local(address: str) -> None:
    assert not allows("civil.internal:8080 private", address)


def test_localhost_is_loopback_and_nothing_else() -> None:
    assert allows("localhost:9003", "127.0.0.1")
    assert allows("localhost:9003", "::1")
    assert not allows("localhost:9003", "93.184.215.14")


def test_an_address_written_in_the_rule_is_allowed_whatever_its_class() -> None:
    assert allows("10.1.2.3:80", "10.1.2.3")
    assert allows("169.254.10.1:80", "169.254.10.1")
    assert not allows("10.1.2.3:80", "10.1.2.4")
    assert not allows("0.0.0.0:80", "0.0.0.0")  # noqa: S104


@given(st.ip_addresses())
def test_never_lets_a_public_name_reach_an_address_that_is_not_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if allows("api.example.org:443", str(address)):
        assert address.is_global
        assert not address.is_multicast


def test_takes_a_url_apart() -> None:
    origin, target = split_url("http://LOCALHOST:9003/a/b?c=d", AllowList(["localhost:9003"]))
    assert (origin.host, origin.port, origin.host_header) == ("localhost", 9003, "localhost:9003")
    assert target == "/a/b?c=d"


def test_the_usual_port_is_not_in_the_host_header() -> None:
    origin, target = split_url("https://api.example.org", AllowList(["api.example.org:443"]))
    assert (origin.port, origin.host_header, target) == (443, "api.example.org", "/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost:9003/",
        "file:///etc/passwd",
        "HTTP://localhost:9003/",
        "http://user@localhost:9003/",
        "http://localhost:9003@evil.net/",
        "http://localhost:9003\\@evil.net/",
        "http://localhost:9003/#x",
        "http://localhost:9003/a b",
        "http://localhost:9003/\r\nX: y",
        "http://localhost:9003/é",
        "http://localhost:/",
        "http://localhost:0/",
        "http://localhost:99999/",
        "http:///x",
        "//localhost:9003/",
        "http://[::1/",
        "http://2130706433:9003/",
        "http://0x7f.0.0.1:9003/",
        "http://other:9003/",
        "http://localhost:9004/",
        "http://[::ffff:127.0.0.1]:9003/",
    ],
)
def test_refuses_a_url_that_is_not_listed_or_reads_in_two_ways(url: str) -> None:
    with pytest.raises(HostNotListed):
        split_url(url, AllowList(["localhost:9003", "127.0.0.1:9003"]))


@given(st.text(max_size=60))
def test_refuses_or_takes_any_text_without_another_error(text: str) -> None:
    allowed = AllowList(["localhost:9003"])
    for url in (text, "http://" + text, "http://localhost:9003" + text):
        try:
            origin, target = split_url(url, allowed)
        except HostNotListed:
            continue
        assert (origin.host, origin.port) == ("localhost", 9003)
        assert is_target(target)
