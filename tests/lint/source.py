"""What the rules share: which files there are, and C++ text without what only looks like code."""

import os
import pathlib
import re

SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache"}
CPP = (".h", ".cc")


def files(root, *suffixes):
    """The repository's files below `root`, as paths relative to it, in order. Without suffixes: all."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = pathlib.Path(folder, name).relative_to(root)
            if not suffixes or path.suffix in suffixes:
                yield path


def read(root, path):
    return (root / path).read_text(encoding="utf-8", errors="replace")


def is_shell(root, path):
    with open(root / path, "rb") as file:
        return bool(re.match(rb"#!.*\b(ba)?sh\b", file.readline(100)))


_NOT_CODE = re.compile(
    r'R"(?P<mark>\w*)\(.*?\)(?P=mark)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'', re.S)


def blank(text):
    """`text` without comments and literals; lines keep their numbers."""
    return _NOT_CODE.sub(lambda found: "\n" * found.group().count("\n"), text)


def without_comments(text):
    """`text` without comments; literals stay."""
    return _NOT_CODE.sub(
        lambda found: "\n" * found.group().count("\n") if found.group().startswith("/") else found.group(), text)
