#include "services/cli/job_view.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

#include "common/model/states.h"
#include "services/cli/format.h"
#include "services/cli/table.h"

namespace waybill::cli {
namespace {

using job::v1::Job;
using job::v1::JobServer;
using job::v1::JobSite;
using job::v1::JobSpec;
using job::v1::Target;

std::string TargetText(const Target& target) {
  switch (target.kind_case()) {
    case Target::kWorkstations:
      return absl::StrCat(target.workstations().count(), " workstations by name");
    case Target::kMachineGroup:
      return absl::StrCat("group ", target.machine_group());
    case Target::kMachinePath:
      return target.machine_path();
    case Target::kSites:
      return target.sites().site_codes().empty()
                 ? absl::StrCat(target.sites().count(), " sites by name")
                 : absl::StrCat("sites ", absl::StrJoin(target.sites().site_codes(), ", "));
    case Target::KIND_NOT_SET:
      break;
  }
  return "every site that holds it";
}

std::string DistributeText(const JobSpec& spec) {
  std::vector<std::string> parts;
  if (spec.distribute_phase().refresh_existing()) {
    parts.emplace_back("refresh existing servers");
  }
  if (spec.distribute_phase().put_on_specified()) {
    const std::string& group = spec.distribute_phase().server_group();
    parts.push_back(absl::StrCat("put on ", group.empty() ? "Default Servers" : group));
  }
  if (parts.empty()) {
    parts.emplace_back(spec.has_run_phase() ? "Default Servers" : "off");
  }
  return absl::StrJoin(parts, "; ");
}

void Row(std::string& out, const std::string& name, const std::string& value) {
  if (!value.empty()) {
    absl::StrAppend(&out, "  ", name, std::string(18 - name.size(), ' '), OneLine(value), "\n");
  }
}

void AppendSummary(const Job& job, std::string& out) {
  const JobSpec& spec = job.spec();
  absl::StrAppend(&out, "Job ", job.job_id(), ": ", model::ToString(job.state()), "\n");
  Row(out, "reason", job.reason());
  Row(out, "type", TypeName(spec.type()));
  Row(out, "comment", spec.comment());
  Row(out, "package", spec.package_id());
  Row(out, "version", spec.version().empty() ? "newest at activation" : spec.version());
  Row(out, "target", TargetText(spec.target()));
  Row(out, "priority", model::ToString(spec.priority()));
  Row(out, "start after", When(spec.has_start_after(), spec.start_after()));
  Row(out, "deadline", When(spec.has_deadline(), spec.deadline()));
  Row(out, "activated", When(job.has_activate_time(), job.activate_time()));
  Row(out, "finished", When(job.has_finish_time(), job.finish_time()));
}

void AppendSend(const Job& job, std::string& out) {
  absl::StrAppend(&out, "\nSend: ", ProgressText(job.send()), "\n");
  Row(out, "to target sites", SendPhaseName(job.spec().send_phase()));
  Table table({"SITE", "STATE", "SENT", "NEXT ATTEMPT", "REASON"});
  for (const JobSite& site : job.sites()) {
    table.Add({site.site_code(), model::ToString(site.send_state()),
               BytesOf(site.bytes_sent(), site.bytes_total()),
               When(site.has_send_next_time(), site.send_next_time()), site.send_reason()});
  }
  absl::StrAppend(&out, table.empty() ? "" : table.ToString(2));
}

void AppendDistribute(const Job& job, std::string& out) {
  const bool removes = job.spec().type() == job::v1::JOB_TYPE_REMOVE_PACKAGE;
  absl::StrAppend(&out, removes ? "\nRemove: " : "\nDistribute: ", ProgressText(job.distribute()),
                  "\n");
  if (!removes) {
    Row(out, "on servers", DistributeText(job.spec()));
  }
  Table table({"SITE", "SERVER", "STATE", "NEXT ATTEMPT", "REASON"});
  for (const JobSite& site : job.sites()) {
    for (const JobServer& server : site.servers()) {
      table.Add({site.site_code(), server.server_name(), model::ToString(server.state()),
                 When(server.has_next_time(), server.next_time()), server.reason()});
    }
  }
  absl::StrAppend(&out, table.empty() ? "" : table.ToString(2));
}

void AppendRun(const Job& job, std::string& out) {
  if (!job.spec().has_run_phase()) {
    absl::StrAppend(&out, "\nRun: off\n");
    return;
  }
  const job::v1::RunPhase& run = job.spec().run_phase();
  absl::StrAppend(&out, "\nRun: ", ProgressText(job.run()), "\n");
  Row(out, "command", run.command());
  Row(out, "offer after", When(run.has_offer_after(), run.offer_after()));
  Row(out, "mandatory after",
      run.has_mandatory_after() ? When(true, run.mandatory_after()) : "never: the user decides");
  Row(out, "expires after", run.has_expires_after() ? When(true, run.expires_after()) : "never");
  Table table({"SITE", "WORKSTATIONS>", "DONE>", "FAILED>"});
  for (const JobSite& site : job.sites()) {
    table.Add({site.site_code(), absl::StrCat(site.run().total()), absl::StrCat(site.run().done()),
               absl::StrCat(site.run().failed())});
  }
  absl::StrAppend(&out, table.empty() ? "" : table.ToString(2));
}

std::int64_t BytesTotal(const Job& job) {
  std::int64_t total = 0;
  for (const JobSite& site : job.sites()) {
    total += site.bytes_total();
  }
  return total;
}

std::string Count(const job::v1::Progress& progress) {
  std::string text = absl::StrCat(progress.done(), "/", progress.total());
  if (progress.failed() > 0) {
    absl::StrAppend(&text, " (", progress.failed(), " failed)");
  }
  return text;
}

}  // namespace

std::string TypeName(job::v1::JobType type) {
  switch (type) {
    case job::v1::JOB_TYPE_RUN_COMMAND:
      return "Run Command On Workstation";
    case job::v1::JOB_TYPE_SHARE_PACKAGE:
      return "Share Package On Server";
    case job::v1::JOB_TYPE_REMOVE_PACKAGE:
      return "Remove Package From Server";
    default:
      return model::ToString(type);
  }
}

std::string SendPhaseName(job::v1::SendPhase phase) {
  switch (phase) {
    case job::v1::SEND_PHASE_IF_NOT_SENT:
      return "Only If Not Previously Sent";
    case job::v1::SEND_PHASE_EVEN_IF_SENT:
      return "Even If Previously Sent";
    case job::v1::SEND_PHASE_OFF:
      return "Off";
    default:
      return model::ToString(phase);
  }
}

std::string ProgressText(const job::v1::Progress& progress) {
  if (progress.total() == 0) {
    return "none";
  }
  std::string text = absl::StrCat(progress.done(), " of ", progress.total(), " done");
  if (progress.failed() > 0) {
    absl::StrAppend(&text, ", ", progress.failed(), " failed");
  }
  if (progress.retrying() > 0) {
    absl::StrAppend(&text, ", ", progress.retrying(), " retrying");
  }
  return text;
}

std::int64_t BytesSent(const Job& job) {
  std::int64_t sent = 0;
  for (const JobSite& site : job.sites()) {
    sent += site.bytes_sent();
  }
  return sent;
}

std::string JobLine(const Job& job, absl::Duration elapsed, std::int64_t bytes_before) {
  std::string line =
      absl::StrCat(job.job_id(), " ", model::ToString(job.state()), "  send ", Count(job.send()));
  const std::int64_t total = BytesTotal(job);
  if (total > 0) {
    absl::StrAppend(&line, ", ", BytesOf(BytesSent(job), total));
    const std::string rate =
        RateAndTimeLeft(BytesSent(job) - bytes_before, total - bytes_before, elapsed);
    absl::StrAppend(&line, rate.empty() ? "" : ", ", rate);
  }
  const bool removes = job.spec().type() == job::v1::JOB_TYPE_REMOVE_PACKAGE;
  absl::StrAppend(&line, removes ? "  remove " : "  distribute ", Count(job.distribute()));
  if (job.spec().has_run_phase()) {
    absl::StrAppend(&line, "  run ", Count(job.run()));
  }
  if (!job.reason().empty()) {
    absl::StrAppend(&line, "  ", OneLine(job.reason()));
  }
  return line;
}

std::string JobDetails(const Job& job) {
  std::string out;
  AppendSummary(job, out);
  AppendSend(job, out);
  AppendDistribute(job, out);
  AppendRun(job, out);
  return out;
}

}  // namespace waybill::cli
