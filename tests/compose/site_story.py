"""A site of its own, from deploy/site alone, joins the running hierarchy."""

import pathlib
import shutil
import tempfile

import hierarchy
from story import Story

ENV = """
WAYBILL_SITE_CODE=PHX
WAYBILL_PARENT_SITE=CEN
WAYBILL_PARENT_ENDPOINT=cen-scheduler:7011
WAYBILL_SECRETS_DIRECTORY={secrets}
WAYBILL_ADMIN_DIRECTORY={admin}
WAYBILL_ADMIN=alice
WAYBILL_UPLINK_NETWORK={front}
WAYBILL_UPLINK_EXTERNAL=true
WAYBILL_SITES_BIND=127.0.0.1
WAYBILL_ADMIN_PORT=0
WAYBILL_SENDER_PORT=0
WAYBILL_STATUS_PORT=0
WAYBILL_TRANSFER_PORT=0
WAYBILL_WORKSTATIONS_PORT=0
WAYBILL_HTTP_PORT=0
WAYBILL_PCM_POLL_INTERVAL=1s
"""
LONG_RUNNING = ("postgres", "scheduler", "sender", "despooler", "pcm-manager", "ds1")


class SiteStory(Story):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="waybill_site_"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.secrets, self.admin, self.workstation = (self.directory / n for n in ("secrets", "admin", "workstation"))
        for directory in (self.secrets, self.admin, self.workstation):
            directory.mkdir()
        self.directory.chmod(0o755)
        # The demonstration's authority makes what this site needs, as deploy/README.md says.
        self.h.compose("run", "--rm", "-T", "-v", f"{self.secrets}:/sites/PHX", "-v", f"{self.admin}:/admins/alice",
                       "-v", f"{self.workstation}:/workstations/PHX00001", "certs")
        self.site = self.start_site()

    def start_site(self):
        env_file = self.directory / "phx.env"
        env_file.write_text(ENV.format(secrets=self.secrets, admin=self.admin, front=f"{self.h.name}_front"))
        site = hierarchy.Project(f"{self.h.name}-phx", [hierarchy.TOP / "deploy/site/docker-compose.yml"],
                                 {"WAYBILL_TAG": self.h.environment["WAYBILL_TAG"]}, ["--env-file", str(env_file)])
        self.addCleanup(site.remove)
        site.compose("up", "-d")
        site.await_healthy(*LONG_RUNNING)
        return site

    def at_phx(self, *words):
        return self.site.compose("run", "--rm", "-T", "waybill", *words)

    def start_workstation(self):
        image = f"waybill:{self.h.environment['WAYBILL_TAG']}"
        identity = "/var/lib/waybill/identity"
        hierarchy.docker(
            "run", "-d", "--label", f"com.docker.compose.project={self.site.name}", "--network", f"{self.h.name}_front",
            "-v", f"{self.workstation}:/var/lib/waybill", image, "waybill-pcm", "--service", "--server",
            "PHX-pcm-manager:7013", "--tls-ca-file", f"{identity}/ca.pem", "--tls-certificate-file",
            f"{identity}/workstation.pem", "--tls-key-file", f"{identity}/workstation.key", "--state-directory",
            "/var/lib/waybill/state", "--poll-interval", "1s")

    def test_a_site_joins_a_running_hierarchy_and_a_job_includes_it(self):
        self.h.waybill("site", "put", "PHX", "--address", "PHX-despooler:7012")
        self.at_phx("site", "address", "PHX", "PHX-despooler:7012")
        self.at_phx("server", "put", "DS1", "--share", "c=/srv/ds1", "--url", "c=http://PHX-ds1:8080")
        self.at_phx("logon", "put", "LS1", "--directory", "/srv/logon")
        listing = self.admin / "list.csv"
        listing.write_text("sms_id,host_name,domain,operating_system\nPHX00001,phx00001,SALES,linux\n")
        self.at_phx("workstation", "import", "/etc/waybill/list.csv")
        self.start_workstation()
        hierarchy.eventually(60, lambda: "PHX00001" in self.h.waybill("workstation", "list"))

        self.h.waybill("package", "import", "hello")
        job_id = self.h.submit("run", "--package", "hello", "--command", "greet", "--workstations", "PHX00001,NYC00001")
        self.h.await_complete(job_id)
        self.assertEqual({t["sms_id"]: t["output"] for t in self.h.targets(job_id)},
                         {"PHX00001": "Hello, world!\n", "NYC00001": "Hello, world!\n"})
        self.assertIn(job_id, self.at_phx("job", "list"))

