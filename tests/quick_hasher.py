from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """Django's own without its slowness, which most tests would pay and none is about.

    A hash says how it was made, so a server with Django's settings reads it.
    """

    iterations = 1
