"""An event's id in an address: with a sign, as other programs may give ids below the sequence's."""

from django.urls import register_converter
from django.urls.converters import IntConverter


class EventIdConverter(IntConverter):
    regex = "-?[0-9]+"


register_converter(EventIdConverter, "event_id")
