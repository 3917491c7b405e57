-- What SOVI's role may do before the adoption.
GRANT SELECT ON devices, accounts TO producer;
GRANT SELECT, INSERT, UPDATE ON system_events TO producer;
GRANT USAGE ON SEQUENCE system_events_id_seq TO producer;
