"""Django's PostgreSQL backend, at the place `sovi_events.database` names."""
