"""Resolve and reopen all that match: a preview to confirm, and the jobs that come of it."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.bulk.confirmation import InvalidToken, confirm, token_of
from events.bulk.preview import Preview, Total, preview
from events.bulk.workers import ensure_running, find_orphans, workers
from events.filters.query_string import InvalidQuery
from events.filters.stored_filter import serialise
from events.models import BulkJob, EventAction, SystemEvent
from events.models.action import REASON_LENGTH
from events.models.bulk_job import BulkJobQuerySet
from events.reading.time_limit import TookTooLong, statement_limit
from events.web import event_html
from events.web.names import refuse_names, shown_to
from events.web.operator_form import actor_of, read_id, reason_of
from events.web.permissions import VIEW, VIEW_ACTION
from sovi_events.readable import readable

from .filter_summary import filter_summary
from .resolving import ResolvingAdmin

# Parameters of the preview's page besides the list's filters.
ACTION, MAX_ID, REASON = "action", "max_id", "reason"

FILTER_CHARACTERS = 200
"""Of a job's filter in the list; its page shows all of it."""

TITLES: dict[str, Any] = {
    EventAction.Action.RESOLVE: gettext_lazy("Resolve all that match"),
    EventAction.Action.REOPEN: gettext_lazy("Reopen all that match"),
}
STATES: dict[str, Any] = {
    BulkJob.State.QUEUED: gettext_lazy("Waiting for its turn"),
    BulkJob.State.RUNNING: gettext_lazy("Running"),
    BulkJob.State.STOPPING: gettext_lazy("Stopping"),
    BulkJob.State.STOPPED: gettext_lazy("Stopped"),
    BulkJob.State.DONE: gettext_lazy("Done"),
    BulkJob.State.FAILED: gettext_lazy("Failed"),
}


STEPS: dict[str, Any] = {
    "confirmed": gettext_lazy("Confirmed"),
    "stopped": gettext_lazy("Stopped"),
    "resumed": gettext_lazy("Resumed"),
}


