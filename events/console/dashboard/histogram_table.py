"""The histogram as the rows of a table, which its chart is drawn from."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from urllib.parse import quote_plus

from django.utils.html import escape
from django.utils.safestring import SafeString

from events.statistics.buckets import Buckets
from events.web import event_html
from events.web.links import list_url


def table_rows(
    buckets: Buckets, severities: Sequence[str], counted: Sequence[Mapping[str, int]] | None
) -> SafeString:
    """Make a row of each interval; one that wasn't counted is shown as such.

    Of numbers and moments, which need no escaping: by a template or piece by piece hundreds of
    figures would take longer than the rest of the page.
    """
    address = escape(list_url())
    edges = [(edge, quote_plus(edge.isoformat())) for edge in buckets.edges]
    figures: Sequence[Mapping[str, int | None]] = (
        [dict.fromkeys(severities)] * len(buckets.starts) if counted is None else counted
    )
    return SafeString(
        "\n".join(
            f'<tr data-start="{int(start.timestamp())}"><th scope="row">'
            f'<a href="{address}since={since}&amp;until={until}">'
            f"{event_html.moment(start)}</a></th>"
            f"{''.join(_cell(counts[name]) for name in severities)}</tr>"
            for ((start, since), (_, until)), counts in zip(pairwise(edges), figures, strict=True)
        )
    )


def _cell(count: int | None) -> str:
    if count is None:
        return '<td class="nothing">…</td>'
    return f'<td data-count="{count}">{event_html.number(count)}</td>'
