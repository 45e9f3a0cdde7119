"""Four sites as processes on loopback, each with a database, a store and servers of its own."""

import ctypes
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

from shell import Failure, run

# Site -> parent, distribution servers, workstations as (SMS ID, domain).
SITES = {
    "CEN": (None, ["DS1"], [("CEN00001", "SALES")]),
    "NYC": ("CEN", ["DS1", "DS2"], [("NYC00001", "SALES"), ("NYC00002", "SALES"), ("NYC00003", "PLANT")]),
    "BOS": ("CEN", ["DS1"], [("BOS00001", "SALES"), ("BOS00002", "PLANT")]),
    "LAB": ("BOS", ["DS1"], [("LAB00001", "SALES"), ("LAB00002", "PLANT")]),
}
START_SECONDS_MAX = 30
PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgrp()  # Ctrl-C is for the demonstration, which ends its processes in order.


class Hierarchy:
    """Sites in `layout`, a dictionary like SITES, with everything of theirs below `directory`."""

    def __init__(self, directory, binaries, top, layout=None):
        self.directory, self.binaries, self.top = directory, binaries, top
        self.layout = layout or SITES
        self.certificates = directory / "certs"
        self.processes = {}  # (site, program or SMS ID) -> Popen
        self.ports = {}      # (site, service) -> {"admin": ..., "sites": ...}
        self.guard = None

    # ---- starting

    def start(self):
        self._make_certificates()
        self._start_database()
        for site, (parent, _, _) in self.layout.items():
            self._start_site(site, parent)
        for site in self.layout:
            self._register(site)
        self._await_registrations()
        for site, (_, _, workstations) in self.layout.items():
            for sms_id, _ in workstations:
                self._start_workstation(site, sms_id)

    def _make_certificates(self):
        words = ["--admin", "admin"]
        for site, (_, _, workstations) in self.layout.items():
            words += ["--site", site]
            for sms_id, _ in workstations:
                words += ["--workstation", site, sms_id]
        run(self.top / "deploy/certs/make_certs.sh", self.certificates, *words)

    def _start_database(self):
        script = self.top / "common/jobdb/private_server.sh"
        where = self.directory / "pg"
        # The guard stops the server when its input closes: also when we are killed.
        self.guard = subprocess.Popen(
            ["sh", "-c", 'cat >/dev/null; exec "$0" abort "$1" >/dev/null 2>&1', script, where],
            stdin=subprocess.PIPE, start_new_session=True)
        names = [site.lower() for site in self.layout]
        run(script, "start", where, "--durable", "--connections", "300", *names)
        self.databases = {site: run(script, "uri", where, site.lower()).strip() for site in self.layout}

    def _start_site(self, site, parent):
        home = self.directory / site
        for name in ("store", "site", "drive_c", "logon"):
            (home / name).mkdir(parents=True)
        for server in self.layout[site][1]:
            (home / server).mkdir()
        store = ["--store-directory", home / "store"]
        run(self.binaries / "waybill-scheduler", "migrate", "--job-database-uri", self.databases[site])
        above = []
        if parent:
            self.waybill("site", "put", site, site=parent)
            port = self.ports[parent, "scheduler"]["sites"]
            above = ["--parent-site", parent, "--parent-endpoint", f"127.0.0.1:{port}"]
        self._start_service(site, "scheduler", *store, "--source-directory", self.directory / "source", *above)
        self._start_service(site, "sender", *store)
        self._start_service(site, "despooler", *store, "--site-directory", home / "site", "--drive",
                            f"c={home / 'drive_c'}")
        self._start_service(site, "pcm-manager", "--site-directory", home / "site", "--pcm-poll-interval", "1s")
        for service in ("scheduler", "sender", "despooler", "pcm-manager"):
            self._await_ports(site, service)

    def _start_service(self, site, service, *options):
        ports_file = self.directory / site / f"{service}.ports"
        self._spawn((site, service), self.binaries / f"waybill-{service}", "--site-code", site, "--job-database-uri",
                    self.databases[site], *self._tls(self.certificates / site / service), "--ports-file", ports_file,
                    *options)

    def _start_workstation(self, site, sms_id):
        state = self.directory / site / "workstations" / sms_id
        state.mkdir(parents=True)
        port = self.ports[site, "pcm-manager"]["workstations"]
        self._spawn((site, sms_id), self.binaries / "waybill-pcm", "--service", "--site", site, "--server",
                    f"127.0.0.1:{port}", *self._tls(self.certificates / site / "workstations" / sms_id),
                    "--state-directory", state)

    def _tls(self, stem):
        return ["--tls-ca-file", self.certificates / "ca.pem", "--tls-certificate-file", f"{stem}.pem",
                "--tls-key-file", f"{stem}.key"]

    def _spawn(self, key, *command):
        log = self.directory / key[0] / f"{key[1]}.log"
        with open(log, "ab") as out:
            self.processes[key] = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out,
                                                   stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)

    def _await_ports(self, site, service):
        path = self.directory / site / f"{service}.ports"
        end = time.monotonic() + START_SECONDS_MAX
        while not path.exists():
            if self.processes[site, service].poll() is not None or time.monotonic() > end:
                raise Failure(f"waybill-{service} of {site} did not start:\n{self._last_lines(site, service)}")
            time.sleep(0.02)
        self.ports[site, service] = json.loads(path.read_text())

    def _register(self, site):
        home = self.directory / site
        self.waybill("site", "address", site, self._despooler(site), site=site)
        for child in [s for s, (parent, _, _) in self.layout.items() if parent == site]:
            self.waybill("site", "address", child, self._despooler(child), site=site)
        for server in self.layout[site][1]:
            self.waybill("server", "put", server, "--share", f"c={home / server}", site=site)
        self.waybill("logon", "put", "LS1", "--directory", str(home / "logon"), site=site)
        rows = [f"{sms_id},{sms_id.lower()},{domain},linux" for sms_id, domain in self.layout[site][2]]
        listing = home / "workstations.csv"
        listing.write_text("\n".join(["sms_id,host_name,domain,operating_system", *rows, ""]))
        self.waybill("workstation", "import", str(listing), site=site)

    def _despooler(self, site):
        return f"127.0.0.1:{self.ports[site, 'despooler']['sites']}"

    def _await_registrations(self):
        """Registrations come up by status; the central site can resolve targets once it has all of them."""
        wanted = sum(len(workstations) for _, _, workstations in self.layout.values())
        end = time.monotonic() + START_SECONDS_MAX
        while True:
            tree = json.loads(self.waybill("-o", "json", "site", "tree"))["sites"]
            if sum(int(node.get("workstation_count", 0)) for node in tree) == wanted:
                return
            if time.monotonic() > end:
                raise Failure("the registrations of the sites below did not arrive at CEN")
            time.sleep(0.05)

    # ---- using

    def environment(self, site):
        return {"WAYBILL_SITE": site, "WAYBILL_CERTS": str(self.certificates),
                "WAYBILL_SERVER": f"127.0.0.1:{self.ports[site, 'scheduler']['admin']}",
                "WAYBILL_SENDER": f"127.0.0.1:{self.ports[site, 'sender']['admin']}"}

    def waybill(self, *words, site="CEN"):
        """Runs the command line and returns what it printed."""
        return run(self.binaries / "waybill", *words, env={**os.environ, **self.environment(site)})

    def show(self, *words, site="CEN"):
        """Runs the command line on the screen and returns its exit code."""
        print(f"   $ waybill {shlex.join(words)}", flush=True)
        with subprocess.Popen([self.binaries / "waybill", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, env={**os.environ, **self.environment(site)}) as command:
            for line in command.stdout:
                print(f"   {line}", end="", flush=True)
        return command.returncode

    def shares(self):
        return [(site, server, self.directory / site / server)
                for site, (_, servers, _) in self.layout.items() for server in servers]

    def memory(self):
        """(program, how many run, largest resident bytes), of what runs now."""
        sizes = {}
        for (_, name), process in self.processes.items():
            program = name if not name[3:].isdigit() else "workstation"
            pages = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            sizes.setdefault(program, []).append(pages * os.sysconf("SC_PAGE_SIZE"))
        return [(name, len(found), max(found)) for name, found in sizes.items()]

    def commands_to_try(self):
        exports = " ".join(f"{key}={shlex.quote(value)}" for key, value in self.environment("CEN").items())
        admin = self.certificates / "admin"
        server = self.environment("CEN")["WAYBILL_SERVER"]
        grpcurl = (f"grpcurl -cacert {self.certificates}/ca.pem -cert {admin}.pem -key {admin}.key "
                   f"-servername localhost")
        order = json.dumps({"request_id": "try-1", "spec": {"type": "JOB_TYPE_SHARE_PACKAGE", "package_id": "CEN00001",
                                                            "target": {"sites": {"site_codes": ["*"]}},
                                                            "distribute_phase": {"put_on_specified": True}}})
        return [f"export {exports} PATH={self.binaries}:$PATH", "waybill job list", "waybill site tree",
                "waybill job submit run --package demo --command show --path 'NYC|SALES|*' --watch",
                "waybill send list --all", f"{grpcurl} {server} describe waybill.job.v1.JobService",
                f"{grpcurl} -d {shlex.quote(order)} {server} waybill.job.v1.JobService/SubmitJob",
                f"ls {self.directory}  # logs, stores, shares"]

    # ---- ending

    def stop(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # A second Ctrl-C must not leave the rest running.
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + 12
        for process in self.processes.values():
            try:
                process.wait(timeout=max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.guard:
            self.guard.stdin.close()
            self.guard.wait()

    def show_last_log_lines(self):
        for site, name in self.processes:
            lines = [line for line in self._last_lines(site, name).splitlines() if '"level":"info"' not in line]
            for line in lines[-3:]:
                print(f"{site} {name}: {line}", file=sys.stderr)

    def _last_lines(self, site, name, count=8):
        log = self.directory / site / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
