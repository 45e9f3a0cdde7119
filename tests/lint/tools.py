"""Rules that tools check: clang-format for C++, shellcheck for scripts. A missing tool is a failure."""

import shutil
import subprocess

import source


def run(root, command, paths):
    if not paths:
        return
    if shutil.which(command[0]) is None:
        yield f"{command[0]} is missing: `./dev lint` installs it"
        return
    result = subprocess.run([*command, *map(str, paths)], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    if result.returncode != 0:
        yield result.stdout


def format_problems(root):
    yield from run(root, ["clang-format-16", "--dry-run", "--Werror"], list(source.files(root, *source.CPP)))


def script_problems(root):
    scripts = [p for p in source.files(root, "", ".sh") if source.is_shell(root, p)]
    yield from run(root, ["shellcheck"], scripts)
