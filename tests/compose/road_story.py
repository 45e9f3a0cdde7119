"""The whole road: a run job to every workstation of four sites, and its package removed with proof."""

from hierarchy import SHARES, SITES, docker
from story import Story

WORKSTATIONS = [f"{site}0000{n}" for site in SITES for n in (1, 2)]
# Arguments: host, port, request.
HTTP = 'exec 3<>"/dev/tcp/$0/$1"; printf %s "$2" >&3; cat <&3'
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

    def http(self, method, path, *headers):
        """What NYC's first distribution server answers to a workstation."""
        request = "\r\n".join([f"{method} {path} HTTP/1.0", "Host: nyc-ds1", *headers, "", ""])
        return self.h.exec("nyc-ws1", "bash", "-c", HTTP, "nyc-ds1", "8080", request).stdout

    def assert_served_in_ranges(self, place):
        """By nginx, and only for reading what packages are."""
        part = self.http("GET", f"/{place}/bin/hello", "Range: bytes=1-3")
        self.assertRegex(part, r"(?s)^HTTP/1.1 206 .*immutable.*\n\nELF$")
        self.assertIn("200", self.http("HEAD", f"/{place}.manifest").split("\n")[0])
        for method in ("PUT", "DELETE", "POST"):
            self.assertRegex(self.http(method, f"/{place}/bin/hello", "Content-Length: 0"), "^HTTP/1.1 40[35] ")
        for beside in ("/", "/lost+found/", f"/{place}/../../../../etc/passwd", "/waybill.tmp/x", f"/{place}"):
            self.assertRegex(self.http("GET", beside), "^HTTP/1.1 40[04] ", beside)

    def assert_nothing_is_left(self, package_id):
        for site, server in SHARES:
            with self.subTest(site=site, server=server):
                self.assertEqual(self.shell(f"{site.lower()}-{server}", f"find /srv/share -path '*{package_id}/?*'"), "")
        for site in ("nyc", "bos", "lab"):
            self.assertEqual(self.shell(f"{site}-despooler", "find /srv/store -name '*.pack'"), "")
        left = self.h.waybill_json("package", "locations", "hello").get("locations", [])
        self.assertEqual([(place["site_code"], place["kind"]) for place in left], [("CEN", "LOCATION_KIND_STORE")])
