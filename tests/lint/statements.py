"""Every statement is executed by a component test: a .sql file that none executes is a statement that nobody
knows to work. The log is written by common/jobdb/statement_log.h."""

import source


def statements(root):
    return [p.as_posix() for p in source.files(root, ".sql")
            if p.parent.name == "sql" and p.parts[0] in ("services", "common")]


def problems(root, log):
    executed = set(log.read_text().split()) if log.is_file() else set()
    yield from (f"{path}: no component test executes it" for path in statements(root) if path not in executed)
