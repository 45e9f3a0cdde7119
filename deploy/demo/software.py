"""Real software to ship: a Java runtime, unpacked from Debian's package and not installed."""

import os
import pathlib
import shutil
import subprocess

from shell import run

DEBIAN_PACKAGE = "openjdk-17-jre-headless"


def unpack(directory):
    """Fetches and unpacks it below `directory`; returns the tree, whole by itself."""
    downloads = directory / "download"
    downloads.mkdir()
    fetch = ("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", DEBIAN_PACKAGE)
    if subprocess.run(fetch, cwd=downloads, capture_output=True, check=False).returncode != 0:
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        run(*sudo, "apt-get", "-q", "update")
        run(*fetch, cwd=downloads)
    unpacked = directory / "unpacked"
    run("dpkg-deb", "-x", next(downloads.glob("*.deb")), unpacked)
    tree = next((unpacked / "usr/lib/jvm").glob("java-*-openjdk-*"))
    follow_links_that_leave(tree, unpacked)
    return tree


def follow_links_that_leave(tree, unpacked):
    """Debian keeps settings in /etc and documents elsewhere, and links to them."""
    for path in [p for p in tree.rglob("*") if p.is_symlink()]:
        link = os.readlink(path)
        target = pathlib.Path(os.path.normpath(unpacked / link.lstrip("/") if link.startswith("/") else path.parent / link))
        if target.is_relative_to(tree):
            continue
        path.unlink()
        if target.is_dir():
            shutil.copytree(target, path, symlinks=False, ignore_dangling_symlinks=True)
        elif target.exists():
            shutil.copy2(target, path)
