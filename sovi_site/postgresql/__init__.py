"""Django's PostgreSQL backend at the place `sovi.database` names, looked up at the first connection."""
