"""CMake: every source is built, files are listed by name, dependencies are looked for in one place."""

import re

import source


def is_listed(root, path):
    """Whether a CMakeLists.txt of the file's folder or one above names it (a test by its name alone)."""
    for folder in path.parents:
        lists = root / folder / "CMakeLists.txt"
        if lists.is_file() and re.search(rf"(?<![\w]){re.escape(path.stem)}(?![\w-])", lists.read_text()):
            return True
    return False


def problems(root):
    for path in source.files(root, ".txt"):
        if path.name != "CMakeLists.txt":
            continue
        text = re.sub(r"#.*", "", source.read(root, path))
        if re.search(r"find_package|pkg_check_modules", text):
            yield f"{path}: find_package belongs to WaybillDeps.cmake"
        if re.search(r"file\(GLOB", text):
            yield f"{path}: list files by name"
    for path in source.files(root, ".cc"):
        if path.parts[0] in ("common", "services", "tests") and not is_listed(root, path):
            yield f"{path}: not built: no CMakeLists.txt names it"
