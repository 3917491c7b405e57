"""OpenAPI says what is served: real answers are validated against it."""

import uuid
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from jsonschema import Draft202012Validator

from events.filters.filterset import EventFilterSet
from events.filters.search.guide import EXAMPLES
from events.models import SystemEvent

PROBES = {"/healthz", "/readyz"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", file=str(path), validate=True, fail_on_warn=True)
    return yaml.safe_load(path.read_text())


@pytest.fixture
def client(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def validator(document: Any, described: Any) -> Draft202012Validator:
    """Of a body that is described, sent or answered."""
    [(media_type, body)] = described["content"].items()
    assert media_type == "application/json"
    return Draft202012Validator({**body["schema"], "components": document["components"]})


def check(document: Any, path: str, method: str, answer: Any) -> None:
    described = document["paths"][path][method]["responses"][str(answer.status_code)]
    whole = validator(document, described)
    errors = [error.message for error in whole.iter_errors(answer.json())]
    assert not errors


def test_every_address_and_credential_is_described(document: Any) -> None:
    assert {path: set(methods) for path, methods in document["paths"].items()} == {
        "/api/events": {"get", "post"},
        "/api/events/unresolved": {"get"},
        "/api/events/catalog": {"get"},
        "/api/events/export": {"get"},
        "/api/events/stats": {"get"},
        "/api/events/resolve": {"post"},
        "/api/events/reopen": {"post"},
        "/api/events/jobs/{id}": {"get"},
        "/api/events/jobs/{id}/stop": {"post"},
        "/api/events/{id}": {"get"},
        "/api/events/{id}/resolve": {"post"},
        "/api/events/{id}/reopen": {"post"},
        "/api/status": {"get"},
        "/api/logs/stream": {"get"},
        "/healthz": {"get"},
        "/readyz": {"get"},
    }
    assert set(document["components"]["securitySchemes"]) == {"tokenAuth", "sessionAuth"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["operationId"] and operation["summary"]
            if path in PROBES:
                assert operation["security"] == []
                continue
            assert operation["security"] == [{"tokenAuth": []}, {"sessionAuth": []}]
            assert {"400", "401", "403", "503"} <= set(operation["responses"])


def test_every_parameter_is_described(document: Any) -> None:
    paging = {"limit", "cursor", "after_id"}
    for path, without, also in (
        ("/api/events", set(), paging),
        ("/api/events/unresolved", {"resolved"}, paging),
        (
            "/api/events/export",
            set(),
            {"format", "bom", "large_integers", "after_id", "max_id", "limit"},
        ),
        ("/api/events/stats", set(), {"bucket", "by", "tz"}),
        ("/api/logs/stream", set(), {"last_event_id", "Last-Event-ID", "backlog"}),
    ):
        described = {
            parameter["name"]: parameter
            for parameter in document["paths"][path]["get"]["parameters"]
        }
        assert set(described) == set(EventFilterSet.parameters()) - without | also
        assert all(parameter["description"] for parameter in described.values())
        for example, meaning in EXAMPLES:
            assert f"- `{example}`: {meaning}" in described["q"]["description"]


def test_what_can_be_sent_is_described(document: Any) -> None:
    described = document["paths"]["/api/events"]["post"]
    sent = validator(document, described["requestBody"])
    event = {"category": "auth", "severity": "error", "event_type": "x", "message": "x"}
    whole = event | {"device_id": None, "account_id": str(uuid.uuid4()), "context": {"n": [1]}}
    for body in (event, whole, [event], [whole] * 1000):
        assert sent.is_valid(body)
    for body in (
        *({}, [], [event] * 1001, event | {"timestamp": "now"}, event | {"severity": "x"}),
        *(event | {"message": " "}, event | {"category": ""}),
    ):
        assert not sent.is_valid(body)
    [key] = described["parameters"]
    assert (key["name"], key["in"]) == ("Idempotency-Key", "header")
    assert "required" not in key
    assert described["requestBody"]["required"]
    assert key["description"]


@pytest.mark.django_db
def test_answers_are_as_described(document: Any, client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO system_events (category, severity, event_type, message, context,"
            " resolved, resolved_by, resolved_at)"
            " VALUES ('proxy', 'info', 'x', '', NULL, NULL, NULL, NULL),"
            " ('auth', 'error', 'x', 'x', '[1, null]', true, 'auto', now()),"
            " ('auth', 'error', 'x', 'x', '{\"n\": 1e400}', false, NULL, NULL)"
        )
    event_id = SystemEvent.objects.latest("pk").pk
    checked = [
        ("/api/events", "get", client.get("/api/events?limit=2")),
        ("/api/events", "get", client.get("/api/events?after_id=0")),
        ("/api/events", "get", client.get("/api/events?resolved=x&colour=red")),
        ("/api/events/unresolved", "get", client.get("/api/events/unresolved")),
        ("/api/events/catalog", "get", client.get("/api/events/catalog")),
        ("/api/events/catalog", "get", client.get("/api/events/catalog?x=1")),
        ("/api/events/export", "get", client.get("/api/events/export?format=xlsx")),
        ("/api/events/stats", "get", client.get("/api/events/stats")),
        ("/api/events/stats", "get", client.get("/api/events/stats?by=device&tz=Asia/Tokyo")),
        ("/api/events/stats", "get", client.get("/api/events/stats?bucket=7m&tz=x")),
        ("/api/events/{id}", "get", client.get(f"/api/events/{event_id}")),
        ("/api/events/{id}", "get", client.get("/api/events/0")),
    ]
    for action in ("resolve", "reopen"):
        for body in (
            {},
            {"reason": "x"},
            {"reason": 1},
            [],
            {"resolved_by": "auto"},
            "{",
            "x" * 70_000,
        ):
            answer = client.post(
                f"/api/events/{event_id}/{action}", body, content_type="application/json"
            )
            checked.append((f"/api/events/{{id}}/{action}", "post", answer))
        answer = client.post(f"/api/events/{event_id}/{action}", "x", content_type="text/plain")
        checked.append((f"/api/events/{{id}}/{action}", "post", answer))
    event = {"category": "auth", "severity": "error", "event_type": "x", "message": "x"}
    for number, body in enumerate(
        (event, [event] * 3, {}, [event, 1], [], "x", "{", "x" * 1_100_000, event | {"severity": 1})
    ):
        for key in (f"key {number}", "one key", "\t"):
            answer = client.post(
                "/api/events",
                body,
                content_type="application/json",
                headers={"idempotency-key": key},
            )
            checked.append(("/api/events", "post", answer))
    answer = client.post("/api/events", "x", content_type="text/plain")
    checked.append(("/api/events", "post", answer))
    assert {answer.status_code for *_, answer in checked} == {
        *(200, 201, 400, 403, 404, 413, 415, 422),
    }
    for path, method, answer in checked:
        check(document, path, method, answer)
        if answer.status_code == 200 and "results" in answer.json():
            assert answer.json()["results"]


@pytest.mark.django_db
def test_answers_about_many_events_are_as_described(document: Any, client: Client) -> None:
    events = SystemEvent.objects.bulk_create(
        SystemEvent(category="auth", severity="error", event_type="x", message="x")
        for _ in range(3)
    )
    path, job_path = "/api/events/resolve", "/api/events/jobs/{id}"

    def post(body: Any) -> Any:
        answer = client.post(path, body, content_type="application/json")
        check(document, path, "post", answer)
        return answer

    assert post({"ids": [events[0].pk]}).json()["count"] == 1
    seen = post({"filters": {"severity": ["error"], "q": "x"}}).json()
    assert seen["count"] == 2
    assert post({"filters": {"q": "zzz"}}).json()["newest"] is None
    job = post({"token": seen["token"], "reason": "x"}).json()
    for body in ({}, [], {"ids": [2**63]}, {"token": "x"}, {"filters": {"severty": "x"}}, {"x": 1}):
        assert post(body).status_code == 400
    assert post({"ids": [1], "resolved_by": "auto"}).status_code == 403
    assert post("x" * 300_000).status_code == 413
    for number in (job["id"], 0):
        address = f"/api/events/jobs/{number}"
        check(document, job_path, "get", client.get(address))
        check(document, f"{job_path}/stop", "post", client.post(f"{address}/stop"))


def test_what_can_be_sent_about_many_events_is_described(document: Any) -> None:
    sent = validator(document, document["paths"]["/api/events/reopen"]["post"]["requestBody"])
    filters = {"severity": ["error"], "resolved": False, "context": {"a": 1}, "category": "auth"}
    for body in (
        {"ids": [1], "reason": "x"},
        {"filters": filters},
        {"filters": {}},
        {"token": "x"},
    ):
        assert sent.is_valid(body), body
    for body in (
        *({}, {"ids": [1], "token": "x"}, {"filters": {"severty": "x"}}, {"ids": []}),
        *({"token": ""}, {"filters": {}, "reason": "x"}, {"filters": {"severity": ""}}),
    ):
        assert not sent.is_valid(body), body


@pytest.mark.django_db
@pytest.mark.parametrize("is_user", [False, True])
def test_refusals_of_credentials_are_as_described(document: Any, is_user: bool) -> None:
    client = Client()
    if is_user:
        client.force_login(User.objects.create_user("ada"))
    for path, methods in document["paths"].items():
        for method in methods if path.startswith("/api/events") else ():
            answer = getattr(client, method)(path.replace("{id}", "1"))
            assert answer.status_code == (403 if is_user else 401)
            check(document, path, method, answer)


@pytest.mark.django_db
def test_the_schema_is_served_to_anyone_as_json_or_yaml() -> None:
    served = Client().get("/api/schema")
    assert served.headers["Content-Type"] == "application/json"
    assert served.json()["openapi"].startswith("3.")
    as_yaml = Client().get("/api/schema", headers={"accept": "application/yaml"})
    assert yaml.safe_load(as_yaml.content) == served.json()


@pytest.mark.django_db
def test_the_docs_need_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = Client().get("/api/docs")
    html = page.content.decode()
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    assert "<style" not in html and "style=" not in html and "://" not in html
    assert html.count("<script") == html.count('<script src="/')
    script = Client().get("/api/docs?script=")
    assert script.headers["Content-Type"] == "application/javascript"
    assert 'url: "/api/schema"' in script.content.decode().replace("\\u002D", "-")
