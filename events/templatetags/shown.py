"""What people and programs wrote, as a page can draw it."""

from django import template
from django.template.defaultfilters import stringfilter

from sovi_events.readable import readable

register = template.Library()
register.filter("readable", stringfilter(readable))
