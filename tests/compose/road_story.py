"""The whole road: a run job to every workstation of four sites, and its package removed with proof."""

from hierarchy import SHARES, SITES, docker
from story import Story

WORKSTATIONS = [f"{site}0000{n}" for site in SITES for n in (1, 2)]
SUMS = "cd {} && find . -type f -print0 | sort -z | xargs -0 sha256sum"


class RoadStory(Story):
    def shell(self, service, line):
        return self.h.exec(service, "sh", "-c", line).stdout.strip()

    def test_a_run_job_reaches_every_workstation_and_its_removal_is_proved(self):
        job_id = self.h.submit("run", "--package", "hello", "--command", "greet", "--workstations", ",".join(WORKSTATIONS))
        self.h.await_complete(job_id)
        self.assert_everyone_ran(job_id)
        spec = self.h.job(job_id)["spec"]
        place = f"SMS_PKGC/{spec['package_id']}/{spec['version'][:16]}"
        self.assert_trees_are_equal(place)
        self.assert_served_in_ranges(place)

        self.h.await_complete(self.h.submit("remove", "--package", "hello", "--sites", ",".join(SITES)))
        self.assert_nothing_is_left(spec["package_id"])

    def assert_everyone_ran(self, job_id):
        targets = self.h.targets(job_id)
        self.assertEqual(sorted(t["sms_id"] for t in targets), sorted(WORKSTATIONS))
        for target in targets:
            with self.subTest(workstation=target["sms_id"]):
                self.assertEqual(target["state"], "TARGET_STATE_SUCCEEDED")
                self.assertEqual(target["output"], "Hello, world!\n")

    def assert_trees_are_equal(self, place):
        source = docker("exec", self.h.desk, "sh", "-c", SUMS.format("/srv/source/hello"))
        self.assertIn("bin/hello", source)
        for site, server in SHARES:
            with self.subTest(site=site, server=server):
                self.assertEqual(self.shell(f"{site.lower()}-{server}", SUMS.format(f"/srv/share/{place}")), source)

    def assert_served_in_ranges(self, place):
        """By nginx, and only for reading."""
        url = f"http://nyc-ds1:8080/{place}/bin/hello"
        get = ("busybox", "wget", "-S", "-q", "-O", "-")
        part = self.h.exec("nyc-ds2", *get, "--header", "Range: bytes=1-3", url)
        self.assertEqual(part.stdout, "ELF")
        self.assertIn("206 Partial Content", part.stderr)
        self.assertIn("immutable", part.stderr)
        self.assertIn("403", self.h.exec("nyc-ds2", *get, "--post-data", "x", url, check=False).stderr)
        for beside in ("http://nyc-ds1:8080/", f"http://nyc-ds1:8080/{place}/../../../lost", "http://nyc-ds1:8080/waybill.tmp/"):
            self.assertIn("404", self.h.exec("nyc-ds2", *get, beside, check=False).stderr)

    def assert_nothing_is_left(self, package_id):
        for site, server in SHARES:
            with self.subTest(site=site, server=server):
                self.assertEqual(self.shell(f"{site.lower()}-{server}", f"find /srv/share -path '*{package_id}/?*'"), "")
        for site in ("nyc", "bos", "lab"):
            self.assertEqual(self.shell(f"{site}-despooler", "find /srv/store -name '*.pack'"), "")
        left = self.h.waybill_json("package", "locations", "hello").get("locations", [])
        self.assertEqual([(place["site_code"], place["kind"]) for place in left], [("CEN", "LOCATION_KIND_STORE")])
