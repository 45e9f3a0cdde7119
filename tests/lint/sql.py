"""SQL: one statement per file that names its parameters; migrations that explain every table and index."""

import re

import source


def statement_problems(text):
    if not re.match(r"-- (\$1 |no parameters)", text):
        yield "the first line names the parameters (`-- $1 package_id` or `-- no parameters`)"
    code = re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--.*", "", text))
    if ";" in code:
        yield "one statement, without ';'"
    if re.search(r"\bSELECT\s+(\w+\.)?\*", code):
        yield "no SELECT *: name the columns"
    if re.search(r"\b(select|insert into|delete from|where|returning|order by)\b", code):
        yield "keywords in upper case"


def migration_problems(name, text):
    if not re.match(r"\d{4}_[a-z]+(_[a-z0-9]+)+\.sql$", name):
        yield "a migration is called NNNN_verb_noun.sql"
    code = re.sub(r"--.*", "", text)
    for kind, pattern in (("TABLE", r"CREATE TABLE (?:IF NOT EXISTS )?([\w.]+)(?!.*\bPARTITION OF\b)"),
                          ("INDEX", r"CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?([\w.]+)")):
        commented = {_plain(n) for n in re.findall(rf"COMMENT ON {kind}\s+([\w.]+)", code)}
        yield from (f"{kind} {n} has no comment that says what it serves"
                    for n in re.findall(pattern, code) if _plain(n) not in commented)


def _plain(name):
    return name.split(".")[-1]


def problems(root):
    for path in source.files(root, ".sql"):
        folder = path.parent.name
        if folder == "sql" and path.parts[0] in ("services", "common"):
            yield from (f"{path}: {p}" for p in statement_problems(source.read(root, path)))
        elif folder == "migrations":
            yield from (f"{path}: {p}" for p in migration_problems(path.name, source.read(root, path)))
