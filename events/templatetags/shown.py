"""What people and programs wrote, as a page can draw it."""

from django import template

from sovi_events.readable import readable

register = template.Library()
register.filter("readable", readable)
