"""The OpenAPI documents are those of the code, and hold every route that clients were promised."""

import importlib.util
import re
import socket
import threading
from pathlib import Path

import psycopg2
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "contracts" / "http"
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir())

# What clients rely on: route, who may call it, its scope, `*` = Idempotency-Key required, `†` = If-Match required.
DEAD_LETTERS = """
    GET /v1/dead-letters                        staff dead-letters:write
    GET /v1/dead-letters/{}                     staff dead-letters:write
    POST /v1/dead-letters/{}/replay             staff dead-letters:write *
    POST /v1/dead-letters/{}/discard            staff dead-letters:write *
    GET /openapi.json                           public
"""
PROMISED = {
    "auth": DEAD_LETTERS
    + """
    POST /v1/register                           public
    POST /v1/email/verify                       public
    GET /verify                                 public
    GET /reset                                  public
    POST /v1/login                              public
    POST /v1/token/refresh                      public
    POST /v1/logout                             person
    GET /v1/me                                  person
    PATCH /v1/me                                person
    POST /v1/password/forgot                    public
    POST /v1/password/reset                     public
    POST /v1/password/change                    person
    GET /v1/sessions                            person
    DELETE /v1/sessions/{}                      person
    POST /oauth/token                           client
    POST /oauth/introspect                      client
    POST /oauth/revoke                          client
    GET /.well-known/jwks.json                  public
    GET /.well-known/openid-configuration       public
    GET /internal/users/{}/contact              service auth:contact
    GET /internal/mail-requests/{}              service auth:mail
    GET /internal/revocations                   service auth:revocations
    """,
    "orders": DEAD_LETTERS
    + """
    GET /v1/products                            public
    GET /v1/products/{}                         public
    PUT /v1/products/{}                         staff catalog:write
    POST /v1/products/{}/stock                  staff stock:write *
    POST /v1/orders                             person *
    GET /v1/orders                              person
    GET /v1/orders/{}                           person
    POST /v1/orders/{}/payments                 person *
    GET /v1/orders/{}/payments/{}               person
    POST /v1/orders/{}/payments/{}/capture      staff payments:write *
    POST /v1/orders/{}/payments/{}/void         staff payments:write *
    POST /v1/orders/{}/cancel                   person *
    POST /v1/orders/{}/fulfillments             staff orders:ship * †
    POST /v1/orders/{}/fulfillments/{}/deliver  staff orders:ship *
    POST /v1/orders/{}/refunds                  staff orders:refund *
    POST /v1/orders/{}/notes                    person
    GET /v1/orders/{}/notes                     person
    GET /v1/orders/{}/timeline                  person
    POST /v1/webhooks/payments/sandbox          public
    """,
    "notifier": DEAD_LETTERS
    + """
    GET /v1/notifications                       person
    GET /v1/notifications/{}                    person
    POST /v1/notifications/{}/read              person
    GET /v1/deliveries                          staff deliveries:read
    GET /v1/deliveries/{}                       staff deliveries:read
    POST /v1/deliveries/{}/retry                staff deliveries:write *
    POST /v1/deliveries/{}/cancel               staff deliveries:write *
    GET /u/{}                                   public
    POST /u/{}                                  public
    """,
}


def load_writer():
    spec = importlib.util.spec_from_file_location("write_openapi", ROOT / "tools" / "write_openapi.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def writer():
    return load_writer()


def document(service):
    return yaml.safe_load((CONTRACTS / f"{service}.openapi.yaml").read_text())


def operations(service):
    for path, methods in document(service)["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {re.sub(r'{[^}]+}', '{}', path)}", operation


def who(operation):
    if operation.get("x-public"):
        return "public"
    return "client" if operation.get("x-client-authenticated") else operation["x-caller"]


def terms(operation):
    """What the document says of an operation, in the words of the table above."""
    needed = {header["name"] for header in operation.get("parameters", ()) if header["in"] == "header"}
    needed &= {header["name"] for header in operation.get("parameters", ()) if header["required"]}
    marks = [mark for mark, header in (("*", "Idempotency-Key"), ("†", "If-Match")) if header in needed]
    return " ".join([who(operation), *filter(None, [operation.get("x-scope")]), *marks])


def promised(service):
    for line in filter(str.strip, PROMISED[service].splitlines()):
        method, path, *rest = line.split()
        yield f"{method} {path}", " ".join(rest)


def test_every_service_has_its_document_and_its_promises():
    assert {path.name for path in CONTRACTS.iterdir()} == {f"{service}.openapi.yaml" for service in SERVICES}
    assert sorted(PROMISED) == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_is_that_of_the_code(writer, service):
    committed = (CONTRACTS / f"{service}.openapi.yaml").read_text()
    assert committed == writer.render(service), "run make contracts"


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_holds_what_clients_were_promised(service):
    found = {route: terms(operation) for route, operation in operations(service)}
    assert {route: found.get(route, "is missing") for route, _ in promised(service)} == dict(promised(service))


@pytest.mark.parametrize("service", SERVICES)
def test_an_application_is_built_without_opening_anything(writer, monkeypatch, service):
    def refuse(*_, **__):
        raise AssertionError("building an application opened something")

    monkeypatch.setattr(psycopg2, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert writer.build_app(service).url_map


@pytest.mark.parametrize("service", SERVICES)
def test_ids_of_operations_are_unique_and_every_reference_leads_somewhere(service):
    names = [operation["operationId"] for _, operation in operations(service)]
    assert len(names) == len(set(names))
    contract = document(service)
    for reference in re.findall(r"#/components/schemas/(\w+)", yaml.safe_dump(contract)):
        assert reference in contract["components"]["schemas"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_what_it_does_and_how_it_fails(service):
    for route, operation in operations(service):
        assert re.match(r"[A-Z].*[.]$", operation["summary"]), f"{route}: {operation['summary']!r}"
        assert operation["responses"]["default"]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }
