"""integrity-diff between servers that differ: encodings, collations, settings, hash functions; and the portable digest that bridges them."""
import hashlib
import json

import pytest
from test_integrity_differences import lines, named

LETTERS = """CREATE TYPE "Größe" AS ENUM ('klein', 'groß');
CREATE TABLE "Größen" (k text PRIMARY KEY, v varchar(40), c char(12), j jsonb, a text[], g "Größe", n numeric, "schlüssel" int);
INSERT INTO "Größen" SELECT 'Straße ' || i, 'Łódź'::text COLLATE "C" || i, 'äöü', '{"ä": "é"}', '{ñ,å}', 'groß', i / 4.0, i FROM generate_series(1, 500) i;
CREATE TABLE numbers (id int PRIMARY KEY, f float8, t timestamptz, m money, y interval, b bytea);
INSERT INTO numbers SELECT i, i / 7.0, '2026-01-01'::timestamptz + i * interval '1 s', i::numeric::money, i * interval '1 hour', decode(md5(i::text), 'hex') FROM generate_series(1, 500) i;
CREATE TABLE bag (v text); INSERT INTO bag SELECT 'é' || i % 10 FROM generate_series(1, 100) i""".replace("Łódź", "Lodé")
SETTINGS = [
    {"TimeZone": "Asia/Tokyo", "DateStyle": "German, DMY", "IntervalStyle": "iso_8601", "extra_float_digits": "-15", "bytea_output": "escape", "lc_monetary": "C.UTF-8",
     "xmlbinary": "hex", "standard_conforming_strings": "off", "search_path": "pg_temp", "enable_sort": "on"},
    {"TimeZone": "America/St_Johns", "DateStyle": "SQL, MDY", "IntervalStyle": "sql_standard", "extra_float_digits": "0", "bytea_output": "hex", "lc_monetary": "C",
     "client_encoding": "LATIN1", "quote_all_identifiers": "on", "default_transaction_read_only": "off"},
]


def make(server, name, options="", sql=None):
    server.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    server.sql(f'CREATE DATABASE "{name}" TEMPLATE template0 {options}')
    if sql:
        server.sql("SET client_encoding = 'UTF8'; " + sql, name)
    return name


def codes(run):
    return sorted((f["code"], f.get("object") or "") for f in run.result["findings"])


def portable(run):
    """The families that the proofs say took the portable form."""
    found = [p for p in run.result["proofs"] if p.startswith("portable digest")]
    assert len(found) <= 1
    return set(found[0].split(" for ")[1].split(":")[0].split(", ")) if found else set()


def forge(path, to, old, new):
    """A certificate with something else in it, and the root that belongs to that."""
    text = path.read_text()
    body = text[len('{"certificate":'):-len(',"root":""}\n') - 64]
    assert old in body
    body = body.replace(old, new, 1)
    to.write_text('{"certificate":' + body + ',"root":"' + hashlib.sha256(body.encode()).hexdigest() + '"}\n')
    return to


def test_two_encodings_and_hostile_settings(dbstep, server, tmp_path):
    a = make(server, "enc_latin", "ENCODING 'LATIN1' LOCALE 'C'", LETTERS)
    b = make(server, "enc_utf8", "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", LETTERS)
    for d, settings in zip((a, b), SETTINGS):
        for name, value in settings.items():
            server.sql(f"ALTER {'DATABASE ' + d if name < 'e' else 'ROLE postgres IN DATABASE ' + d} SET {name} = {value if name == 'DateStyle' else repr(value)}")
    for form in ("auto", "portable"):
        assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / f"{form}.json", digest=form).status == 0
    same = [{"source_db_url": server.url(a)}, {"baseline": tmp_path / "portable.json"}, {"baseline": tmp_path / "portable.json", "source_db_url": server.url(a)},
            {"source_db_url": server.url(a), "strictness": "strong"}, {"source_db_url": server.url(a), "digest": "portable"}]
    for inputs in same:
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.status == 0 and not codes(run) and run.outputs["rows_compared"] == "1100", run
        if "baseline" in inputs or "digest" in inputs:
            assert {"int4", "text", "bpchar", "float", "timestamptz", "money", "numeric"} <= portable(run), run
        else:
            assert portable(run) == {"text", "bpchar"}, run
    # the other way round, the native digest, and a native certificate
    assert dbstep("integrity-diff", db_url=server.url(a), source_db_url=server.url(b)).status == 0
    for inputs, hint in (({"baseline": tmp_path / "auto.json"}, "digest=portable"), ({"baseline": tmp_path / "auto.json", "source_db_url": server.url(b)}, "digest=portable"),
                         ({"source_db_url": server.url(a), "digest": "native"}, "'digest' at auto"), ({"baseline": tmp_path / "portable.json", "digest": "native"}, "digest=native"),
                         ({"baseline": tmp_path / "auto.json", "digest": "portable"}, "digest=portable")):
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.status == 3 and run.outputs["verdict"] == "inconclusive" and hint in run.out + run.err, run
    # one accent, one key, one copy of a row, one interval
    server.sql("SET client_encoding = 'UTF8'; UPDATE \"Größen\" SET v = 'Lode7' WHERE k = 'Straße 7'; UPDATE \"Größen\" SET k = 'Strasse 9' WHERE k = 'Straße 9'; "
               "UPDATE numbers SET y = '60 minutes 1 second' WHERE id = 1; UPDATE bag SET v = 'e1' WHERE ctid = '(0,1)'", b)
    for inputs in same:
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.status == 3, run
        assert {n for n, x in lines(run).items() if x["verdict"] == "different"} == {"Größen", "numbers", "bag"}, run
        if "source_db_url" not in inputs:
            continue
        rows = {(r["table"], r["difference"], r["key"], r["columns"]) for r in named(run) if r["table"] != "public.bag"}
        assert rows == {("public.Größen", "changed", "Straße 7", "v"), ("public.Größen", "missing", "Straße 9", ""), ("public.Größen", "extra", "Strasse 9", ""),
                        ("public.numbers", "changed", "1", "y")}, run
        assert (lines(run)["bag"]["missing"], lines(run)["bag"]["extra"]) == ("1", "1")