@admin.register(BulkJob)
class BulkJobAdmin(ResolvingAdmin):
    """The jobs, the latest first; each page shows how far it is, and stops it."""

    list_display = ("made", "what", "state_text", "count", "who", "why")
    list_display_links = ("what",)
    empty_value_display = event_html.NOTHING
    ordering = ("-id",)
    sortable_by = ()
    actions = None
    detail_template = "admin/events/bulkjob/job.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_list_display(self, request: HttpRequest) -> Any:
        hidden = () if request.user.has_perm(VIEW_ACTION) else ("who", "why")
        return [name for name in self.list_display if name not in hidden]

    def get_urls(self) -> list[URLPattern]:
        preview_view = self.admin_site.admin_view(self.preview_view)
        start_view = self.for_resolvers(self.start_view)
        change_view = self.for_resolvers(self.change_state_view)
        stop, resume = {"change": BulkJobQuerySet.stop}, {"change": BulkJobQuerySet.resume}
        return [
            path("preview/", preview_view, name="events_bulkjob_preview"),
            path("start/", start_view, name="events_bulkjob_start"),
            path("<int:job_id>/stop/", change_view, stop, name="events_bulkjob_stop"),
            path("<int:job_id>/go-on/", change_view, resume, name="events_bulkjob_resume"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.has_view_permission(request) and find_orphans():
            transaction.on_commit(workers.run_pending)
        return super().changelist_view(request, extra_context)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show what would be changed; its address holds the filters as the API names them."""
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        query = request.GET.copy()
        action, max_id, reason = (query.pop(name, [""])[-1] for name in (ACTION, MAX_ID, REASON))
        if action not in TITLES:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": TITLES[action],
            "opts": self.opts,
            "action": action,
            "reason": reason[:REASON_LENGTH],
            "reason_length": REASON_LENGTH,
            "list_url": reverse("admin:events_systemevent_changelist"),
        }
        try:
            if max_id and read_id(max_id) is None:
                query.appendlist(MAX_ID, max_id)  # refused with what else can't be read
            refuse_names(query, shown_to(request.user))
            with statement_limit():
                filters = serialise(query)
            seen = preview(action, filters, max_id=read_id(max_id))
        except InvalidQuery as error:
            context["problems"] = error.lines
        except TookTooLong:
            context["problems"] = [
                _("The database took too long to count these: try again, or narrow the filters.")
            ]
        else:
            context |= _told(seen, shown_to(request.user))
            context["token"] = token_of(seen, user_id=request.user.pk)
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/events/bulkjob/preview.html", context)

    def start_view(self, request: HttpRequest) -> HttpResponse:
        try:
            job = confirm(
                request.POST.get("token", ""),
                request.POST.get(ACTION, ""),
                user_id=request.user.pk,
                by=actor_of(request),
                reason=reason_of(request),
            )
        except InvalidToken as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect("admin:events_systemevent_changelist")
        transaction.on_commit(workers.run_pending)
        return redirect("admin:events_bulkjob_change", job.pk)

    def change_state_view(
        self, request: HttpRequest, job_id: int, change: Callable[..., int]
    ) -> HttpResponse:
        if change(BulkJob.objects.filter(pk=job_id), by=actor_of(request)):
            # Its runner ends it; where it has none, we do.
            transaction.on_commit(workers.run_pending)
        return redirect("admin:events_bulkjob_change", job_id)

    def detail_context(self, request: HttpRequest, row: BulkJob) -> dict[str, Any]:
        ensure_running(row)
        return {
            "title": f"{TITLES[row.action]} #{row.pk}",
            "state": STATES[row.state],
            "filters": filter_summary(row.filters, shown_to(request.user)),
            "percent": int(row.share * 100),
            "changed": event_html.number(row.changed),
            "left_alone": row.left_alone and event_html.number(row.left_alone),
            "expected": str(Total(row.expected, {}, row.expected_is_exact)),
            "previewed_at": event_html.moment_and_ago(row.previewed_at),
            "shows_actor": request.user.has_perm(VIEW_ACTION),
            "steps": [_step(it) for it in row.steps],
            "created_at": event_html.moment_and_ago(row.created_at),
            "finished_at": row.finished_at and event_html.moment_and_ago(row.finished_at),
            "may_resolve": self.has_resolve_permission(request),
            "may_resume": row.state in (BulkJob.State.STOPPED, BulkJob.State.FAILED),
        }

    @admin.display(description=gettext_lazy("started"))
    def made(self, job: BulkJob) -> SafeString:
        return event_html.moment_and_ago(job.created_at)

    @admin.display(description=gettext_lazy("what"))
    def what(self, job: BulkJob) -> SafeString:
        filters = " · ".join(f"{name}: {', '.join(values)}" for name, values in job.filters.items())
        return format_html(
            '<strong>{}</strong> <span class="job-filters">{}</span>',
            job.get_action_display(),
            readable(filters[:FILTER_CHARACTERS]) or _("everything"),
        )

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, job: BulkJob) -> SafeString:
        share = f" {job.share:.0%}" if job.is_open else ""
        return format_html('<span class="job-state">{}{}</span>', STATES[job.state], share)

    @admin.display(description=gettext_lazy("actor"))
    def who(self, job: BulkJob) -> str:
        return readable(job.actor)

    @admin.display(description=gettext_lazy("reason"))
    def why(self, job: BulkJob) -> str:
        return readable(job.reason or "")

    @admin.display(description=gettext_lazy("events"))
    def count(self, job: BulkJob) -> str:
        return event_html.number(job.changed)


def _step(kept: dict[str, str]) -> tuple[str, str, str, SafeString]:
    """What somebody did to a job: what it was, who and of which kind, and when."""
    at = datetime.fromisoformat(kept["at"])
    name = str(STEPS.get(kept["step"], kept["step"]))
    return name, readable(kept["actor"]), kept["actor_kind"], event_html.moment_and_ago(at)


def _told(seen: Preview, named: Collection[str]) -> dict[str, Any]:
    return {
        "filters": filter_summary(seen.filters, named),
        "rows": seen.extent.rows,
        "extent": seen.extent,
        "severities": [
            (event_html.severity(SystemEvent(severity=name)), seen.extent.shown(rows))
            for name, rows in seen.extent.by_severity.items()
        ],
        "left_out": seen.left_out,
        "oldest": seen.oldest and event_html.moment_and_ago(seen.oldest.timestamp),
        "newest": seen.newest and event_html.moment_and_ago(seen.newest.timestamp),
        "latest": [event_html.cells(event) for event in seen.sample or []],
        "no_sample": seen.sample is None,
    }
