"""Sizes: functions of at most 70 lines, files of at most 600."""

import ast
import re

import source

FUNCTION_LINES_MAX, FILE_LINES_MAX = 70, 600


def cpp_functions(text):
    """Yields (first line, last line) of each function. Understands code that clang-format has formatted: a
    function is a brace block whose head has parentheses, outside of any other function."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda found: "\n" * found.group().count("\n"),
                  source.blank(text), flags=re.M)
    scopes, head_start, line = [], 0, 1  # Of each open brace: None, or the line on which a function starts.
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            scopes.append(_function_line(code, head_start, at, line, scopes))
            head_start = at + 1
        elif char == "}":
            start = scopes.pop() if scopes else None
            if start is not None:
                yield start, line
            head_start = at + 1
        elif char == ";":
            head_start = at + 1


def _function_line(code, head_start, at, line, scopes):
    if any(scope is not None for scope in scopes):
        return None
    head = re.sub(r"^\s*(public|protected|private):", "", code[head_start:at])
    if "(" not in head or re.search(r"=\s*$", head) or re.match(r"\s*(namespace|enum|extern)\b", head):
        return None
    if re.search(r"\b(class|struct|union)\s+[^()]*$", head):
        return None
    return line - head.lstrip().count("\n")


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def shell_functions(text):
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"\w+\(\) [{(]$", line):
            start = number
        elif start is not None and re.match(r"[})]", line):
            yield start, number
            start = None


def functions_of(root, path, text):
    if path.suffix in source.CPP:
        return cpp_functions(text)
    if path.suffix == ".py":
        return python_functions(text)
    return shell_functions(text)


def problems(root):
    for path in source.files(root):
        if path.suffix not in (*source.CPP, ".py", ".sql", ".sh") and not is_extensionless_shell(root, path):
            continue
        text = source.read(root, path)
        if text.count("\n") > FILE_LINES_MAX:
            yield f"{path}: {text.count(chr(10))} lines, over {FILE_LINES_MAX}"
        if path.suffix == ".sql":
            continue
        for first, last in functions_of(root, path, text):
            if last - first + 1 > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: a function of {last - first + 1} lines, over {FUNCTION_LINES_MAX}"


def is_extensionless_shell(root, path):
    return path.suffix == "" and source.is_shell(root, path)