def test_text_that_is_not_utf8_fails_its_table_only(dbstep, server, tmp_path):
    sql = "CREATE TABLE bad (id int PRIMARY KEY, v text); CREATE TABLE badkey (k text PRIMARY KEY); CREATE TABLE good (id int PRIMARY KEY, v text); INSERT INTO good VALUES (1, E'\\xc3\\xbc')"
    a, b = make(server, "enc_ascii", "ENCODING 'SQL_ASCII' LOCALE 'C'", sql), make(server, "enc_ascii_utf8", "ENCODING 'UTF8' LOCALE 'C'", sql)
    server.sql("INSERT INTO bad VALUES (1, E'\\xfc'); INSERT INTO badkey VALUES (E'\\xe9\\x20')", a)
    for inputs in ({"source_db_url": server.url(a)}, {"source_db_url": server.url(a), "digest": "portable"}):
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("text-not-utf8", "public.bad"), ("text-not-utf8", "public.badkey")], run
        assert lines(run)["good"]["verdict"] == "equal" and run.outputs["tables_compared"] == "1", run
    run = dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", digest="portable")
    assert run.outputs["verdict"] == "inconclusive" and len(codes(run)) == 2 and run.outputs["tables_compared"] == "1", run


def test_bytes_of_no_encoding(dbstep, server, tmp_path):
    """Two SQL_ASCII databases compare byte by byte, and their keys can be shown."""
    sql = "CREATE TABLE t (k text PRIMARY KEY, v text); INSERT INTO t SELECT E'\\xfc' || i, E'\\xe9' FROM generate_series(1, 50) i"
    a, b = (make(server, f"bytes_{d}", "ENCODING 'SQL_ASCII' LOCALE 'C'", sql) for d in "ab")
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    for inputs in ({"source_db_url": server.url(a)}, {"baseline": tmp_path / "c.json"}):
        assert dbstep("integrity-diff", db_url=server.url(b), **inputs).status == 0
    server.sql("UPDATE t SET v = E'\\xe8' WHERE k = E'\\xfc7'; DELETE FROM t WHERE k = E'\\xfc8'", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), show_values=True)
    assert {(r["difference"], r["key"], r["columns"]) for r in named(run)} == {("changed", "\ufffd7", "v"), ("missing", "\ufffd8", "")}, run
    assert dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json").outputs["verdict"] == "fail"


def test_a_server_without_these_letters(dbstep, server):
    """The probes themselves must not need letters that an encoding lacks."""
    sql = "CREATE TABLE t (k text PRIMARY KEY, v text); INSERT INTO t VALUES ('привет', 'мир'), ('я', 'ж')"
    a, b = make(server, "enc_koi", "ENCODING 'KOI8R' LOCALE 'C'", sql), make(server, "enc_koi_utf8", "ENCODING 'UTF8' LOCALE 'C'", sql)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    assert run.status == 0 and portable(run) == {"text"}, run
    server.sql("SET client_encoding = 'UTF8'; UPDATE t SET v = 'пир' WHERE k = 'привет'", b)
    assert [(r["key"], r["columns"]) for r in named(dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a)))] == [("привет", "v")]


