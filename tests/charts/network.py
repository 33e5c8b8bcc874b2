"""Works out which connections NetworkPolicies let through, as a cluster that enforces them would."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.charts.manifests import Manifest, selects

Port = tuple[int, str]  # with the protocol
HERE = {"kubernetes.io/metadata.name": "waybill"}


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod of the namespace by default, of another one, or an address outside the cluster."""

    name: str
    listens: tuple[Port, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    namespace: dict[str, str] | None = field(default_factory=lambda: HERE)
    address: str = "10.244.0.9"

    @property
    def is_governed(self) -> bool:
        """Whether the policies of our namespace apply to it."""
        return self.namespace == HERE


def edges(policies: list[Manifest], peers: Iterable[Peer]) -> set[str]:
    """Return every connection that is let through at both ends, as `orders.web -> auth.web:8081`."""
    known = list(peers)
    return {
        f"{source.name} -> {target.name}:{port}{'' if protocol == 'TCP' else '/' + protocol}"
        for source in known
        for target in known
        for port, protocol in target.listens
        if source is not target and (source.is_governed or target.is_governed)
        if _admits(policies, "Egress", source, target, (port, protocol))
        if _admits(policies, "Ingress", target, source, (port, protocol))
    }


def _admits(policies: list[Manifest], way: str, subject: Peer, other: Peer, port: Port) -> bool:
    if not subject.is_governed:
        return True
    specs = [each["spec"] for each in policies if selects(each["spec"]["podSelector"], subject.labels)]
    bound = [spec for spec in specs if way in spec["policyTypes"]]
    if not bound:
        return True
    return any(_matches(rule, way, other, port) for spec in bound for rule in spec.get(way.lower(), []) or [])


def _matches(rule: Manifest, way: str, other: Peer, port: Port) -> bool:
    # A rule without peers or without ports means any of them: an empty list too.
    peers = rule.get("to" if way == "Egress" else "from")
    ports = rule.get("ports")
    return (not ports or any(_is_port(each, port) for each in ports)) and (
        not peers or any(_is_peer(each, other) for each in peers)
    )


def _is_port(given: Manifest, port: Port) -> bool:
    number, protocol = port
    first = given.get("port", number)
    return first <= number <= given.get("endPort", first) and given.get("protocol", "TCP") == protocol


def _is_peer(given: Manifest, other: Peer) -> bool:
    if "ipBlock" in given:
        address = ipaddress.ip_address(other.address)
        block = given["ipBlock"]
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(each) for each in block.get("except", [])
        )
    if other.namespace is None:
        return False
    place = selects(given["namespaceSelector"], other.namespace) if "namespaceSelector" in given else other.is_governed
    return place and ("podSelector" not in given or selects(given["podSelector"], other.labels))


def written(table: str) -> set[str]:
    """Return the connections of a table, where `{a,b}.{x,y} z -> c:1 d:2` stands for all ten of them."""
    found = set()
    for line in filter(str.strip, table.splitlines()):
        sources, targets = line.split(" -> ")
        found |= {f"{source} -> {target}" for source in _spelt(sources) for target in _spelt(targets)}
    return found


def _spelt(words: str) -> Iterator[str]:
    for word in words.split():
        before, brace, rest = word.partition("{")
        if not brace:
            yield word
            continue
        choices, _, after = rest.partition("}")
        for choice in choices.split(","):
            yield from _spelt(before + choice + after)
