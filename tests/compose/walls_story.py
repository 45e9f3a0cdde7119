"""Who reaches whom, and what containers may do."""

from hierarchy import SERVICES, SHARES, SITES
from story import Story

ONE_SHOT = ("certs", "seed-demo", *[f"{site.lower()}-migrate" for site in SITES])


class WallsStory(Story):
    def assert_reaches(self, reaches, service, peer, network, port):
        address = self.h.address(peer, network)
        self.assertEqual(self.h.can_connect(service, address, port), reaches,
                         f"{service} to {peer} at {address}:{port}, on {network}")

    def test_a_childs_database_is_reached_by_its_own_site_alone(self):
        for site in ("nyc", "bos", "lab"):
            self.assert_reaches(True, f"{site}-scheduler", f"{site}-postgres", site, 5432)
        for stranger in ("cen-scheduler", "cen-sender", "cen-despooler", "cen-pcm-manager", "nyc-ws1", "nyc-ds1"):
            self.assert_reaches(False, stranger, "nyc-postgres", "nyc", 5432)
        for parent in ("bos-scheduler", "bos-sender", "cen-sender"):
            self.assert_reaches(False, parent, "lab-postgres", "lab", 5432)

    def test_the_line_between_sites_has_only_those_who_speak_on_it(self):
        self.assert_reaches(True, "cen-sender", "nyc-despooler", "cen-nyc", 7012)
        self.assert_reaches(True, "nyc-scheduler", "cen-scheduler", "cen-nyc", 7011)
        self.assert_reaches(False, "cen-despooler", "nyc-despooler", "cen-nyc", 7012)
        self.assert_reaches(False, "nyc-sender", "cen-scheduler", "cen-nyc", 7011)
        self.assert_reaches(False, "cen-sender", "lab-despooler", "bos-lab", 7012)
        self.assert_reaches(False, "nyc-sender", "bos-despooler", "cen-bos", 7012)

    def test_a_workstation_reaches_the_pcm_manager_and_servers_of_its_site_alone(self):
        self.assert_reaches(True, "nyc-ws1", "nyc-pcm-manager", "nyc-lan", 7013)
        self.assert_reaches(True, "nyc-ws1", "nyc-ds2", "nyc-lan", 8080)
        self.assert_reaches(False, "nyc-ws1", "nyc-scheduler", "nyc", 7001)
        self.assert_reaches(False, "nyc-ws1", "bos-pcm-manager", "bos-lan", 7013)

    def test_every_container_is_held_tight(self):
        for service, container in self.h.containers().items():
            with self.subTest(service=service):
                host = container["HostConfig"]
                self.assertTrue(host["ReadonlyRootfs"])
                self.assertEqual(host["CapDrop"], ["ALL"])
                self.assertTrue(any("no-new-privileges" in option for option in host["SecurityOpt"]))
                self.assertFalse(host["Privileged"])
                if service not in ("certs", "seed-demo"):
                    self.assertGreater(host["Memory"], 0)
                if service not in ONE_SHOT:
                    self.assertFalse(container["State"]["OOMKilled"])
                if service != "certs":
                    self.assertNotIn(container["Config"]["User"], ("", "0", "root"))

    def test_each_secret_is_read_by_its_reader_alone(self):
        for service in (f"nyc-{name}" for name in SERVICES):
            self.assertEqual(self.h.exec(service, "cat", "/etc/waybill/database.uri").stdout[:13], "postgresql://")
            self.assertNotEqual(self.h.exec(service, "cat", "/etc/waybill/database.password", check=False).returncode, 0)
        self.assertEqual(len(self.h.exec("nyc-postgres", "cat", "/etc/waybill/database.password").stdout), 48)
        self.assertNotEqual(self.h.exec("nyc-postgres", "cat", "/etc/waybill/scheduler.key", check=False).returncode, 0)
        self.assertNotEqual(self.h.exec("nyc-ws1", "test", "-e", "/etc/waybill/ca.pem", check=False).returncode, 0)
        for service, container in self.h.containers().items():
            for word in (*container["Config"]["Env"], *(container["Config"]["Cmd"] or [])):
                self.assertNotIn("postgresql://", word, service)

    def test_shares_are_read_only_for_the_web_servers(self):
        for site, server in SHARES:
            done = self.h.exec(f"{site.lower()}-{server}", "touch", "/srv/share/x", check=False)
            self.assertIn("Read-only file system", done.stderr)
