-- As Liquibase makes it.
CREATE TABLE {lock} (
    id INTEGER NOT NULL, locked BOOLEAN NOT NULL, lockgranted TIMESTAMP WITHOUT TIME ZONE, lockedby VARCHAR(255),
    CONSTRAINT {lock_pkey} PRIMARY KEY (id)
)
