#!/usr/bin/env python3
"""Every rule finds a small sample that breaks it, and leaves a sample that keeps it alone."""

import pathlib
import tempfile
import unittest

import build_files
import layering
import proto
import shape
import sql
import statements
import tools
import words

STORE = "services/sender/queue_store.cc"
RULES = "services/sender/window.cc"
PROTO = "proto/waybill/x/v1/x_service.proto"


def proto_file(body, package="waybill.x.v1"):
    return f"package {package};\n{body}\n"


SERVICE = "service XService {\n  // Gets. Errors: NOT_FOUND.\n  rpc GetX(GetXRequest) returns (stream GetXResponse);\n}"


def function(lines):
    """A function of that many lines."""
    return "int F(int a) {\n" + "  a = 1;\n" * (lines - 2) + "}\n"


class LintTest(unittest.TestCase):
    def found(self, rule, files, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(rule(root, *(root / a for a in arguments)))

    def assert_breaks(self, rule, name, text):
        self.assertTrue(self.found(rule, {name: text}), f"{rule.__module__} misses in {name}: {text}")

    def assert_keeps(self, rule, name, text):
        self.assertEqual(self.found(rule, {name: text}), [])

    def test_each_room_refuses_what_it_must_not_include(self):
        for name, line in (
                ("services/sender/sender_service.cc", "#include <pqxx/pqxx>"),
                ("services/sender/sender_service.cc", '#include "common/jobdb/database_query.h"'),
                ("services/sender/child_client.cc", '#include "services/sender/queue_store.h"'),
                (STORE, "#include <grpcpp/grpcpp.h>"),
                (STORE, '#include "waybill/sender/v1/sender_service.grpc.pb.h"'),
                (STORE, '#include "common/rpc/unary_call.h"'),
                ("services/sender/send_loop.cc", '#include "waybill/sender/v1/sender_service.pb.h"'),
                ("services/sender/send_loop.cc", 'Exec("SELECT 1");'),
                ("services/sender/tree_files.cc", '#include "services/sender/send_loop.h"'),
                ("services/sender/main.cc", 'x.Exec("DELETE FROM t");'),
                (RULES, "#include <thread>"),
                (RULES, "#include <fstream>"),
                (RULES, '#include "common/tree/directory.h"'),
                (RULES, '#include "services/sender/queue_store.h"'),
                (RULES, "auto now = absl::Now();"),
                ("services/sender/queue_store.h", "#include <pqxx/pqxx>"),
                (RULES, '#include "services/despooler/space.h"'),
                ("services/cli/commands.cc", '#include "common/jobdb/database.h"'),
                ("common/content/pack.cc", '#include "services/sender/window.h"'),
                ("common/content/pack.h", "#include <grpcpp/grpcpp.h>"),
                ("common/model/ids.cc", '#include "common/tree/directory.h"'),
        ):
            self.assert_breaks(layering.problems, name, line + "\n")

    def test_each_room_allows_what_it_is_for(self):
        for name, line in (
                ("services/sender/sender_service.cc", '#include "waybill/sender/v1/sender_service.grpc.pb.h"'),
                (STORE, "#include <pqxx/pqxx>"),
                ("services/sender/send_loop.cc", '#include "services/sender/queue_store.h"'),
                ("services/sender/tree_files.cc", '#include "common/tree/directory.h"'),
                ("services/pcm/fetch.cc", '#include "common/tree/directory.h"'),
                (RULES, '#include "services/sender/window.h"  // absl::Now() is not called here.'),
                ("services/sender/window_test.cc", "#include <thread>"),
        ):
            self.assert_keeps(layering.problems, name, line + "\n")

    def test_words_of_one_folder_are_refused_elsewhere(self):
        self.assert_breaks(layering.problems, STORE, "} catch (const pqxx::sql_error& error) {\n")
        self.assert_breaks(layering.problems, STORE, "work.exec_prepared(statement.name);\n")
        self.assert_breaks(layering.problems, "common/content/pack.h", "std::mutex mutex_;\n")
        self.assert_keeps(layering.problems, "common/thread/mutex.h", "std::mutex mutex_;\n")

    def test_a_service_is_one_flat_folder_of_few_sources(self):
        self.assertTrue(self.found(layering.problems, {"services/sender/inner/a.cc": ""}))
        many = {f"services/sender/a{i}.cc": "" for i in range(layering.SOURCES_MAX + 1)}
        self.assertTrue(self.found(layering.problems, many))

    def test_banned_words_are_found_in_code_but_not_in_comments_and_strings(self):
        for word in ("std::string_view x;", "absl::Mutex m;", "absl::SleepFor(x);", "usleep(1);", "#pragma once",
                     "using namespace std;", "std::system(x);", "popen(x, y);", "#include <filesystem>",
                     "std::ofstream f;", "rename(a, b);", "::open(a, b);", "std::rename(a, b);", "  unlink(a);",
                     "if (mkdir(a, b) != 0) return;"):
            self.assert_breaks(words.problems, RULES, word + "\n")
        for word in ("// std::string_view", 'Log("absl::Mutex");', "file.open(x);", "tree->rename(a, b);",
                     "Tree::open(x);", "bool reopen(int);", "  /* popen(x) */", "system_time(x);"):
            self.assert_keeps(words.problems, RULES, word + "\n")

    def test_only_the_tree_library_and_tests_work_on_files(self):
        self.assert_keeps(words.problems, "common/tree/directory.cc", "renameat(a, b, c, d);\n")
        self.assert_keeps(words.problems, "services/sender/window_test.cc", "std::ofstream f(x);\n")
        self.assert_breaks(words.problems, "services/sender/window_test.cc", "absl::SleepFor(x);\n")

    def test_paths_and_hosts_of_somebody_are_refused_in_every_text(self):
        self.assert_breaks(words.problems, "README.md", "see /home/alice/x\n")
        self.assert_breaks(words.problems, "deploy/x.sh", "pull docker.io/library/debian\n")
        self.assert_keeps(words.problems, "README.md", "see deploy/home/x\n")
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "a.md").write_text(f"in {folder}/b\n")
            self.assertTrue(list(words.problems(pathlib.Path(folder))))

    def test_long_functions_and_files_are_found(self):
        for kind in ("{}", "namespace a {{\n{}}}\n", "class A : public B {{\n public:\n{}}};\n",
                     "namespace a {{\nTEST_F(A, B) {{ }}\n{}}}\n", "constexpr int k[] = {{1, 2}};\n{}",
                     '#define X(a) \\\n  {{\nconst char* k = R"({{)";\n{}'):
            self.assert_keeps(shape.problems, RULES, kind.format(function(shape.FUNCTION_LINES_MAX)))
            self.assert_breaks(shape.problems, RULES, kind.format(function(shape.FUNCTION_LINES_MAX + 1)))
        self.assert_keeps(shape.problems, RULES, "constexpr int k[] = {\n" + "  (1),\n" * 100 + "};\n")
        self.assert_keeps(shape.problems, RULES, "class A {\n" + "  int f() { return 1; }\n" * 100 + "};\n")
        self.assert_breaks(shape.problems, RULES, "int a;\n" * (shape.FILE_LINES_MAX + 1))
        self.assert_breaks(shape.problems, "deploy/a.py", "def f():\n" + "    f()\n" * shape.FUNCTION_LINES_MAX)
        self.assert_breaks(shape.problems, "deploy/a", "#!/bin/sh\nf() {\n" + "  a\n" * 70 + "}\n")

    def test_a_statement_names_its_parameters_and_its_columns(self):
        name = "services/sender/sql/get_job.sql"
        self.assert_keeps(sql.problems, name, "-- $1 job_id\nSELECT state, ';' FROM waybill.job WHERE job_id = $1\n")
        for text in ("SELECT state FROM waybill.job\n", "-- no parameters\nSELECT 1;\n",
                     "-- no parameters\nSELECT * FROM waybill.job\n", "-- no parameters\nselect 1\n",
                     "-- no parameters\nSELECT j.* FROM waybill.job AS j\n"):
            self.assert_breaks(sql.problems, name, text)

    def test_every_table_and_index_of_a_migration_has_a_comment(self):
        name = "common/jobdb/migrations/0001_create_job.sql"
        table, index = "CREATE TABLE waybill.job (a int);\n", "CREATE UNIQUE INDEX job_by_a ON waybill.job (a);\n"
        self.assert_breaks(sql.problems, name, table)
        self.assert_breaks(sql.problems, name, index)
        self.assert_breaks(sql.problems, "common/jobdb/migrations/job.sql", "")
        self.assert_keeps(sql.problems, name, table + "COMMENT ON TABLE waybill.job IS 'Jobs.';\n" + index +
                          "COMMENT ON INDEX waybill.job_by_a IS 'Serves x.';\n")

    def test_protobuf_files_keep_the_house_style(self):
        enum = "enum JobState {\n  // None.\n  JOB_STATE_UNSPECIFIED = 0;\n}\n"
        self.assert_keeps(proto.problems, PROTO, proto_file(enum + SERVICE))
        for text in (proto_file(SERVICE, "waybill.y.v1"), proto_file(""), proto_file(SERVICE + "\n" + SERVICE),
                     proto_file(SERVICE + "\nenum JobState {\n  JOB_STATE_PENDING = 0;\n}"),
                     proto_file(SERVICE.replace("// Gets. Errors: NOT_FOUND.", "")),
                     proto_file(SERVICE.replace("GetXResponse", "X"))):
            self.assert_breaks(proto.problems, PROTO, text)

    def test_cmake_names_every_source_and_finds_packages_in_one_place(self):
        self.assert_breaks(build_files.problems, "common/a/b.cc", "")
        self.assert_breaks(build_files.problems, "common/a/CMakeLists.txt", "find_package(X)\n")
        self.assert_breaks(build_files.problems, "common/a/CMakeLists.txt", "file(GLOB x *.cc)\n")
        self.assertEqual(self.found(build_files.problems, {
            "common/a/b_test.cc": "", "common/a/CMakeLists.txt": "waybill_cc_test(NAME b_test)\n"}), [])

    def test_a_statement_that_no_test_executed_is_found(self):
        files = {"services/sender/sql/a.sql": "", "services/sender/sql/b.sql": "", "log": "services/sender/sql/a.sql\n"}
        self.assertEqual(self.found(statements.problems, files, "log"),
                         ["services/sender/sql/b.sql: no component test executes it"])
        self.assertEqual(len(self.found(statements.problems, files, "absent")), 2)

    def test_tools_find_unformatted_code_and_careless_scripts(self):
        self.assert_breaks(tools.format_problems, RULES, "int  a ;\n")
        self.assert_breaks(tools.script_problems, "deploy/a.sh", "#!/bin/sh\nrm $1\n")
        self.assert_keeps(tools.script_problems, "deploy/a.sh", '#!/bin/sh\nrm "$1"\n')


if __name__ == "__main__":
    unittest.main()
