"""Changes whose statements depend on the database or on other files: loadData, large values, and what they are told when it fails."""
import json

from schema import lab  # noqa: F401  (fixture)


def deploy(lab, *changesets, status=0, **files):  # noqa: F811
    for name, text in files.items():
        lab.write(text, header=False, name=name.replace("__", "/").replace("_csv", ".csv").replace("_txt", ".txt"))
    lab.file = "log.json"
    log = [{"changeSet": {"id": str(n), "author": "b", **c}} for n, c in enumerate(changesets, 1)]
    lab.write(json.dumps({"databaseChangeLog": log}), header=False)
    r = lab.run()
    assert r.status == status, r
    return r


def one(**change):
    return {"changes": [change]}


TABLE = one(sql="create table t (id int primary key, b boolean, ts timestamp, u uuid, s varchar(9), tx text)")


def test_types_of_the_table(lab):  # noqa: F811
    rows = 'ID,b,ts,u,s,tx\n# a comment\n1,1,2020-01-02T03:04:05,,,\n2,no,NULL,NULL,NULL,NULL\n\n3,,,,"a,""b""\nc",long.txt\n'
    deploy(lab, TABLE, one(loadData={"tableName": "t", "file": "t.csv"}), t_csv=rows, long_txt="it's long;\n")
    assert lab.sql("SELECT id, b, ts::text, u, s, tx FROM t ORDER BY id") == [
        (1, True, "2020-01-02 03:04:05", None, "", None),
        (2, False, None, None, None, None),
        (3, None, None, None, 'a,"b"\nc', "it's long;\n"),
    ]
    assert deploy(lab, TABLE, one(loadData={"tableName": "t", "file": "t.csv"})).outputs["changesets_applied"] == 0


def test_a_text_is_not_a_file(lab):  # noqa: F811
    load = {"tableName": "t", "file": "t.csv"}
    r = deploy(lab, TABLE, one(loadData=load), t_csv="id,tx\n1,hello\n", status=21)
    assert "names a file, and there is no file hello" in r.result["error"]["message"]
    assert r.result["error"]["file"].endswith("t.csv") and r.result["error"]["line"] == 2 and "STRING" in r.result["error"]["hint"]
    assert lab.value("SELECT count(*) FROM t") == 0 and lab.ids() == ["1"]
    load["columns"] = [{"column": {"name": "tx", "type": "STRING"}}]
    deploy(lab, TABLE, one(loadData=load))
    assert lab.sql("SELECT id, tx FROM t") == [(1, "hello")]


def test_a_row_that_is_too_short_names_its_line(lab):  # noqa: F811
    load = one(loadData={"tableName": "t", "file": "t.csv", "columns": [{"column": {"name": "s", "type": "STRING"}}]})
    r = deploy(lab, TABLE, load, t_csv='id,s\n1,"a\nb"\n2\n', status=21)
    assert r.result["error"]["file"].endswith("t.csv") and r.result["error"]["line"] == 4 and "1 values, the header 2" in r.result["error"]["message"]


def test_rows_are_merged_and_taken_back(lab):  # noqa: F811
    log = [TABLE, one(sql="insert into t (id, s) values (1, 'old'), (3, 'other')"),
           one(loadUpdateData={"tableName": "t", "file": "t.csv", "primaryKey": "id"})]
    deploy(lab, *log, t_csv="id,s\n1,new\n2,$$\n")
    assert lab.sql("SELECT id, s FROM t ORDER BY id") == [(1, "new"), (2, "$$"), (3, "other")]
    r = lab.run("schema-rollback", count=1)
    assert r.status == 0, r
    assert lab.sql("SELECT id, s FROM t ORDER BY id") == [(3, "other")]


def test_many_rows(lab):  # noqa: F811
    rows = "id,s\n" + "".join(f"{i},v{i}\n" for i in range(5000))
    deploy(lab, TABLE, one(loadData={"tableName": "t", "file": "t.csv"}), t_csv=rows)
    assert lab.sql("SELECT count(*), sum(id), max(s) FROM t") == [(5000, 12497500, "v999")]


def test_pro_types_are_named_before_anything_runs(lab):  # noqa: F811
    r = deploy(lab, TABLE, one(createFunction={"functionName": "f"}), status=2)
    assert "createFunction" in r.result["error"]["message"] and "Pro" in r.result["error"]["message"]
    assert r.result["error"]["file"].endswith("log.json") and r.result["error"]["line"] == 1
    assert not lab.exists("t")


def test_stop(lab):  # noqa: F811
    r = deploy(lab, TABLE, one(stop={"message": "look first"}), status=21)
    assert "look first" in r.result["error"]["message"] and lab.exists("t")
