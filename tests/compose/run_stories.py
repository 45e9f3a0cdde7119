#!/usr/bin/env python3
"""Brings the hierarchy up once, tells all stories (`*_story.py`) to it, and removes it. README.md says more."""

import argparse
import os
import pathlib
import signal
import sys
import unittest

import hierarchy
from story import Story


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split(".", maxsplit=1)[0])
    parser.add_argument("--tag", default="dev", help="of the images (dev)")
    parser.add_argument("--keep", action="store_true", help="leave the hierarchy until Enter is pressed")
    parser.add_argument("-k", action="append", dest="patterns", metavar="WORD", help="only stories with this in their name")
    return parser.parse_args()


def select(arguments):
    loader = unittest.TestLoader()
    if arguments.patterns:
        loader.testNamePatterns = [f"*{word}*" for word in arguments.patterns]
    here = str(pathlib.Path(__file__).parent)
    return loader.discover(here, pattern="*_story.py", top_level_dir=here)


def tell(suite, h, keep):
    """True if all went well."""
    done = False
    try:
        h.begin()
        Story.h = h
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
        done = result.wasSuccessful() and result.testsRun > 0
        if result.testsRun == 0:
            print("no story has such a name")
    finally:
        if not done:
            print("\n".join(["", "Last lines of the containers:", *h.last_log_lines()]), flush=True)
        if keep:
            input(f"Project {h.name} stands; Enter removes it. ")
        h.remove()
    return done


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    h = hierarchy.Hierarchy(arguments.tag, f"waybill-test-{os.getpid()}")
    try:
        return 0 if tell(select(arguments), h, arguments.keep) else 1
    except (hierarchy.Failure, AssertionError) as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
