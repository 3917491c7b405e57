"""Django's PostgreSQL backend, at the place `sovi.database` names."""
