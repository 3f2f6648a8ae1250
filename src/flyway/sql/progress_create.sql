-- Notes on a migration that runs outside of a transaction, until it ends.
CREATE TABLE IF NOT EXISTS {progress} (
    script varchar(1000) PRIMARY KEY,
    checksum integer NOT NULL,
    done integer NOT NULL,
    running integer NOT NULL,
    started timestamp NOT NULL DEFAULT now()
)
