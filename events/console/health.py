"""Health: what an operator must know or mend."""

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from events.health.status import read_status
from events.web import event_html
from events.web.permissions import VIEW


@permission_required(VIEW, raise_exception=True)
def health(request: HttpRequest) -> HttpResponse:
    status = read_status()
    context = {
        **admin.site.each_context(request),
        **status._asdict(),
        "title": _("Health"),
        "as_of": event_html.moment(status.as_of),
        "reached_at": event_html.moment(status.growth and status.growth.reached_at),
        "waiting_since": event_html.moment_and_ago(status.spool.since),
    }
    return TemplateResponse(request, "admin/console/health.html", context)
