"""Protobuf: package is folder, one service per file, zero values, comments and own messages for each rpc."""

import re

import source

RPC = re.compile(r"^\s*rpc\s+(\w+)\s*\(\s*(?:stream\s+)?([\w.]+)\s*\)\s*returns\s*\(\s*(?:stream\s+)?([\w.]+)\s*\)", re.M)


def problems_of(path, text):
    """`path` is relative to proto/."""
    package = re.search(r"^package\s+([\w.]+);", text, re.M)
    if not package or package.group(1) != ".".join(path.parts[:-1]):
        yield f"the package is its folder: {'.'.join(path.parts[:-1])}"
    services = len(re.findall(r"^service\s+\w+", text, re.M))
    if services != path.stem.endswith("_service"):
        yield "one service in each *_service.proto, and none elsewhere"
    for name, first, number in re.findall(r"\benum\s+(\w+)\s*\{(?:\s|//[^\n]*\n)*(\w+)\s*=\s*(\d+)", text):
        prefix = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()
        if number != "0" or first != f"{prefix}_UNSPECIFIED":
            yield f"the zero value of {name} is {prefix}_UNSPECIFIED"
    lines = text.split("\n")
    for found in RPC.finditer(text):
        name, request, response = found.groups()
        line = text.count("\n", 0, found.start(1))
        if not re.match(r"\s*//", lines[line - 1]):
            yield f"rpc {name} has no comment"
        if (request, response) != (f"{name}Request", f"{name}Response"):
            yield f"rpc {name} takes {name}Request and returns {name}Response"


def problems(root):
    for path in source.files(root, ".proto"):
        if path.parts[0] == "proto":
            yield from (f"{path}: {p}" for p in problems_of(path.relative_to("proto"), source.read(root, path)))
