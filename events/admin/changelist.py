"""Lists that are counted to a bound and say what they can't read in their address."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.admin.templatetags.admin_list import result_headers, results
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR, ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import select_template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from events.reading.time_limit import TookTooLong, time_limit

from .filters import Chip, UrlFilter
from .paginator import BoundedPaginator


class BoundedChangeList(ChangeList):
    """Django's list, counted to a bound, that says what it can't read in its address.

    With a problem in the address it shows no row: an action on "all that match" must never reach
    further than the operator meant.
    """

    paginator: BoundedPaginator
    too_slow: str
    """What took too long, in words: no fault of the address, and nothing is shown either."""
    plain_link = "?"
    """The address of this list without a filter."""

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.problems: list[str] = []
        self.too_slow = ""
        super().__init__(request, *args)
        self.title = capfirst(str(self.opts.verbose_name_plural))

    def get_filters(self, request: HttpRequest) -> Any:
        filters: Iterable[Any] = self.list_filter
        # It says "no filter" where an address must say something; beside others it says nothing.
        for params in (self.filter_params, self.params):
            params.pop(ALL_VAR, None)
        known = {name for spec in filters for name in spec.parameter_names}
        for name in self.get_filters_params():
            if name not in known:
                self.problems.append(
                    _("This page has no filter “%(name)s”.") % {"name": _visible(name)}
                )
                del self.filter_params[name], self.params[name]
        return super().get_filters(request)

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        self.problems += chain.from_iterable(spec.problems for spec in self._filters)
        if "\0" in request.GET.get(SEARCH_VAR, ""):
            # Django's own form has said so in a message, and searched for nothing.
            return queryset.none()
        return queryset.none() if self.problems else queryset

    @property
    def _filters(self) -> list[UrlFilter]:
        return cast(list[UrlFilter], self.filter_specs)

    def get_results(self, request: HttpRequest) -> None:
        if self.too_slow:
            self.queryset = self.queryset.none()  # to be counted at once
        super().get_results(request)
        self.page_num = self.paginator.validate_number(self.page_num)
        offset = (self.page_num - 1) * self.list_per_page
        try:
            with time_limit():
                # More rows may have come since they were counted.
                self.result_list = list(self.read_page(offset))
        except TookTooLong as error:
            self.too_slow = str(error)
            self.result_list = []
        self.paginator.seen(offset + len(self.result_list))

    def read_page(self, offset: int) -> Iterable[Any]:
        """Read the rows to show: those after `offset`."""
        rows: QuerySet[Any] = self.queryset
        return rows[offset : offset + self.list_per_page]

    def link(self, **values: Iterable[str]) -> str:
        """The address of this list with these parameters changed; an empty one is left out."""
        params = {name: list(value) for name, value in {**self.filter_params, **values}.items()}
        pairs = [(name, item) for name, items in sorted(params.items()) for item in items if item]
        return f"?{urlencode(pairs)}" if pairs else self.plain_link

    @property
    def headers(self) -> Iterator[dict[str, Any]]:
        found: Iterator[dict[str, Any]] = result_headers(self)
        return found

    @property
    def rows(self) -> Iterator[SafeString]:
        """The cells of each row, in one piece."""
        for cells in results(self):
            yield format_html_join("", "{}", ([cell] for cell in cells))

    @property
    def empty_template(self) -> Any:
        """What an empty table says: where its rows come from."""
        return select_template(
            [
                f"admin/{self.opts.app_label}/{self.opts.model_name}/empty.html",
                f"admin/{self.opts.app_label}/empty.html",
            ]
        )

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters in force, each with the address that takes it away."""
        chips = [chip for spec in self._filters for chip in spec.chips(self)]
        if self.query:
            chips.insert(0, Chip(_("Search"), self.query, self.link(**{SEARCH_VAR: []})))
        return chips

    @property
    def search_inputs(self) -> list[tuple[str, str]]:
        """What the search form hands on: the filters in force."""
        return list(self._inputs(without=(SEARCH_VAR,)))

    @property
    def filter_inputs(self) -> list[tuple[str, str]]:
        """What the form of the typed filters hands on: all that has no field in it."""
        typed = [name for spec in self._filters for name in spec.typed_parameters]
        return list(self._inputs(without=typed))

    def _inputs(self, without: Iterable[str]) -> Iterator[tuple[str, str]]:
        for name, values in self.filter_params.items():
            if name not in without:
                yield from ((name, value) for value in values if value)

    @property
    def older_link(self) -> str | None:
        """Where a list longer than it is counted goes on, from its last page."""
        last_page = self.page_num == self.paginator.num_pages
        if self.paginator.bounded.exact or not last_page or ORDER_VAR in self.params:
            return None
        last = list(self.result_list)[-1]
        return self.link(max_id=[str(last.pk - 1)], **{PAGE_VAR: []})


def _visible(text: str) -> str:
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
