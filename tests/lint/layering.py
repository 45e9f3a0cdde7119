"""Rooms: what a file may include and say. The tables are the architecture: change them in review, not by
accident. Tests are exempt from rooms, not from words."""

import re

import source

GRPC, PQXX = r"<grpcpp/", r"<pqxx/"
# One library holds all messages; the services' stubs and messages are in files of this name.
WIRE = r'"waybill/.*_service(\.grpc)?\.pb\.h"'
SQL_TEXT = r'"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM) '
QUERY = r'"common/jobdb/database_query\.h"'
CLOCK_THREADS_FILES = r"<(thread|mutex|condition_variable|fstream|filesystem|chrono|iostream)>"
# Rules for names are text, not files.
FILES = r'"common/(tree|process)/(?!path\.h)'

# Suffix of the file -> patterns its lines may not have. No suffix means rules.
ROOMS = {
    "_service": [PQXX, QUERY, SQL_TEXT],
    "_client": [PQXX, QUERY, SQL_TEXT, r'"services/.*_store\.h"'],
    "_store": [GRPC, WIRE, r'"common/rpc/'],
    "_loop": [GRPC, WIRE, PQXX, QUERY, SQL_TEXT, r'"services/.*_service\.h"'],
    # Work on files that loops and services share: rebuild a tree, write a definition file.
    "_files": [GRPC, WIRE, PQXX, QUERY, SQL_TEXT, r'"services/.*_(service|client|loop)\.h"'],
    "main": [PQXX, QUERY, SQL_TEXT, WIRE],
    "": [GRPC, WIRE, PQXX, QUERY, SQL_TEXT, CLOCK_THREADS_FILES, FILES, r'"common/(rpc|jobdb|thread)/',
         r'"services/.*_(service|client|store|loop|files)\.h"', r"absl::Now\("],
}
# Programs at the edge (the workstation, the command line): they have no rooms but main and clients, and
# may do all but SQL.
CLIENT_PROGRAMS = ("pcm", "cli")
CLIENT_PROGRAM_ROOM = [PQXX, QUERY, SQL_TEXT, r'"common/jobdb/']
# Folder -> patterns only it may have.
RESERVED = {
    "common/jobdb": [r"catch \((const )?pqxx", r"\bexec_prepared\d?\("],
    "common/thread": [r"std::(mutex|condition_variable)\b"],
    "common/rpc": [r"ServerUnaryReactor \{"],
}
# The folder of common/ that may know words of the domain; what others may not include.
MODEL_FOLDER = "common/model"
SOURCES_MAX = 20


def room_of(path):
    stem = path.stem
    return next((r for r in ROOMS if r and (stem == r or stem.endswith(r))), "")


def is_test(path):
    return path.parts[0] == "tests" or path.stem.endswith("_test") or path.stem.startswith(("test_", "fake_"))


def room_problems(path, line):
    service = path.parts[1]
    if path.suffix == ".h" and re.search(PQXX, line):
        yield "pqxx only in the .cc"
    included = re.match(r'#include "services/(\w+)/', line)
    if included and included.group(1) != service:
        yield "no service includes another: talk over gRPC"
    room = room_of(path)
    forbidden = CLIENT_PROGRAM_ROOM if service in CLIENT_PROGRAMS else ROOMS[room]
    yield from (f"forbidden in room '{room or 'rules'}': {p}" for p in forbidden if re.search(p, line))


def common_problems(path, line):
    folder = "/".join(path.parts[:2])
    if re.match(r'#include "services/', line):
        yield "common/ knows no service"
    if folder == MODEL_FOLDER and re.search(f"{GRPC}|{PQXX}|{FILES}", line):
        yield "common/model is pure: words and codecs, no I/O"
    if folder not in (MODEL_FOLDER, "common/rpc") and path.suffix == ".h" and re.search(GRPC, line):
        yield "gRPC in common/ belongs to common/rpc"


def line_problems(path, line):
    """What is wrong with one line, without comments, of the file at `path`."""
    if is_test(path):
        return
    folder = "/".join(path.parts[:2])
    for owner, patterns in RESERVED.items():
        yield from (f"{p} belongs to {owner}" for p in patterns if folder != owner and re.search(p, line))
    if path.parts[0] == "common":
        yield from common_problems(path, line)
    elif len(path.parts) == 3:
        yield from room_problems(path, line)


def folder_problems(root):
    services = root / "services"
    for service in sorted(p for p in services.iterdir() if p.is_dir()) if services.is_dir() else ():
        name = service.relative_to(root)
        if any(p.is_dir() and p.name not in ("sql", "__pycache__") for p in service.iterdir()):
            yield f"{name}: a service is one flat folder"
        if sum(not is_test(p.relative_to(root)) for p in service.glob("*.cc")) > SOURCES_MAX:
            yield f"{name}: over {SOURCES_MAX} sources"


def problems(root):
    for path in source.files(root, *source.CPP):
        if path.parts[0] not in ("common", "services"):
            continue
        for number, line in enumerate(source.without_comments(source.read(root, path)).split("\n"), 1):
            yield from (f"{path}:{number}: {p}" for p in line_problems(path, line))
    yield from folder_problems(root)
