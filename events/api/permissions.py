"""What a user may do with events: Django's model permissions, mostly given by groups."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class EventPermissions(BasePermission):
    """Ask for the permissions of the operation; a view without a table of them is denied."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        if user is None or not user.is_authenticated:
            return False
        if request.method not in view.allowed_methods:
            return True  # refused right after this, as 405
        operation = getattr(view, "operation", None)
        needed = operation.permissions if operation else ()
        lacking = [permission for permission in needed if not user.has_perm(permission)]
        self.message = f"This needs the permission {' and '.join(lacking)}."
        return bool(needed) and not lacking
