"""Commands that must succeed."""

import subprocess


class Failure(Exception):
    """Ends the program with a sentence for people."""


def run(*command, **options):
    """Runs a command and returns what it printed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, **options)
    if done.returncode != 0:
        words = " ".join(map(str, command[:4]))
        raise Failure(f"{words} ...: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
