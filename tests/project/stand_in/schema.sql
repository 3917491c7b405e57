-- SOVI's tables beside the specification's `system_events`, as its own migrations made them.
CREATE TABLE devices (
    udid     TEXT UNIQUE NOT NULL,
    id       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name     VARCHAR(100) NOT NULL,
    wda_port INTEGER,
    status   TEXT NOT NULL DEFAULT 'active'
);
CREATE TYPE platform AS ENUM ('tiktok', 'instagram');
CREATE TABLE accounts (
    id       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    platform platform NOT NULL,
    username TEXT NOT NULL,
    password BYTEA,
    UNIQUE (platform, username)
);
INSERT INTO devices (id, udid, name, wda_port)
VALUES ('0b6f7a52-93ad-4b3b-8c0e-4b1f2f9f2d11', 'udid-1', 'iPhone-A', 8100);
INSERT INTO accounts (id, platform, username)
VALUES ('5d9a2c1e-7f40-4c0b-9a53-3f6f0a7c8e22', 'tiktok', 'grind4829');
