-- What guards the data, as text that can be compared: constraints, indexes of no constraint, triggers, rules, policies, row-level security,
-- defaults, and whether materialized views are filled. Partitions are their root's business, but for indexes of theirs that are not valid.
-- Deparsing takes locks: $1 are relations to leave out, because another session holds them. has_table_privilege knows what is there now, and
-- is NULL for what a session has dropped since our snapshot: its definition could not be written any more.
WITH t AS (
    SELECT c.oid, c.relkind, c.relispopulated, c.relrowsecurity, c.relforcerowsecurity, c.relispartition,
           format('%s.%s', n.nspname, c.relname) AS object
    FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE  c.relkind IN ('r', 'p', 'm', 'f') AND c.oid <> ALL ($1::oid[]) AND has_table_privilege(c.oid, 'SELECT') IS NOT NULL AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
), o(kind, object, name, definition, state) AS (
    SELECT 'constraint', t.object, k.conname::text, regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
           concat_ws(', ', CASE WHEN NOT k.convalidated THEN 'not valid' END,
                     CASE WHEN EXISTS (SELECT 1 FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgenabled IN ('D', 'R'))
                          THEN 'disabled' END)
    FROM   pg_constraint k JOIN t ON t.oid = k.conrelid AND NOT t.relispartition
    WHERE  k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0
    UNION ALL
    SELECT 'index', coalesce(r.object, t.object), i.relname, pg_get_indexdef(i.oid), CASE WHEN x.indisvalid THEN '' ELSE 'invalid' END
    FROM   pg_index x
    JOIN   t ON t.oid = x.indrelid
    JOIN   pg_class i ON i.oid = x.indexrelid
    LEFT   JOIN t r ON t.relispartition AND r.oid = pg_partition_root(t.oid)
    LEFT   JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
    WHERE  NOT x.indisvalid OR (k.oid IS NULL AND NOT t.relispartition)
    UNION ALL
    SELECT 'trigger', t.object, g.tgname, pg_get_triggerdef(g.oid),
           CASE g.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica only' ELSE 'always' END
    FROM   pg_trigger g JOIN t ON t.oid = g.tgrelid AND NOT t.relispartition
    WHERE  NOT g.tgisinternal
    UNION ALL
    SELECT 'rule', t.object, r.rulename, pg_get_ruledef(r.oid),
           CASE r.ev_enabled WHEN 'O' THEN '' WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica only' ELSE 'always' END
    FROM   pg_rewrite r JOIN t ON t.oid = r.ev_class
    WHERE  r.rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', t.object, p.polname,
           format('%s %s TO %s USING (%s) WITH CHECK (%s)', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, p.polcmd,
                  (SELECT string_agg(CASE WHEN u.r = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(u.r)::text END, ', ' ORDER BY 1)
                   FROM unnest(p.polroles) u(r)),
                  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), ''
    FROM   pg_policy p JOIN t ON t.oid = p.polrelid
    UNION ALL
    SELECT 'row-security', t.object, '', CASE WHEN t.relforcerowsecurity THEN 'forced on the owner' ELSE '' END,
           CASE WHEN t.relrowsecurity THEN '' ELSE 'disabled' END
    FROM   t WHERE t.relrowsecurity OR t.relforcerowsecurity
    UNION ALL
    SELECT 'default', t.object, a.attname,
           CASE a.attidentity WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) WHEN 'a' THEN 'identity, always' ELSE 'identity, by default' END,
           CASE a.attgenerated WHEN '' THEN '' WHEN 's' THEN 'generated, stored' ELSE 'generated, virtual' END
    FROM   pg_attribute a
    JOIN   t ON t.oid = a.attrelid AND NOT t.relispartition
    LEFT   JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE  a.attnum > 0 AND NOT a.attisdropped AND (a.atthasdef OR a.attidentity <> '')
    UNION ALL
    SELECT 'view', t.object, '', '', CASE WHEN t.relispopulated THEN '' ELSE 'not populated' END FROM t WHERE t.relkind = 'm'
)
SELECT kind, object, name, definition, state FROM o ORDER BY kind COLLATE "C", object COLLATE "C", name COLLATE "C"
