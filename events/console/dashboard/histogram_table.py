"""The histogram as the rows of a table, which its chart is drawn from."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from urllib.parse import quote_plus

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from events.statistics.buckets import Buckets
from events.web import event_html
from events.web.links import list_url

INTERVAL = '<tr data-start="{}"><th scope="row"><a href="{}">{}</a></th>'


def table_rows(
    buckets: Buckets, severities: Sequence[str], counted: Sequence[Mapping[str, int]] | None
) -> SafeString:
    """Make a row of each interval; one that wasn't counted is shown as such.

    Here, as a template would take longer for hundreds of figures than for the rest of the page.
    """
    address = list_url()
    edges = [(edge, quote_plus(edge.isoformat())) for edge in buckets.edges]
    figures: Sequence[Mapping[str, int | None]] = (
        [dict.fromkeys(severities)] * len(buckets.starts) if counted is None else counted
    )

    @cache  # most figures stand in many cells
    def cell(count: int | None) -> SafeString:
        if count is None:
            return format_html('<td class="nothing">{}</td>', "…")
        return format_html('<td data-count="{}">{}</td>', count, event_html.number(count))

    return format_html_join(
        "\n",
        f"{INTERVAL}{'{}' * len(severities)}</tr>",
        (
            (
                int(start.timestamp()),
                f"{address}since={since}&until={until}",
                event_html.moment(start),
                *(cell(counts[name]) for name in severities),
            )
            for ((start, since), (_, until)), counts in zip(pairwise(edges), figures, strict=True)
        ),
    )
