"""What other roles than the owner of the tables need is printed, applied and looked for."""

from collections.abc import Iterator
from io import StringIO

import pytest
from bulk_jobs import add_many, make_job, unresolved
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from emission import a_client, ids, numbered, send

from events.adoption import grants
from events.bulk.runner import run as run_job
from events.checks import check_database
from events.models import SystemEvent

pytestmark = pytest.mark.django_db


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def granted(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("grant_roles", *arguments, stdout=output)
    return output.getvalue().splitlines()


@pytest.fixture
def role(db: None) -> Iterator[str]:
    """A role without any right of its own, which ends with the test's transaction."""
    run("CREATE ROLE limited")
    yield "limited"
    run("RESET ROLE")


@pytest.fixture
def web(role: str) -> None:
    """The rest of the test runs as the web process's role."""
    granted("--web", role, "--apply")
    run(f"SET ROLE {role}")


def errors() -> list[str]:
    return [str(it.msg) for it in check_database(None, ["default"]) if it.is_serious()]


@pytest.mark.parametrize("kind", grants.ROLES)
def test_what_is_printed_is_what_is_lacking_and_gives_it(role: str, kind: str) -> None:
    lines = granted(f"--{kind}", role)
    assert not any(it.is_granted for it in grants.look_up(grants.ROLES[kind], role))
    for line in lines:
        run(line)
    assert all(it.is_granted for it in grants.look_up(grants.ROLES[kind], role))
    assert granted(f"--{kind}", role, "--apply") == lines


def test_the_check_names_what_the_role_lacks_and_the_command(role: str) -> None:
    assert errors() == []
    granted("--web", role, "--apply")
    run(f"REVOKE INSERT ON event_actions FROM {role}")
    run(f"REVOKE UPDATE (resolved_at) ON system_events FROM {role}")
    run(f"SET ROLE {role}")
    [error] = check_database(None, ["default"])
    assert error.id == "events.E003"
    for lacking in ("INSERT on event_actions", "UPDATE (resolved_at) on system_events"):
        assert lacking in str(error.msg)
    assert "grant_roles --web limited --apply" in str(error.hint)


def test_a_schema_that_a_role_may_not_use_is_granted(role: str) -> None:
    run("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    run(f"SET ROLE {role}")
    assert errors() == ["system_events stands in the schema public, which this role may not use."]
    run("RESET ROLE")
    assert granted("--producer", role)[0] == 'GRANT USAGE ON SCHEMA public TO "limited";'


def test_a_name_is_quoted_and_one_that_is_no_role_refused(role: str) -> None:
    run('CREATE ROLE "Web; process"')
    assert granted("--web", "Web; process")[0].endswith('TO "Web; process";')
    with pytest.raises(CommandError, match="no role 'nobody'"):
        granted("--web", "nobody")
    with pytest.raises(CommandError, match="--producer ROLE"):
        granted()


def test_who_may_not_grant_is_told_to_run_it_as_the_owner(role: str) -> None:
    run(f"SET ROLE {role}")
    with pytest.raises(CommandError, match="as the owner of the tables"):
        granted("--web", role, "--apply")


def test_each_table_of_a_model_is_in_the_list_of_the_web_process() -> None:
    listed = {table for right in grants.WEB for table in right.tables.split(", ")}
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert listed - {"django_migrations"} == tables


# -- Under the role of the web process ------------------------------------------------------------


@pytest.mark.usefixtures("web")
def test_the_web_process_reads_emits_and_acts() -> None:
    assert errors() == []
    admin = User.objects.create_superuser("ada", password="as-the-web-role")
    api = a_client(admin)
    first, *_ = ids(send(api, numbered(3), "key"))
    assert ids(send(api, numbered(3), "key"))[0] == first
    assert len(api.get("/api/events?after_id=0").json()["results"]) == 3
    for address in (f"/{first}", "/stats", "/unresolved"):
        assert api.get(f"/api/events{address}").status_code == 200, address
    for action, resolved in (("resolve", True), ("reopen", False)):
        answer = api.post(f"/api/events/{first}/{action}", {}, content_type="application/json")
        assert answer.json()["resolved"] is resolved


@pytest.mark.usefixtures("web")
def test_its_jobs_resolve_what_matches() -> None:
    add_many(3)
    assert run_job(make_job("severity=error").pk)
    assert unresolved() == []


@pytest.mark.usefixtures("web")
def test_people_log_in_and_see_each_page() -> None:
    User.objects.create_superuser("ada", password="as-the-web-role")
    browser = Client()
    form = {"username": "ada", "password": "as-the-web-role", "next": "/admin/"}
    assert browser.post("/admin/login/", form).status_code == 302
    [event_id] = add_many(1)
    for page in (
        "/admin/",
        "/admin/events/problems/",
        "/admin/events/live/",
        "/admin/events/systemevent/",
        f"/admin/events/systemevent/{event_id}/change/",
        "/admin/auth/user/",
    ):
        assert browser.get(page).status_code == 200, page


@pytest.mark.usefixtures("web")
def test_deleting_stays_with_the_owner_and_says_so() -> None:
    add_many(1)
    run("RESET ROLE")
    run("UPDATE system_events SET timestamp = now() - interval '9 days'")
    run("SET ROLE limited")
    with pytest.raises(CommandError, match="as the owner of the tables"):
        call_command("prune_events", "--older-than", "1d", stdout=StringIO())
    assert SystemEvent.objects.exists()
