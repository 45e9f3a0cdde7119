#!/usr/bin/env python3
"""What the developers' scripts promise, where it costs no build."""

import pathlib
import stat
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKE_CERTS = ROOT / "deploy/certs/make_certs.sh"


def run(*command):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


class MakeCertsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name, "certs")

    def make(self, *arguments):
        return run(MAKE_CERTS, self.dir, *arguments)

    def names(self, path):
        return run("openssl", "x509", "-in", self.dir / path, "-noout", "-ext", "subjectAltName,extendedKeyUsage").stdout

    def test_each_identity_gets_its_name_in_a_certificate_that_verifies(self):
        result = self.make("--admin", "alice", "--site", "CEN", "--workstation", "NYC", "NYC00001", "--dns", "cen.example")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        for path, identity in (("alice.pem", "admin/alice"), ("CEN/sender.pem", "site/CEN/service/sender"),
                               ("CEN/pcm-manager.pem", "site/CEN/service/pcm-manager"),
                               ("NYC/workstations/NYC00001.pem", "site/NYC/workstation/NYC00001")):
            names = self.names(path)
            for expected in (f"URI:spiffe://waybill/{identity},", "DNS:localhost", "IP Address:127.0.0.1",
                             "DNS:cen.example", "Client Authentication", "Server Authentication"):
                self.assertIn(expected, names)
            verified = run("openssl", "verify", "-x509_strict", "-CAfile", self.dir / "ca.pem", self.dir / path)
            self.assertEqual(verified.returncode, 0, verified.stdout)

    def test_keys_are_only_their_owners(self):
        self.make("--site", "CEN")
        keys = list(self.dir.rglob("*.key"))
        self.assertEqual(len(keys), 5)
        self.assertEqual({stat.S_IMODE(key.stat().st_mode) for key in keys}, {0o600})

    def test_a_second_call_keeps_what_there_is_and_adds_the_rest(self):
        self.make("--admin", "alice")
        before = {p: p.read_bytes() for p in self.dir.rglob("*") if p.is_file()}
        identities = self.dir / "list"
        identities.write_text("# more\nadmin alice\nadmin bob\n")
        self.assertEqual(self.make("--from", identities).returncode, 0)
        self.assertEqual({p: p.read_bytes() for p in before}, before)
        self.assertIn("URI:spiffe://waybill/admin/bob,", self.names("bob.pem"))

    def test_wrong_arguments_are_refused_before_anything_is_made(self):
        for arguments in (("--admin", "../x"), ("--admin", "a,URI:b"), ("--admin", "ca"), ("--workstation", "NYC"),
                          ("--days", "0"), ("--unknown",), ("other",)):
            self.assertNotEqual(self.make(*arguments).returncode, 0, arguments)
            self.assertFalse(self.dir.exists(), arguments)


class DevTest(unittest.TestCase):
    def test_help_names_every_command_and_nothing_else_is_accepted(self):
        shown = run(ROOT / "dev", "help")
        self.assertEqual(shown.returncode, 0)
        for command in ("demo", "test", "build", "lint", "format", "bench", "certs", "clean"):
            self.assertIn(f"\n  {command} ", shown.stdout)
        self.assertNotEqual(run(ROOT / "dev", "frobnicate").returncode, 0)
        self.assertIn("no tier 'untis'", run(ROOT / "dev", "test", "untis").stdout)


if __name__ == "__main__":
    unittest.main()