def test_collations_do_not_matter(dbstep, server, tmp_path):
    """Order and equality of text differ between the databases; the digests are the server's own all the same."""
    sql = ("CREATE TABLE t (a text, b varchar(9), v text, PRIMARY KEY (a, b)); INSERT INTO t SELECT CASE i % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'B' ELSE 'ä' END || i, '-' || i, 'v' FROM generate_series(1, 2000) i; "
           "CREATE TABLE p (k text, v text, PRIMARY KEY (k)) PARTITION BY HASH (k); CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 0); "
           "CREATE TABLE p1 PARTITION OF p FOR VALUES WITH (MODULUS 2, REMAINDER 1); INSERT INTO p SELECT 'K' || i, i FROM generate_series(1, 500) i")
    options = ["LOCALE 'C'", "LOCALE 'C.UTF-8'", "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C.UTF-8'", "LOCALE_PROVIDER icu ICU_LOCALE 'und-u-ks-level2-kn-true' LOCALE 'C'"]
    databases = [make(server, f"coll_{i}", o, sql) for i, o in enumerate(options)]
    assert dbstep("integrity-baseline", db_url=server.url(databases[0]), certificate=tmp_path / "c.json").status == 0
    for d in databases[1:]:
        server.sql("ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE COLLATION IF NOT EXISTS blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false); "
                   "ALTER TABLE t ALTER v TYPE text COLLATE blind, ADD PRIMARY KEY (a, b)", d)
        for inputs in ({"baseline": tmp_path / "c.json"}, {"source_db_url": server.url(databases[0])}):
            run = dbstep("integrity-diff", db_url=server.url(d), **inputs)
            assert run.status == 0 and not portable(run), run
        server.sql("UPDATE t SET v = 'V' WHERE b = '-77'; UPDATE p SET v = 'x' WHERE k = 'K3'", d)
        run = dbstep("integrity-diff", db_url=server.url(d), source_db_url=server.url(databases[0]))
        assert {(r["table"], r["key"], r["columns"]) for r in named(run)} == {("public.t", "(ä77, -77)", "v"), ("public.p", "K3", "v")}, run


@pytest.fixture(scope="module")
def other_hashes(server):
    """A database whose server hashes integers and text in another way, as another architecture might: others have taken the functions' names."""
    sql = ("CREATE TABLE t (id bigint PRIMARY KEY, n int, v text, u uuid, f float8); INSERT INTO t SELECT i, i, 'v' || i, md5(i::text)::uuid, i / 3.0 FROM generate_series(1, 3000) i; "
           "CREATE TABLE h (k text PRIMARY KEY, u uuid); INSERT INTO h SELECT 'k' || i, md5(i::text)::uuid FROM generate_series(1, 1000) i; CREATE TABLE u (k uuid, m uuid, PRIMARY KEY (k, m)); "
           "INSERT INTO u SELECT md5(i::text)::uuid, gen_random_uuid() FROM generate_series(1, 10) i; CREATE TABLE bag (v uuid); INSERT INTO bag SELECT md5(i::text)::uuid FROM generate_series(1, 50) i")
    a, b = server.create_database("hash_a"), server.create_database("hash_b")
    server.sql(sql, a)
    server.create_database(b, template=a)
    for f, kind in (("hashint4extended", "int"), ("hashint8extended", "bigint"), ("hashtextextended", "text")):
        server.sql(f"ALTER FUNCTION pg_catalog.{f}({kind}, bigint) RENAME TO native_{f}; "
                   f"CREATE FUNCTION pg_catalog.{f}({kind}, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT pg_catalog.native_{f}($1, $2 # 4711)'", b)
    return a, b


def test_servers_that_hash_differently(dbstep, server, other_hashes, tmp_path):
    a, b = other_hashes
    for form in ("auto", "portable"):
        assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / f"{form}.json", digest=form).status == 0
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    assert run.status == 0 and run.outputs["rows_compared"] == "4060" and portable(run) == {"int4", "int8", "text", "float"}, run  # a zero of floats is hashed as text
    assert dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "portable.json").status == 0
    for inputs in ({"baseline": tmp_path / "auto.json"}, {"source_db_url": server.url(a), "digest": "native"}):
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.status == 3 and run.outputs["verdict"] == "inconclusive" and "int4" in run.out + run.err, run
    server.sql("UPDATE t SET n = n + 1 WHERE id = 7; UPDATE t SET v = 'x', f = -f WHERE id = 8; DELETE FROM t WHERE id = 2000; UPDATE h SET k = 'new' WHERE k = 'k5'; DELETE FROM bag WHERE ctid = '(0,1)'", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    assert {(r["table"], r["difference"], r["key"], r["columns"]) for r in named(run) if "bag" not in r["table"]} == {
        ("public.t", "changed", "7", "n"), ("public.t", "changed", "8", "v, f"), ("public.t", "missing", "2000", ""), ("public.h", "missing", "k5", ""), ("public.h", "extra", "new", "")}, run
    assert lines(run)["bag"]["missing"] == "1"
    # the certificate alone: the deleted key is found by its digest in the portable form
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "portable.json")
    assert ("public.t", "missing", "2000") in {(r["table"], r["difference"], r["key"]) for r in named(run)}, run


