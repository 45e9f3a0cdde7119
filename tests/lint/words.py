"""Banned words and calls, each with what to use instead."""

import re

import source
from layering import is_test

# In C++, everywhere.
BANNED = {
    r"std::string_view": "absl::string_view (the two are different types here)",
    r"absl::(Mutex|Notification)\b": "common/thread/mutex.h or std::latch (false ThreadSanitizer reports)",
    r"sleep_for|sleep_until|SleepFor|\b(nano|u)?sleep\(": "CondVar::WaitFor, or an event in tests",
    r"#pragma once": "an include guard by path",
    r"\busing namespace\b": "the names",
}
# In C++ outside tests. A call of ours with such a name has an object, a scope or a capital before it.
CALL = r"(?:(?<![\w.>:])|(?<=std::)|(?<![\w>])::)"
SHELL = re.compile(CALL + r"(system|popen)\(")
FILE_WORK = re.compile(
    CALL + r"(open|openat|creat|fopen|rename|renameat|unlink|unlinkat|mkdir|mkdirat|rmdir|symlink|link|truncate)\("
    r"|std::filesystem|<filesystem>|<fstream>|std::[io]?fstream")
# Folder or file -> why it may work on files by itself.
FILE_WORKERS = {
    "common/tree/": "it is the library for that",
    "common/process/": "it closes and opens descriptors of what it starts",
    "common/config/": "it reads configuration and secrets before anything else exists",
    "common/jobdb/statement_log.cc": "appends to a file of the tests",
}
TEST_SUPPORT = ("common/jobdb/private_server.",)

# In every text file. The checkout's own path is added at run time.
ANYWHERE = {
    r"(?<![\w.])/(home|root|Users)/\w": "a path of somebody's machine",
    r"\b(docker\.io|ghcr\.io|quay\.io|gcr\.io|(deb|security)\.debian\.org|pypi\.org|proxy\.golang\.org)\b":
        "a registry's host; the machine's own configuration names it",
}
TEXT_SUFFIXES = (".h", ".cc", ".py", ".sh", ".sql", ".proto", ".cmake", ".txt", ".json", ".yml", ".yaml", ".md", "",
                 ".service", ".conf", ".toml")


def cpp_problems(path, line):
    yield from (f"use {use}" for word, use in BANNED.items() if re.search(word, line))
    name = path.as_posix()
    if is_test(path) or name.startswith(TEST_SUPPORT):
        return
    if SHELL.search(line):
        yield "use common/process: no shell"
    if FILE_WORK.search(line) and not name.startswith(tuple(FILE_WORKERS)):
        yield "use common/tree for work on files"


def problems(root):
    own_path = re.escape(str(root.resolve()))
    for path in source.files(root, *TEXT_SUFFIXES):
        text = source.read(root, path)
        if path.suffix in source.CPP:
            # Include lines keep their names: `<fstream>` is no literal.
            for number, line in enumerate(source.blank(text).split("\n"), 1):
                yield from (f"{path}:{number}: {p}" for p in cpp_problems(path, line))
        if path.parts[:2] == ("tests", "lint"):
            continue  # Holds the words themselves.
        for number, line in enumerate(text.split("\n"), 1):
            if re.search(own_path + r"\b", line):
                yield f"{path}:{number}: the path of this checkout"
            yield from (f"{path}:{number}: {why}" for word, why in ANYWHERE.items() if re.search(word, line))
