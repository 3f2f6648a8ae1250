-- Flyway's layout, to the name of every column, constraint and index.
CREATE TABLE {table} (
    "installed_rank" INT NOT NULL,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INTEGER,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TIMESTAMP NOT NULL DEFAULT now(),
    "execution_time" INTEGER NOT NULL,
    "success" BOOLEAN NOT NULL
){tablespace};
ALTER TABLE {table} ADD CONSTRAINT {pk} PRIMARY KEY ("installed_rank"){index_tablespace};
CREATE INDEX {s_idx} ON {table} ("success"){tablespace}
