"""The hierarchy of docker-compose.yml under a project name of its own, and what can be done to it."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SITES = ("CEN", "NYC", "BOS", "LAB")
SERVICES = ("scheduler", "sender", "despooler", "pcm-manager")
SHARES = (("CEN", "ds1"), ("NYC", "ds1"), ("NYC", "ds2"), ("BOS", "ds1"), ("LAB", "ds1"))
START_SECONDS_MAX = 240
TROUBLE = re.compile(r"\b(error|warn(ing)?|fatal|panic|failed|no such)\b", re.I)

# Waits until whoever holds its input is gone, and then removes what has the project's label. It is nobody's child, so
# that it also outlives a test that is killed.
GUARD = """
cat >/dev/null
label=label=com.docker.compose.project=$0
docker ps -aq --filter $label | xargs -r docker rm -fv
docker network ls -q --filter $label | xargs -r docker network rm
docker volume ls -q --filter $label | xargs -r docker volume rm -f
"""


class Failure(Exception):
    """A command failed, or something did not happen in time."""


def run(*command, seconds_max=120, check=True, **options):
    """Runs a command and returns it as it ended, with what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=seconds_max, check=False, **options)
    if check and done.returncode != 0:
        raise Failure(f"{shlex.join(words)}\nended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def docker(*words, **options):
    return run("docker", *words, **options).stdout.strip()


def find_compose():
    """The words of the command: $COMPOSE, else version 2, else 1.29. A missing one is a failure."""
    if os.environ.get("COMPOSE"):
        return shlex.split(os.environ["COMPOSE"])
    if run("docker", "compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise Failure("there is no Docker Compose; ./dev test compose gets it")


def eventually(seconds_max, condition):
    """Returns what `condition` returned once that is true; it may raise Failure until then."""
    end = time.monotonic() + seconds_max
    while True:
        failure = None
        try:
            found = condition()
            if found:
                return found
        except Failure as raised:
            failure = raised
        if time.monotonic() > end:
            raise Failure(f"not within {seconds_max} s: {failure or condition.__doc__ or 'the condition'}")
        time.sleep(0.2)


class Project:
    """One compose project: containers, networks and volumes that go away with it, however the test ends."""

    def __init__(self, name, files, environment, arguments=()):
        self.name = name
        self.environment = {**os.environ, **environment, "COMPOSE_PROJECT_NAME": name}
        self.command = find_compose()
        for file in files:
            self.command += ["-f", str(file)]
        self.command += arguments
        self.guard = subprocess.Popen(["setsid", "--fork", "sh", "-c", GUARD, name], stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def compose(self, *words, seconds_max=START_SECONDS_MAX, **options):
        return run(*self.command, *words, seconds_max=seconds_max, env=self.environment, **options).stdout.strip()

    def remove(self):
        self.guard.stdin.close()
        self.guard.wait()
        eventually(60, lambda: not self.remains())

    def remains(self):
        """Whatever still bears this project's label."""
        label = f"label=com.docker.compose.project={self.name}"
        return [word for kind in (("ps", "-aq"), ("network", "ls", "-q"), ("volume", "ls", "-q"))
                for word in docker(*kind, "--filter", label).split()]

    # ---- containers, by the name of their service

    def containers(self):
        """Service -> what `docker inspect` says."""
        label = f"label=com.docker.compose.project={self.name}"
        found = docker("ps", "-aq", "--filter", label).split()
        inspected = json.loads(docker("inspect", *found)) if found else []
        return {c["Config"]["Labels"]["com.docker.compose.service"]: c for c in inspected
                if c["Config"]["Labels"]["com.docker.compose.oneoff"] == "False"}

    def id_of(self, service):
        found = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}",
                       "--filter", f"label=com.docker.compose.service={service}",
                       "--filter", "label=com.docker.compose.oneoff=False")
        if not found:
            raise Failure(f"there is no container of {service}")
        return found.split()[0]

    def inspect(self, service):
        return json.loads(docker("inspect", self.id_of(service)))[0]

    def exec(self, service, *words, check=True):
        return run("docker", "exec", self.id_of(service), *words, check=check)

    def address(self, service, network):
        return self.inspect(service)["NetworkSettings"]["Networks"][f"{self.name}_{network}"]["IPAddress"]

    def can_connect(self, service, address, port):
        """Whether a process in the container of `service` gets a TCP connection."""
        return self.exec(service, "timeout", "3", "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}",
                         check=False).returncode == 0

    # Those without a health check need only run.
    def await_healthy(self, *services, seconds_max=START_SECONDS_MAX):
        def healthy():
            states = {s: self.inspect(s)["State"] for s in services}
            states = {s: state.get("Health", state)["Status"] for s, state in states.items()}
            ill = {s: state for s, state in states.items() if state not in ("healthy", "running")}
            if ill:
                raise Failure(f"not healthy: {ill}")
            return True
        eventually(seconds_max, healthy)

    # ---- faults

    def kill(self, service):
        docker("kill", self.id_of(service))

    def start(self, *services):
        docker("start", *[self.id_of(s) for s in services])

    def stop(self, *services):
        """As an operator would. Exit code 137 says that one had to be killed when its grace period was over."""
        docker("stop", *[self.id_of(s) for s in services])

    def pause(self, service):
        docker("pause", self.id_of(service))

    def unpause(self, service):
        docker("unpause", self.id_of(service))

    def cut(self, service, network):
        docker("network", "disconnect", f"{self.name}_{network}", self.id_of(service))

    def heal(self, service, network):
        docker("network", "connect", "--alias", service, f"{self.name}_{network}", self.id_of(service))

    # ---- what went wrong

    def last_log_lines(self, count=6):
        """Of each container, what sounds like trouble."""
        for service in sorted(self.containers()):
            done = run("docker", "logs", "--tail", "200", self.id_of(service), check=False)
            lines = [line for line in (done.stdout + done.stderr).splitlines() if TROUBLE.search(line)]
            yield from (f"{service}: {line[:400]}" for line in lines[-count:])


class Hierarchy(Project):
    """CEN with NYC and BOS, LAB below BOS, seeded; with a desk from which an administrator works."""

    def __init__(self, tag, name):
        ports = {"WAYBILL_ADMIN_PORT": "0", "WAYBILL_SENDER_PORT": "0", "WAYBILL_PROMETHEUS_PORT": "0"}
        super().__init__(name, [TOP / "docker-compose.yml"], {"WAYBILL_TAG": tag, **ports},
                         ["--profile", "demo", "--profile", "metrics"])
        self.desk = None

    def begin(self):
        self.compose("up", "-d")
        self.await_healthy(*[f"{site.lower()}-{service}" for site in SITES for service in SERVICES],
                           *[f"{site.lower()}-{server}" for site, server in SHARES])
        self.desk = self.compose("run", "-d", "--entrypoint", "sleep", "waybill", "infinity").split()[-1]
        eventually(START_SECONDS_MAX, self._is_seeded)

    def _is_seeded(self):
        """seed-demo has ended with 0"""
        state = self.inspect("seed-demo")["State"]
        if state["Status"] == "exited" and state["ExitCode"] != 0:
            raise AssertionError("seed-demo failed:\n" + "\n".join(self.last_log_lines()))
        return state["Status"] == "exited"

    def waybill(self, *words, site="CEN", check=True, seconds_max=180):
        """The command line at a site; returns what it printed."""
        where = () if site == "CEN" else ("--site", site, "--server", f"{site.lower()}-scheduler:7001",
                                          "--sender", f"{site.lower()}-sender:7002")
        done = run("docker", "exec", self.desk, "waybill", *where, *words, check=check, seconds_max=seconds_max)
        return done.stdout.strip()

    def waybill_json(self, *words, **options):
        return json.loads(self.waybill("-o", "json", *words, **options))

    def submit(self, *words):
        return self.waybill("job", "submit", *words)

    def job(self, job_id):
        return self.waybill_json("job", "get", job_id)

    def targets(self, job_id):
        return self.waybill_json("job", "targets", job_id)["targets"]

    def await_complete(self, job_id, seconds_max=120):
        def complete():
            state = self.job(job_id)["state"]
            if state in ("JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
                raise AssertionError(f"{job_id} is {state}:\n{self.waybill('job', 'get', job_id)}\n"
                                     f"{self.waybill('job', 'targets', job_id)}")
            if state != "JOB_STATE_COMPLETE":
                raise Failure(f"{job_id} is {state}:\n{self.waybill('job', 'get', job_id)}")
            return True
        eventually(seconds_max, complete)
