#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/random/random_id.h"
#include "common/status/status_macros.h"
#include "services/cli/commands.h"
#include "services/cli/format.h"
#include "services/cli/session.h"

#include "waybill/job/v1/job_service.grpc.pb.h"

namespace waybill::cli {
namespace {

using job::v1::JobSpec;

// The command line as it was given; empty means not given.
struct Submit {
  std::string type;
  std::string package;
  std::string version;
  std::string comment;
  std::string command;
  std::vector<std::string> workstations;
  std::string group;
  std::string path;
  std::vector<std::string> sites;
  std::string priority = "medium";
  std::string start_after;
  std::string deadline;
  std::string send = "if-not-sent";
  bool refresh_existing = false;
  bool put = false;
  std::string servers;
  std::string offer_after;
  std::string mandatory_after;
  bool optional = false;
  std::string expires_after;
  bool never_expires = false;
  std::string request_id;
  bool watch = false;
};

// Sets the timestamp that `field` gives if `text` was given.
template <typename Field>
absl::Status SetWhen(const std::string& flag, const std::string& text, Field&& field) {
  if (text.empty()) {
    return absl::OkStatus();
  }
  WAYBILL_ASSIGN_OR_RETURN(*field(), ParseWhen(flag, text, absl::Now()));
  return absl::OkStatus();
}

void SetTarget(const Submit& submit, JobSpec& spec) {
  if (!submit.workstations.empty()) {
    for (const std::string& sms_id : submit.workstations) {
      spec.mutable_target()->mutable_workstations()->add_sms_ids(sms_id);
    }
  } else if (!submit.group.empty()) {
    spec.mutable_target()->set_machine_group(submit.group);
  } else if (!submit.path.empty()) {
    spec.mutable_target()->set_machine_path(submit.path);
  } else {
    for (const std::string& site_code : submit.sites) {
      spec.mutable_target()->mutable_sites()->add_site_codes(site_code);
    }
  }
}

absl::Status SetRunPhase(const Submit& submit, JobSpec& spec) {
  job::v1::RunPhase& run = *spec.mutable_run_phase();
  run.set_command(submit.command);
  run.set_never_expires(submit.never_expires);
  WAYBILL_RETURN_IF_ERROR(
      SetWhen("--offer-after", submit.offer_after, [&] { return run.mutable_offer_after(); }));
  WAYBILL_RETURN_IF_ERROR(SetWhen("--expires-after", submit.expires_after,
                                  [&] { return run.mutable_expires_after(); }));
  // Mandatory as soon as it is offered unless something else was said: that is what most jobs are
  // for.
  std::string mandatory = submit.mandatory_after;
  if (mandatory.empty() && !submit.optional) {
    mandatory = submit.offer_after.empty() ? "+0s" : submit.offer_after;
  }
  return SetWhen("--mandatory-after", mandatory, [&] { return run.mutable_mandatory_after(); });
}

absl::StatusOr<JobSpec> SpecOf(const Submit& submit) {
  JobSpec spec;
  spec.set_type(submit.type == "run"     ? job::v1::JOB_TYPE_RUN_COMMAND
                : submit.type == "share" ? job::v1::JOB_TYPE_SHARE_PACKAGE
                                         : job::v1::JOB_TYPE_REMOVE_PACKAGE);
  spec.set_version(submit.version);
  spec.set_comment(submit.comment);
  spec.set_priority(submit.priority == "high"  ? job::v1::PRIORITY_HIGH
                    : submit.priority == "low" ? job::v1::PRIORITY_LOW
                                               : job::v1::PRIORITY_MEDIUM);
  spec.set_send_phase(submit.send == "off"            ? job::v1::SEND_PHASE_OFF
                      : submit.send == "even-if-sent" ? job::v1::SEND_PHASE_EVEN_IF_SENT
                                                      : job::v1::SEND_PHASE_IF_NOT_SENT);
  SetTarget(submit, spec);
  spec.mutable_distribute_phase()->set_refresh_existing(submit.refresh_existing);
  spec.mutable_distribute_phase()->set_put_on_specified(submit.put || !submit.servers.empty());
  spec.mutable_distribute_phase()->set_server_group(submit.servers);
  WAYBILL_RETURN_IF_ERROR(
      SetWhen("--start-after", submit.start_after, [&] { return spec.mutable_start_after(); }));
  WAYBILL_RETURN_IF_ERROR(
      SetWhen("--deadline", submit.deadline, [&] { return spec.mutable_deadline(); }));
  if (submit.type == "run") {
    WAYBILL_RETURN_IF_ERROR(SetRunPhase(submit, spec));
  }
  return spec;
}

absl::StatusOr<ExitCode> Run(Session& session, const Submit& submit) {
  job::v1::SubmitJobRequest request;
  request.set_request_id(submit.request_id.empty() ? RandomId() : submit.request_id);
  WAYBILL_ASSIGN_OR_RETURN(*request.mutable_spec(), SpecOf(submit));
  WAYBILL_ASSIGN_OR_RETURN(*request.mutable_spec()->mutable_package_id(),
                           FindPackageId(session, submit.package));
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  const auto stub = job::v1::JobService::NewStub(channel);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<job::v1::SubmitJobResponse>([&](auto* context, auto* answer) {
                             return stub->SubmitJob(context, request, answer);
                           }));
  const std::string& job_id = response.job().job_id();
  if (submit.watch) {
    return WatchJob(session, job_id);
  }
  if (session.json()) {
    Session::PrintJson(response.job());
  } else {
    std::cout << job_id << "\n";
    std::cerr << "submitted; `waybill job watch " << job_id << "` follows it\n";
  }
  return kOk;
}

void AddTargetOptions(CLI::App& verb, Submit& submit) {
  const std::string target = "Target (at most one of)";
  CLI::Option* workstations =
      verb.add_option("--workstations", submit.workstations, "SMS IDs, comma-separated (run)")
          ->delimiter(',')
          ->group(target);
  CLI::Option* group =
      verb.add_option("--group", submit.group, "a group of workstations (run)")->group(target);
  CLI::Option* path =
      verb.add_option("--path", submit.path, "site|domain|host, * for any (run, share)")
          ->group(target);
  CLI::Option* sites = verb.add_option("--sites", submit.sites,
                                       "site codes, comma-separated, * for all (share, remove)")
                           ->delimiter(',')
                           ->group(target);
  workstations->excludes(group)->excludes(path)->excludes(sites);
  group->excludes(path)->excludes(sites);
  path->excludes(sites);
}

void AddPhaseOptions(CLI::App& verb, Submit& submit) {
  const std::string send = "Send Package to Target Sites";
  verb.add_option("--send", submit.send, "if-not-sent, even-if-sent or off")
      ->check(CLI::IsMember({"if-not-sent", "even-if-sent", "off"}))
      ->capture_default_str()
      ->group(send);
  const std::string distribute = "Distribute";
  verb.add_flag("--refresh-existing", submit.refresh_existing, "servers that have the package")
      ->group(distribute);
  verb.add_flag("--put", submit.put, "the Default Servers of each site")->group(distribute);
  verb.add_option("--servers", submit.servers, "the members of this group at each site instead")
      ->group(distribute);
  const std::string run = "Run";
  verb.add_option("--command", submit.command, "command of the package")->group(run);
  verb.add_option("--offer-after", submit.offer_after,
                  "a time, or +90m; default: when the job starts")
      ->group(run);
  CLI::Option* mandatory =
      verb.add_option("--mandatory-after", submit.mandatory_after, "default: when it is offered")
          ->group(run);
  verb.add_flag("--optional", submit.optional, "never mandatory: the user decides")
      ->excludes(mandatory)
      ->group(run);
  CLI::Option* expires =
      verb.add_option("--expires-after", submit.expires_after, "default: 30 days after the offer")
          ->group(run);
  verb.add_flag("--never-expires", submit.never_expires, "the offer stays")
      ->excludes(expires)
      ->group(run);
}

}  // namespace

