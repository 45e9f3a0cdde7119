#!/usr/bin/env python3
"""usage: lint.py RULE ROOT [ARGUMENT]: prints what breaks the rule below ROOT, and fails if anything does."""

import pathlib
import sys

import build_files
import layering
import proto
import shape
import sql
import statements
import tools
import words

RULES = {
    "build_files": build_files.problems,
    "format": tools.format_problems,
    "layering": layering.problems,
    "proto": proto.problems,
    "scripts": tools.script_problems,
    "shape": shape.problems,
    "sql": sql.problems,
    "statements": lambda root, log: statements.problems(root, pathlib.Path(log)),
    "words": words.problems,
}


def main(rule, root, *arguments):
    found = list(RULES[rule](pathlib.Path(root), *arguments))
    if found:
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
