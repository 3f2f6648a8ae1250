-- How far a changeset outside of a transaction came, so that a second attempt can go on instead of starting over. `md5sum` covers
-- the statements that are done; `running` is the statement under way whose end the server's catalogue tells, else 0.
CREATE TABLE IF NOT EXISTS {progress} (
    id VARCHAR(255) NOT NULL, author VARCHAR(255) NOT NULL, filename VARCHAR(255) NOT NULL, md5sum VARCHAR(35) NOT NULL,
    done INTEGER NOT NULL, running INTEGER NOT NULL DEFAULT 0, statements INTEGER NOT NULL,
    started TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), updated TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    deployment_id VARCHAR(10) NOT NULL, PRIMARY KEY (id, author, filename)
)