void AddJobSubmitCommand(CLI::App& job, Session& session) {
  CLI::App* verb =
      AddVerb(job, "submit", "order a distribution",
              "waybill job submit run --package java --command version --path '*|SALES|*' --watch\n"
              "  waybill job submit share --package java --sites NYC,BOS --put\n"
              "  waybill job submit remove --package java");
  const auto submit = std::make_shared<Submit>();
  verb->add_option("TYPE", submit->type, "run, share or remove")
      ->required()
      ->check(CLI::IsMember({"run", "share", "remove"}));
  verb->add_option("--package", submit->package, "name or id")->required();
  verb->add_option("--version", submit->version,
                   "its first 16 digits or more; default: the newest");
  verb->add_option("--comment", submit->comment, "for administrators");
  verb->add_option("--priority", submit->priority, "high, medium or low")
      ->check(CLI::IsMember({"high", "medium", "low"}))
      ->capture_default_str();
  verb->add_option("--start-after", submit->start_after, "a time, or +90m; default: at once");
  verb->add_option("--deadline", submit->deadline, "until when it is tried; default: 7 days");
  verb->add_option("--request-id", submit->request_id, "repeat with the same to submit only once");
  verb->add_flag("--watch", submit->watch, "follow it until it ends");
  AddTargetOptions(*verb, *submit);
  AddPhaseOptions(*verb, *submit);
  verb->callback([&session, submit] {
    session.SetWork([&session, submit] { return Run(session, *submit); });
  });
}

}  // namespace waybill::cli
