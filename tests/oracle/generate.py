"""Random changelogs that PostgreSQL can run, from a seed; in XML, YAML, JSON or formatted SQL. And the corpus's XML as YAML and JSON.

A changelog is built as the tree that YAML has, {"databaseChangeLog": [{"changeSet": {…}}, …]}, and written in the notation asked for.
"""
import json
import random
import re
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import yaml

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.liquibase.org/xml/ns/dbchangelog http://www.liquibase.org/xml/ns/dbchangelog/dbchangelog-latest.xsd">
"""
# the field that a change's own text is, where it has one
BODY = {"sql": "sql", "createView": "selectQuery", "createProcedure": "procedureText", "output": "message", "stop": "message", "sqlCheck": "sql"}


# ---- notations ----

def write_yaml(log):
    return yaml.safe_dump(log, sort_keys=False, allow_unicode=True, width=1000)


def write_json(log):
    return json.dumps(log, indent=1)


def text_of(value):
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def xml_change(name, fields):
    attributes, inside = [], ""
    for key, value in fields.items():
        if key == BODY.get(name):
            inside += escape(value)
        elif key == "columns":
            inside += "".join(xml_change("column", c["column"]) for c in value)
        elif key == "constraints":
            inside += xml_change("constraints", value)
        elif key == "where":
            inside += f"<where>{escape(value)}</where>"
        else:
            # what else would an XML parser make blanks of
            attributes.append(f" {key}={quoteattr(text_of(value), {chr(10): '&#10;', chr(9): '&#9;'})}")
    return f"<{name}{''.join(attributes)}>{inside}</{name}>" if inside else f"<{name}{''.join(attributes)}/>"


def write_xml(log):
    out = [HEAD]
    for item in log["databaseChangeLog"]:
        s = dict(item["changeSet"])
        inside = ""
        pre, comment, changes, rollback, modify = (s.pop(k, None) for k in ("preConditions", "comment", "changes", "rollback", "modifySql"))
        if pre:
            attributes = "".join(f" {k}={quoteattr(v)}" for p in pre for k, v in p.items() if isinstance(v, str))
            inside += f"<preConditions{attributes}>" + "".join(xml_precondition(p) for p in pre if not isinstance(next(iter(p.values())), str)) + "</preConditions>"
        if comment is not None:
            inside += f"<comment>{escape(comment)}</comment>"
        inside += "\n        ".join(xml_change(n, f) for c in changes for n, f in c.items())
        if rollback is not None:
            inside += f"<rollback>{escape(rollback) if isinstance(rollback, str) else ''.join(xml_change(n, f) for c in rollback for n, f in c.items())}</rollback>"
        if modify:
            attributes = "".join(f" {k}={quoteattr(v)}" for m in modify for k, v in m.items() if isinstance(v, str))
            inside += f"<modifySql{attributes}>" + "".join(xml_change(n, f) for m in modify for n, f in m.items() if isinstance(f, dict)) + "</modifySql>"
        out.append(f"    <changeSet{''.join(f' {k}={quoteattr(text_of(v))}' for k, v in s.items())}>\n        {inside}\n    </changeSet>\n")
    return "".join(out) + "</databaseChangeLog>\n"


def xml_precondition(p):
    (name, value), = p.items()
    if isinstance(value, list):
        return f"<{name}>" + "".join(xml_precondition(v) for v in value) + f"</{name}>"
    return xml_change(name, value)


def write_sql(log):
    out = ["--liquibase formatted sql"]
    for item in log["databaseChangeLog"]:
        s = item["changeSet"]
        words = "".join(f' {k}:"{v}"' if k in ("labels", "contextFilter") else f" {k}:{text_of(v)}" for k, v in s.items()
                        if k in ("labels", "contextFilter", "runOnChange", "failOnError", "splitStatements", "stripComments", "endDelimiter", "dbms"))
        out.append(f"--changeset {s['author']}:{s['id']}{words}")
        if s.get("comment"):
            out.append(f"--comment {s['comment']}")
        out.append("\n".join(c["sql"]["sql"] for c in s["changes"]))
        out += [f"--rollback {line}" for line in s["rollback"].splitlines()] if s.get("rollback") else ["--rollback empty"]
    return "\n".join(out) + "\n"


NOTATIONS = {"xml": write_xml, "yaml": write_yaml, "json": write_json, "sql": write_sql}


# ---- the corpus's XML in the other notations ----

def local(tag):
    return tag.rsplit("}", 1)[-1]


def tree_of_change(e):
    name, fields = local(e.tag), dict(e.attrib)
    columns = [tree_of_change(c)[1] for c in e if local(c.tag) == "column"]
    if columns:
        fields["columns"] = [{"column": c} for c in columns]
    for c in e:
        if local(c.tag) == "constraints":
            fields["constraints"] = dict(c.attrib)
        elif local(c.tag) == "whereParams":
            fields["whereParams"] = [{"param": dict(p.attrib)} for p in c]
        elif local(c.tag) != "column":
            fields[local(c.tag)] = c.text or ""
    own = "".join([e.text or ""] + [c.tail or "" for c in e])
    if name in BODY:
        if own.strip():
            fields[BODY[name]] = own.strip()
    elif own.strip():
        fields["value"] = own.strip()
    return name, fields


def tree_of_precondition(e):
    name = local(e.tag)
    if name in ("and", "or", "not"):
        return {name: [tree_of_precondition(c) for c in e]}
    return {name: tree_of_change(e)[1]}


def tree_of_changeset(e):
    s = dict(e.attrib)
    changes, rollbacks, modify, sums = [], [], [], []
    for c in e:
        name = local(c.tag)
        if name == "comment":
            s["comment"] = c.text or ""
        elif name == "preConditions":
            s["preConditions"] = [{k: v} for k, v in c.attrib.items()] + [tree_of_precondition(p) for p in c]
        elif name == "rollback":
            if c.attrib:
                rollbacks.append(dict(c.attrib))
            elif len(c):
                rollbacks += [dict([tree_of_change(x)]) for x in c]
                rollbacks += [{"sql": {"sql": c.text.strip()}}] if (c.text or "").strip() else []
            else:
                rollbacks.append({"sql": {"sql": c.text.strip()}} if (c.text or "").strip() else {"empty": {}})
        elif name == "modifySql":
            modify.append([{k: v} for k, v in c.attrib.items()] + [dict([tree_of_change(x)]) for x in c])
        elif name == "validCheckSum":
            sums.append(c.text.strip())
        else:
            changes.append(dict([tree_of_change(c)]))
    s["changes"] = changes
    if rollbacks:
        s["rollback"] = rollbacks[0] if len(rollbacks) == 1 and "changeSetId" in rollbacks[0] else rollbacks
    if modify:
        s["modifySql"] = modify[0]
    if sums:
        s["validCheckSum"] = sums
    return {"changeSet": s}


def tree_of_xml(path, name_of_new):
    """An XML changelog as YAML would have it; what it includes stays as it is. Left out is what YAML cannot say: two modifySql."""
    items = []
    for e in ET.parse(path).getroot():
        name = local(e.tag)
        if name == "changeSet":
            if sum(local(c.tag) == "modifySql" for c in e) < 2:
                items.append(tree_of_changeset(e))
                rollback = items[-1]["changeSet"].get("rollback")
                if isinstance(rollback, dict) and "changeSetPath" in rollback:
                    rollback["changeSetPath"] = name_of_new
        elif name == "preConditions":
            items.append({"preConditions": [{k: v} for k, v in e.attrib.items()] + [tree_of_precondition(p) for p in e]})
        else:
            # the YAML reader wants a boolean there
            items.append({name: {k: v == "true" if k == "global" else v for k, v in e.attrib.items()}})
    return {"databaseChangeLog": items}


# ---- random ones ----

TYPES = ["int", "bigint", "smallint", "integer", "varchar(20)", "varchar(255)", "VARCHAR(7)", "text", "clob", "boolean", "bit", "date", "timestamp",
         "timestamp with time zone", "datetime", "time", "decimal(10,2)", "numeric(8, 3)", "number(12)", "double", "float", "uuid", "blob", "bytea",
         "char(3)", "nvarchar(9)", "varchar2(11)", "timestamp(3)", "json", "jsonb", "java.sql.Types.VARCHAR(12)", "tinyint", "currency", "real", "int[]"]
TEXTS = ["x", "it's", "a;b", "two  blanks", "line\nbreak", "ümläut", "☃🙂", "tab\there", "", "null", "NULL", "--dash", "/*c*/", "$1", "back\\slash", 'quo"te',
         "100%", "${nope}", "&<>", " lead", "trail ", "a,b", "é", "now()", "1.50", "true", "e\u0301", "\u00a0"]
WORDS = ["order", "user", "group", "Mixed", "with blank", "lower", "select", "end", "a_b", "x1", "naïve", "UPPER", "table", "type", "key", "value", "name"]


INVERSE = {"createTable", "addColumn", "renameTable", "renameColumn", "renameSequence", "renameView", "createSequence", "createView", "createIndex",
           "addUniqueConstraint", "addNotNullConstraint", "dropNotNullConstraint", "addDefaultValue", "empty", "output"}


class Maker:
    """Knows what the database holds, so that every changeset can run."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.n = 0
        self.tables, self.views, self.sequences, self.indexes, self.uniques = {}, [], [], [], []
        self.drops = self.maybe(0.5)  # without, everything can be rolled back

    def name(self, prefix="n"):
        self.n += 1
        # unique whatever the case, so that quoting or not makes no two of one
        return f"{self.r.choice(WORDS)}_{prefix}{self.n}" if self.r.random() < 0.3 else f"{prefix}{self.n}"

    def pick(self, *what):
        return self.r.choice(what)

    def maybe(self, p=0.3):
        return self.r.random() < p

    def text(self):
        return "".join(self.r.choice(TEXTS) for _ in range(self.r.randint(1, 3)))

    def remark(self):
        return self.text().strip() or "r"

    def default(self, kind):
        k = kind.lower()
        if "int" in k and "[" not in k or k == "number(12)":
            return {"defaultValueNumeric": self.pick("5", "-3", "0")}
        if k.startswith(("decimal", "numeric", "double", "float", "real", "currency")):
            return {"defaultValueNumeric": self.pick("1.50", "2", "-0.5", "100.00", "1e2")}
        if k == "boolean":
            return {"defaultValueBoolean": self.pick("true", "false")}
        if k == "date":
            return self.pick({"defaultValueDate": "2020-02-29"}, {"defaultValueComputed": "CURRENT_DATE"})
        if k.startswith(("timestamp", "datetime")):
            return self.pick({"defaultValueDate": "2020-02-29T12:34:56"}, {"defaultValueComputed": "now()"}, {"defaultValueDate": "2021-03-04 05:06:07"})
        if k in ("text", "clob", "varchar(255)"):
            return {"defaultValue": self.text()}
        if k == "uuid":
            return {"defaultValueComputed": "gen_random_uuid()"}
        return {}

    def column(self, constraints=True):
        kind = self.r.choice(TYPES)
        c = {"name": self.name("c"), "type": kind}
        if self.maybe():
            c.update(self.default(kind))
        if self.maybe(0.15):
            c["remarks"] = self.remark()
        k = {}
        if constraints and self.maybe():
            k["nullable"] = self.pick("true", "false", False)
        if constraints and self.maybe(0.15) and kind not in ("json", "blob"):
            k["unique"] = "true"
            if self.maybe(0.6):
                k["uniqueConstraintName"] = self.name("uq")
        if k:
            c["constraints"] = k
        return c

    def table(self):
        return self.r.choice(list(self.tables)) if self.tables else None

    def free(self, table):
        """A column that nothing hangs on."""
        names = [n for n, c in self.tables[table].items() if not c.get("constraints") and not c.get("used")]
        return self.r.choice(names) if names else None

    # each gives a list of changes, or None when there is nothing to do it to

    def create_table(self):
        t = self.name("t")
        columns = [self.column() for _ in range(self.r.randint(1, 6))]
        if self.maybe(0.7):
            key = {"name": self.name("id"), "type": self.pick("int", "bigint"), "constraints": {"primaryKey": self.pick("true", True), "nullable": "false"}}
            if self.maybe():
                key["autoIncrement"] = self.pick("true", True)
                if self.maybe():
                    key["startWith"] = self.pick("10", 100)
            if self.maybe():
                key["constraints"]["primaryKeyName"] = self.name("pk")
            columns.insert(0, key)
        if self.tables and self.maybe(0.25):
            other = self.table()
            keys = [c for c in self.tables[other].values() if c.get("constraints", {}).get("primaryKey")]
            if keys and re.fullmatch("[a-z0-9_]+", other) and re.fullmatch("[a-z0-9_]+", keys[0]["name"]):
                columns.append({"name": self.name("fk"), "type": keys[0]["type"],
                                "constraints": {"foreignKeyName": self.name("fkn"), "references": f"{other}({keys[0]['name']})"}})
                self.tables[other][keys[0]["name"]]["used"] = True
        self.tables[t] = {c["name"]: dict(c) for c in columns}
        fields = {"tableName": t, "columns": [{"column": c} for c in columns]}
        if self.maybe():
            fields["remarks"] = self.remark()
        return [{"createTable": fields}]

    def add_column(self):
        t = self.table()
        if not t:
            return None
        columns = [self.column(False) for _ in range(self.r.randint(1, 3))]
        for c in columns:
            self.tables[t][c["name"]] = dict(c)
        return [{"addColumn": {"tableName": t, "columns": [{"column": c} for c in columns]}}]

    def drop_column(self):
        t = self.table()
        c = t and self.free(t)
        if not c or len(self.tables[t]) < 2:
            return None
        del self.tables[t][c]
        return [{"dropColumn": {"tableName": t, "columnName": c}}] if self.maybe(0.5) else [{"dropColumn": {"tableName": t, "columns": [{"column": {"name": c}}]}}]

    def rename_column(self):
        t = self.table()
        c = t and self.free(t)
        if not c:
            return None
        new = self.name("r")
        old = self.tables[t].pop(c)
        old["name"] = new
        self.tables[t][new] = old
        fields = {"tableName": t, "oldColumnName": c, "newColumnName": new}
        if self.maybe():
            fields["columnDataType"] = old["type"]
        return [{"renameColumn": fields}]

    def rename_table(self):
        t = self.table()
        if not t or any(c.get("used") for c in self.tables[t].values()):
            return None
        new = self.name("tr")
        self.tables[new] = self.tables.pop(t)
        self.indexes = [(new if n == t else n, i) for n, i in self.indexes]
        self.uniques = [(new if n == t else n, i) for n, i in self.uniques]
        return [{"renameTable": {"oldTableName": t, "newTableName": new}}]

    def drop_table(self):
        t = self.table()
        if not t or any(c.get("used") for c in self.tables[t].values()) or len(self.tables) < 3:
            return None
        del self.tables[t]
        self.indexes = [x for x in self.indexes if x[0] != t]
        self.uniques = [x for x in self.uniques if x[0] != t]
        return [{"dropTable": {"tableName": t, **({"cascadeConstraints": self.pick("true", True)} if self.maybe() else {})}}]

    def indexable(self, t):
        return [n for n, c in self.tables[t].items() if c["type"] not in ("json", "blob", "bytea", "jsonb")]

    def create_index(self):
        t = self.table()
        names = t and self.indexable(t)
        if not names:
            return None
        name = self.name("ix")
        columns = self.r.sample(names, min(len(names), self.r.randint(1, 2)))
        for c in columns:
            self.tables[t][c]["used"] = True
        self.indexes.append((t, name))
        fields = {"tableName": t, "indexName": name, "columns": [{"column": {"name": c, **({"descending": self.pick("true", True)} if self.maybe() else {})}} for c in columns]}
        if self.maybe():
            fields["unique"] = self.pick("false", False)
        return [{"createIndex": fields}]

    def drop_index(self):
        if not self.indexes:
            return None
        t, name = self.indexes.pop(self.r.randrange(len(self.indexes)))
        return [{"dropIndex": {"tableName": t, "indexName": name}}]

    def add_unique(self):
        t = self.table()
        names = t and self.indexable(t)
        if not names:
            return None
        name = self.name("uq")
        columns = [n for n in self.r.sample(names, min(len(names), 2)) if "," not in n]
        for c in columns:
            self.tables[t][c]["used"] = True
        self.uniques.append((t, name))
        fields = {"tableName": t, "columnNames": self.pick(", ", ",").join(columns), "constraintName": name}
        if self.maybe():
            fields.update(deferrable=self.pick("true", True), initiallyDeferred=self.pick("true", False))
        return [{"addUniqueConstraint": fields}]

    def drop_unique(self):
        if not self.uniques:
            return None
        t, name = self.uniques.pop(self.r.randrange(len(self.uniques)))
        return [{"dropUniqueConstraint": {"tableName": t, "constraintName": name}}]

    def default_value(self):
        t = self.table()
        if not t:
            return None
        c = self.r.choice(list(self.tables[t].values()))
        d = self.default(c["type"])
        if not d or c.get("autoIncrement"):
            return None
        if self.maybe():
            return [{"dropDefaultValue": {"tableName": t, "columnName": c["name"]}}]
        return [{"addDefaultValue": {"tableName": t, "columnName": c["name"], **d}}]

    def not_null(self):
        t = self.table()
        c = t and self.free(t)
        if not c:
            return None
        kind = self.tables[t][c]["type"]
        fields = {"tableName": t, "columnName": c}
        if self.maybe():
            fields["columnDataType"] = kind
        out = [{"sql": {"sql": "select 1"}}] if self.maybe(0.1) else []
        if kind.startswith(("varchar", "text")) and self.maybe():
            out.append({"addNotNullConstraint": {**fields, "defaultNullValue": self.text()[:6]}})
        else:
            out.append({"addNotNullConstraint": fields})
        return out + [{"dropNotNullConstraint": fields}]

    def modify_type(self):
        t = self.table()
        for n, c in (self.tables[t] if t else {}).items():
            new = {"int": "bigint", "varchar(20)": "varchar(200)", "smallint": "int", "text": "clob", "date": "timestamp", "integer": "numeric(20,1)"}.get(c["type"])
            if new and not c.get("used") and not c.get("constraints") and not any(k.startswith("default") for k in c) and not c.get("autoIncrement"):
                c["type"] = new
                return [{"modifyDataType": {"tableName": t, "columnName": n, "newDataType": new}}]
        return None

    def value(self, kind):
        k = kind.lower()
        if "int" in k and "[" not in k or k == "number(12)":
            return self.pick({"valueNumeric": "7"}, {"value": "8"}, {"valueNumeric": 9})
        if k.startswith(("decimal", "numeric", "double", "float", "real", "currency")):
            return self.pick({"valueNumeric": "1.50"}, {"valueNumeric": 2.5}, {"value": "3"})
        if k == "boolean":
            return self.pick({"valueBoolean": "true"}, {"valueBoolean": False})
        if k in ("date", "timestamp", "datetime", "timestamp with time zone"):
            return self.pick({"valueDate": "2020-02-29"}, {"valueComputed": "date '2020-01-01'"})
        if k in ("text", "clob", "varchar(255)"):
            return self.pick({"value": self.text()}, {"valueComputed": "'a' || 'b'"})
        return None

    def values(self, t, least=1):
        out = []
        for c in self.tables[t].values():
            v = self.value(c["type"])
            if v and not c.get("constraints") and not c.get("used") and self.maybe(0.7):
                out.append({"column": {"name": c["name"], **v}})
        return out if len(out) >= least else None

    def insert(self):
        t = self.table()
        if not t or any(c.get("constraints") for c in self.tables[t].values()):
            return None
        columns = self.values(t)
        return columns and [{"insert": {"tableName": t, "columns": columns}}]

    def update(self):
        t = self.table()
        columns = t and self.values(t)
        return columns and [{"update": {"tableName": t, "columns": columns, **({"where": self.pick("1 = 2", "true", "1 < 2 and 'a;' <> 'b'")} if self.maybe(0.8) else {})}}]

    def delete(self):
        t = self.table()
        return t and [{"delete": {"tableName": t, "where": self.pick("1 = 2", "1 > 2 or 'it''s' = 'x'")}}]

    def view(self):
        if self.views and self.maybe(0.4):
            v = self.views.pop()
            if self.maybe(0.5):
                return [{"dropView": {"viewName": v}}]
            new = self.name("vr")
            self.views.append(new)
            return [{"renameView": {"oldViewName": v, "newViewName": new}}]
        v = self.name("v")
        self.views.append(v)
        return [{"createView": {"viewName": v, "selectQuery": self.pick("select 1 as one", "select  'a;b' as x,\n  2 as y", "select 1 as a -- c\n"),
                                **({"replaceIfExists": self.pick("true", True)} if self.maybe() else {})}}]

    def sequence(self):
        if self.sequences and self.maybe(0.5):
            s = self.sequences.pop()
            if self.maybe(0.4):
                return [{"dropSequence": {"sequenceName": s}}]
            if self.maybe(0.5):
                self.sequences.append(s)
                return [{"alterSequence": {"sequenceName": s, "incrementBy": self.pick("3", 4)}}]
            new = self.name("sr")
            self.sequences.append(new)
            return [{"renameSequence": {"oldSequenceName": s, "newSequenceName": new}}]
        s = self.name("s")
        self.sequences.append(s)
        fields = {"sequenceName": s}
        for key, values in (("startValue", ("5", 6)), ("incrementBy", ("2", 3)), ("maxValue", ("1000", 2000)), ("minValue", ("1",)), ("cycle", ("true", False)),
                            ("cacheSize", ("5", 7)), ("dataType", ("int", "bigint"))):
            if self.maybe(0.25):
                fields[key] = self.pick(*values)
        return [{"createSequence": fields}]

    def remarks(self):
        t = self.table()
        if not t:
            return None
        if self.maybe(0.5):
            return [{"setTableRemarks": {"tableName": t, "remarks": self.remark()}}]
        return [{"setColumnRemarks": {"tableName": t, "columnName": self.r.choice(list(self.tables[t])), "remarks": self.remark()}}]

    def sql(self):
        return [{"sql": self.sql_fields()}]

    def sql_fields(self):
        n = f"q{self.n}_{self.r.randrange(10**6)}"
        parts = [f"create table {n} (id int, t text)"]
        for _ in range(self.r.randint(0, 4)):
            parts.append(self.pick(f"insert into {n} values (1, 'a;b')", f"insert into {n} values (2, 'it''s')", f"update {n} set t = 'x' where id = 1",
                                   "select 1 -- c; d\n", "select /* x; */ 2", f"comment on table {n} is 'ümläut ☃'", "select case when true then 1 else 2 end",
                                   'select 1 as "a;b"', "\n\n  select   3\n", f"insert into {n} select g, 'begin' from generate_series(1, 3) g"))
        end = self.pick(";", ";\n", " ; ", ";\n-- between; here\n")
        f = {"sql": end.join(parts) + self.pick("", ";", ";\n")}
        if self.maybe(0.25):
            f["stripComments"] = self.pick("true", True, "false", False)
        if self.maybe(0.15):
            f["splitStatements"] = self.pick("true", "false", False)
        if self.maybe(0.1) and "splitStatements" not in f:
            f["sql"], f["endDelimiter"] = " @@\n".join(parts) + " @@", "@@"
        return f

    def other(self):
        return self.pick([{"empty": {}}], [{"output": {"message": self.text().strip() or "m", "target": "STDERR"}}],
                         [{"createProcedure": {"procedureText": f"create procedure p{self.n}_{self.r.randrange(10**6)}() language sql as $$ select 1; select 'x' $$"}}])

    @staticmethod
    def undo(change):
        """What undoes it as far as the next ones care."""
        (name, f), = change.items()
        if name == "createTable":
            return [{"dropTable": {"tableName": f["tableName"]}}]
        if name == "addColumn":
            return [{"dropColumn": {"tableName": f["tableName"], "columnName": c["column"]["name"]}} for c in reversed(f["columns"])]
        if name == "renameTable":
            return [{"renameTable": {"oldTableName": f["newTableName"], "newTableName": f["oldTableName"]}}]
        if name == "renameColumn":
            return [{"renameColumn": {"tableName": f["tableName"], "oldColumnName": f["newColumnName"], "newColumnName": f["oldColumnName"]}}]
        if name == "renameSequence":
            return [{"renameSequence": {"oldSequenceName": f["newSequenceName"], "newSequenceName": f["oldSequenceName"]}}]
        if name == "renameView":
            return [{"renameView": {"oldViewName": f["newViewName"], "newViewName": f["oldViewName"]}}]
        if name == "createSequence":
            return [{"dropSequence": {"sequenceName": f["sequenceName"]}}]
        if name == "createView":
            return [{"dropView": {"viewName": f["viewName"]}}]
        if name == "createIndex":
            return [{"dropIndex": {"tableName": f["tableName"], "indexName": f["indexName"]}}]
        if name == "addUniqueConstraint":
            return [{"dropUniqueConstraint": {"tableName": f["tableName"], "constraintName": f["constraintName"]}}]
        if name == "addNotNullConstraint":
            return [{"dropNotNullConstraint": {"tableName": f["tableName"], "columnName": f["columnName"]}}]
        return []

    KINDS = [("create_table", 5), ("add_column", 3), ("drop_column", 1), ("rename_column", 1), ("rename_table", 1), ("drop_table", 1), ("create_index", 2),
             ("drop_index", 1), ("add_unique", 1), ("drop_unique", 1), ("default_value", 2), ("not_null", 1), ("modify_type", 1), ("insert", 5), ("update", 1),
             ("delete", 1), ("view", 2), ("sequence", 2), ("remarks", 2), ("sql", 3), ("other", 2)]

    def changes(self):
        out = []
        for _ in range(self.r.choice([1, 1, 1, 2, 3])):
            kinds = [(k, w) for k, w in self.KINDS if self.drops or not k.startswith("drop")]
            kind = self.r.choices([k for k, _ in kinds], [w for _, w in kinds])[0]
            out += getattr(self, kind)() or []
        return out or self.create_table()

    def changeset(self, number, sql_only):
        s = {"id": self.pick(str(number), f"id {number}", f"{number}.{self.r.randrange(9)}"), "author": self.pick("ann", "bob", "o'neil", "ünï")}
        if sql_only:
            s["id"] = s["id"].replace(" ", "_")
            fields = self.sql_fields()
            s["changes"] = [{"sql": fields}]
            s.update({k: v for k, v in fields.items() if k != "sql"})
        for key, values, p in (("runOnChange", ("true", False), 0.1), ("failOnError", ("true", True), 0.1), ("labels", ("v1", "v1,V2", "x"), 0.2),
                               ("contextFilter", ("a or b", "!never", "main"), 0.2), ("dbms", ("postgresql", "!oracle"), 0.1)):
            if self.maybe(p):
                s[key] = self.pick(*values)
        if not sql_only and self.maybe(0.1):
            s["objectQuotingStrategy"] = "LEGACY"
        if self.maybe(0.2):
            s["comment"] = self.pick("a comment", "ümläut ☃", "it's one; two")
        if not sql_only:
            if self.maybe(0.15):
                s["preConditions"] = [{"onFail": "MARK_RAN"}, self.pick({"not": [{"tableExists": {"tableName": "nope"}}]}, {"dbms": {"type": "postgresql"}},
                                      {"sqlCheck": {"expectedResult": "1", "sql": "select 1"}}, {"or": [{"dbms": {"type": "oracle"}}, {"not": [{"viewExists": {"viewName": "nope"}}]}]})]
            s["changes"] = self.changes()
            if self.maybe(0.15):
                s["rollback"] = self.pick("select 1", "select 1; select 'a;b'", [{"empty": {}}], [{"sql": {"sql": "select 2"}}])
            elif any(name not in INVERSE for c in s["changes"] for name in c):
                undo = [r for c in reversed(s["changes"]) for r in self.undo(c)]
                s["rollback"] = undo or [{"empty": {}}]
            if self.maybe(0.1):
                s["modifySql"] = [{"dbms": "postgresql"}, self.pick({"append": {"value": " /* appended */"}}, {"prepend": {"value": "/* first */ "}},
                                                                    {"regExpReplace": {"replace": r"\s+$", "with": ""}}, {"replace": {"replace": "  ", "with": " "}})]
        elif self.maybe(0.3):
            s["rollback"] = "select 1;\nselect 'a;b';"
        return {"changeSet": s}


def changelog(seed, changesets=12):
    """(notation, text) of a random changelog."""
    m = Maker(seed)
    notation = m.pick("xml", "xml", "yaml", "yaml", "json", "sql")
    log = {"databaseChangeLog": [m.changeset(i, notation == "sql") for i in range(1, changesets + 1)]}
    return notation, NOTATIONS[notation](log)
