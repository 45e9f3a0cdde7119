"""What an operator does and sees: stopping, killing, alerts."""

import json

from hierarchy import SERVICES, eventually
from story import Story

GRACE_SECONDS = 10


class OperationStory(Story):
    def alerts(self):
        """(alert, site, service) of what fires, as Prometheus says."""
        said = self.h.exec("prometheus", "promtool", "query", "instant", "-o", "json", "http://127.0.0.1:9090",
                           'ALERTS{alertstate="firing"}').stdout
        return {(s["metric"].get("alertname"), s["metric"].get("site"), s["metric"].get("service"))
                for s in json.loads(said)}

    def test_every_service_ends_by_itself_when_it_is_told_to_stop(self):
        services = [f"lab-{name}" for name in (*SERVICES, "ws1", "ds1", "postgres")]
        self.stand_again(*services)
        self.h.stop(*services)
        for service in services:
            container = self.h.inspect(service)
            self.assertEqual(container["Config"]["StopTimeout"], GRACE_SECONDS, service)
            self.assertEqual(container["State"]["ExitCode"], 0, f"{service} was killed when the time was over")

    def test_an_alert_fires_for_a_service_that_is_gone_and_ends_when_it_is_back(self):
        gone = ("WaybillServiceDown", "lab", "sender")
        eventually(60, lambda: gone not in self.alerts())
        self.h.kill("lab-sender")
        self.stand_again("lab-sender")
        eventually(90, lambda: gone in self.alerts())
        self.h.start("lab-sender")
        eventually(60, lambda: gone not in self.alerts())

    def test_a_child_that_was_cut_off_gets_its_job_once_the_line_is_back(self):
        self.h.waybill("package", "import", "hello")
        for service in ("lab-despooler", "lab-scheduler"):
            self.h.cut(service, "bos-lab")
        self.addCleanup(self.heal)
        job_id = self.h.submit("run", "--package", "hello", "--command", "greet", "--workstations", "BOS00001,LAB00001")

        def parent_is_done():
            states = {t["sms_id"]: t["state"] for t in self.h.targets(job_id)}
            self.assertEqual(states["LAB00001"], "TARGET_STATE_WAITING")
            return states["BOS00001"] == "TARGET_STATE_SUCCEEDED"
        eventually(90, parent_is_done)
        self.heal()
        self.h.await_complete(job_id, seconds_max=240)  # An attempt that hangs is given up after two minutes.

    def heal(self):
        for service in ("lab-despooler", "lab-scheduler"):
            if f"{self.h.name}_bos-lab" not in self.h.inspect(service)["NetworkSettings"]["Networks"]:
                self.h.heal(service, "bos-lab")