def test_certificates_say_how_they_digest(dbstep, server, other_hashes, tmp_path):
    a, _ = other_hashes
    for form, digest in (("auto", "postgres-extended-2"), ("portable", "sha256-utf8-1")):
        path = tmp_path / f"{form}.json"
        assert dbstep("integrity-baseline", db_url=server.url(a), certificate=path, digest=form).status == 0
        families = json.loads(path.read_text())["certificate"]["digest_family"]
        assert set(families.values()) == {digest} and {"int4", "text", "uuid", "numeric-eq"} <= set(families)
    path = tmp_path / "auto.json"
    probes = {p["family"]: p["value"] for p in json.loads(path.read_text())["certificate"]["probes"]}
    for family, refused in (("uuid", True), ("uuid:portable", False), ("money", False)):  # no table has a money column
        forged = forge(path, tmp_path / "forged.json", f'"value":"{probes[family]}"', '"value":"1"')
        run = dbstep("integrity-diff", db_url=server.url(a), baseline=forged)
        assert (run.status == 3 and "uuid" in run.out + run.err and "digest=portable" in run.out + run.err) if refused else run.status == 0, run
    for old, new in (('"uuid":"postgres-extended-2"', '"uuid":"postgres-extended-3"'), ('"uuid":"postgres-extended-2",', "")):
        run = dbstep("integrity-diff", db_url=server.url(a), baseline=forge(path, tmp_path / "forged.json", old, new))
        assert run.status == 2 and "forged.json" in run.out + run.err, run
    # one family alone may be portable
    run = dbstep("integrity-diff", db_url=server.url(a), baseline=forge(path, tmp_path / "forged.json", '"uuid":"postgres-extended-2"', '"uuid":"sha256-utf8-1"'))
    assert run.status == 3 and run.outputs["verdict"] == "fail" and {n for n, x in lines(run).items() if x["verdict"] == "different"} == {"t", "h", "u", "bag"}, run


def test_slices_offline_and_resumed(dbstep, server_factory, tmp_path):
    """A fan-out, two certificates and a comparison in a folder between two encodings are as the single run."""
    server = server_factory(settings={"autovacuum": "off"})  # its workers commit transactions between the slices
    a, b = make(server, "enc_latin_2", "ENCODING 'LATIN1' LOCALE 'C'", LETTERS), make(server, "enc_utf8_2", "ENCODING 'UTF8' LOCALE 'C.UTF-8'", LETTERS)
    server.sql("SET client_encoding = 'UTF8'; UPDATE \"Größen\" SET v = 'Lode7' WHERE k = 'Straße 7'; DELETE FROM numbers WHERE id = 9", b)
    urls = {"source_db_url": server.url(a), "db_url": server.url(b)}
    want = {("public.Größen", "changed", "Straße 7", "v"), ("public.numbers", "missing", "9", "")}

    def rows(run):
        return {(r["table"], r["difference"], r["key"], r["columns"]) for r in named(run)}

    for form, families in (("auto", {"text", "bpchar"}), ("portable", None)):
        parts = tmp_path / f"{form}.parts"
        parts.mkdir()
        made = dbstep("integrity-plan", slices=4, digest=form, **urls)
        assert made.status == 0, made
        plan = made.outputs["plan_file"]
        for n in range(int(made.outputs["slice_count"])):
            run = dbstep("integrity-diff", plan=plan, slice=n, part=parts / f"part-{n}.json", **urls)
            assert run.status == 0, run
        run = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **urls)
        assert run.status == 3 and rows(run) == want and (portable(run) == families or len(portable(run)) > 5), run
    resumed = dbstep("integrity-diff", resume_dir=tmp_path / "resumed", **urls)
    assert rows(resumed) == want and portable(resumed) == {"text", "bpchar"}, resumed
    for name, url, form in (("a.json", server.url(a), "portable"), ("b.json", server.url(b), "portable"), ("native.json", server.url(b), "native")):
        assert dbstep("integrity-baseline", db_url=url, certificate=tmp_path / name, digest=form).status == 0
    assert dbstep("integrity-baseline", db_url=server.url(b), certificate=tmp_path / "later.json", geometry_from=tmp_path / "a.json").status == 0
    for later in ("b.json", "later.json"):
        run = dbstep("integrity-diff", baseline=tmp_path / "a.json", current=tmp_path / later)
        assert run.outputs["verdict"] == "fail" and {n for n, x in lines(run).items() if x["verdict"] == "different"} == {"Größen", "numbers"}, run
    run = dbstep("integrity-diff", baseline=tmp_path / "a.json", current=tmp_path / "native.json")
    assert run.outputs["verdict"] == "inconclusive" and "portable digests" in run.out + run.err, run
