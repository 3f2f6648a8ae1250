-- How many large objects there are, and may their pages be read at once?
SELECT count(*), has_table_privilege('pg_largeobject', 'SELECT') FROM pg_largeobject_metadata
