"""Where dbstep differs from Liquibase and means to: each entry names a section of docs/liquibase.md that gives the reason.

A difference is (folder of the corpus, id of the changeset, what differs); None stands for anything. Each one listed must really be one: a
test fails when it has gone.
"""

DIFFERENCES = {
}

# files in corpus/errors
READ_AND_REFUSED_BY_LIQUIBASE = {
}
REFUSED_AND_READ_BY_LIQUIBASE = {
}
