"""Where dbstep differs from Liquibase and means to; docs/liquibase.md gives the reasons.

A difference is (folder of the corpus, id of the changeset, what differs); None stands for anything. Each one listed must really be one: a
test fails when it has gone.
"""

DIFFERENCES = {
    # without a database Liquibase looks for the key in a schema "null"; with one, both say the same (test_live)
    ("constraints", "pk-2", "rollback"),
    ("constraints", "pk-drop-2", "change 0 statements"),
    ("constraints", "pk-c-drop", "change 0 statements"),
    ("json", "10", "rollback"),
    # … and prepares no statements for large objects
    ("data", "l10", "change 1 statements"),
    ("offline", "forIndex", "rollback"),
    ("offline", "drop null", "rollback"),
    # statements that PostgreSQL refuses
    ("offline", "types", "change 0 statements"),
    ("offline", "merge", "change 0 statements"),
}

# files in corpus/errors
READ_AND_REFUSED_BY_LIQUIBASE = {
    "no-namespace.xml",
    "tag-with-others.xml",
}
REFUSED_AND_READ_BY_LIQUIBASE = {
    "duplicate-key.yaml",
    "load-missing.xml",
    "unknown-attribute.yaml",
    "unknown-change.json",
}

# (folder, changeset) whose previews differ: a delimiter of one's own is shown as a semicolon, large objects are shown
PREVIEWS = {
    ("data", "root.xml::l10::fay"),
    ("formatted", "all/0-lastslash.sql::1::ann"),
    ("formatted", "all/10-dollar.sql::4::ann"),
    ("formatted", "all/11-delimiters.sql::end::ann"),
    ("formatted", "all/11-delimiters.sql::nl::ann"),
    ("formatted", "all/11-delimiters.sql::word::ann"),
    ("formatted", "all/11-delimiters.sql::slash::ann"),
    ("sql", "root.xml::s6::gus"),
    ("sql", "root.xml::s7::gus"),
    ("sql", "root.xml::f5::gus"),
    ("yaml", "root.yaml::17::oli"),
}
ROLLBACK_PREVIEWS = {
    ("sql", "root.xml::s5::gus"),
}
