"""What an operator does and sees: stopping, killing, alerts."""

import json

from hierarchy import SERVICES, Failure, eventually
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
        services = [f"lab-{name}" for name in (*SERVICES, "ds1", "postgres")]
        self.stand_again(*services)
        seconds = self.h.stop(*services[:4])
        self.assertLess(seconds, GRACE_SECONDS)
        self.h.stop(*services[4:], "lab-ws1")
        self.stand_again_workstation("lab-ws1")
        for service in (*services, "lab-ws1"):
            self.assertEqual(self.h.inspect(service)["State"]["ExitCode"], 0, service)

    def stand_again_workstation(self, service):
        self.addCleanup(lambda: self.h.start(service))

    def test_an_alert_fires_for_a_service_that_is_gone_and_ends_when_it_is_back(self):
        gone = ("WaybillServiceDown", "lab", "sender")
        eventually(60, lambda: gone not in self.alerts())
        self.h.kill("lab-sender")
        self.stand_again("lab-sender")
        eventually(90, lambda: gone in self.alerts())
        self.h.start("lab-sender")
        eventually(60, lambda: gone not in self.alerts())

    def test_a_partitioned_child_gets_its_job_once_the_line_is_back(self):
        self.h.waybill("package", "import", "hello")
        self.h.cut("lab-despooler", "bos-lab")
        self.h.cut("lab-scheduler", "bos-lab")
        self.addCleanup(self.heal)
        job_id = self.h.submit("run", "--package", "hello", "--command", "greet", "--path", "LAB|*|*")

        def waits():
            sent = self.h.waybill("send", "list", site="BOS")
            if "UNREACHABLE" not in sent:
                raise Failure(f"BOS does not say that LAB is unreachable: {sent}")
            return True
        eventually(60, waits)
        self.heal()
        self.h.await_complete(job_id)

    def heal(self):
        for service in ("lab-despooler", "lab-scheduler"):
            if f"{self.h.name}_bos-lab" not in self.h.inspect(service)["NetworkSettings"]["Networks"]:
                self.h.heal(service, "bos-lab")
