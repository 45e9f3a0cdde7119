#include "services/scheduler/job_store.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/jobdb/parameters.h"
#include "common/model/machine_path.h"
#include "common/model/order_rules.h"
#include "common/model/proto_time.h"
#include "common/model/states.h"
#include "common/status/status_macros.h"
#include "services/scheduler/job_rules.h"
#include "services/scheduler/registration_rules.h"

#include "scheduler_sql.h"
#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::Job;
using job::v1::JobSpec;
using job::v1::Target;

constexpr std::int16_t kWorkstationGroup = 1;  // GroupKind's numbers.
constexpr std::int16_t kServerGroup = 2;

std::string ReadText(const pqxx::row& row) {
  return row[0].c_str();
}

// ------------------------------------------------------------------------------- rows to messages

template <typename Message>
void ReadTimeInto(const pqxx::field& field, Message& message,
                  google::protobuf::Timestamp* (Message::*mutable_time)()) {
  if (!field.is_null()) {
    *(message.*mutable_time)() = model::ToProto(jobdb::ReadTime(field));
  }
}

void ReadTarget(const pqxx::row& row, Target& target) {
  const std::vector<std::string> names = jobdb::ReadTextArray(row["target_names"]);
  switch (row["target_kind"].as<int>()) {
    case Target::kWorkstations:
      target.mutable_workstations()->mutable_sms_ids()->Add(names.begin(), names.end());
      target.mutable_workstations()->set_count(row["target_count"].as<std::int64_t>());
      break;
    case Target::kMachineGroup:
      target.set_machine_group(names.empty() ? std::string() : names[0]);
      break;
    case Target::kMachinePath:
      target.set_machine_path(names.empty() ? std::string() : names[0]);
      break;
    case Target::kSites:
      target.mutable_sites()->mutable_site_codes()->Add(names.begin(), names.end());
      target.mutable_sites()->set_count(row["target_count"].as<std::int64_t>());
      break;
    default:
      break;
  }
}

void ReadRunPhase(const pqxx::row& row, JobSpec& spec) {
  const std::string command = row["command_name"].c_str();
  if (command.empty()) {
    return;
  }
  job::v1::RunPhase& run = *spec.mutable_run_phase();
  run.set_command(command);
  ReadTimeInto(row["offer_after"], run, &job::v1::RunPhase::mutable_offer_after);
  ReadTimeInto(row["mandatory_after"], run, &job::v1::RunPhase::mutable_mandatory_after);
  ReadTimeInto(row["expires_after"], run, &job::v1::RunPhase::mutable_expires_after);
  run.set_never_expires(row["expires_after"].is_null());
}

void ReadSpec(const pqxx::row& row, JobSpec& spec) {
  spec.set_type(static_cast<job::v1::JobType>(row["type"].as<int>()));
  spec.set_comment(row["comment"].c_str());
  spec.set_package_id(row["package_id"].c_str());
  spec.set_version(row["version"].is_null() ? "" : row["version"].c_str());
  ReadTarget(row, *spec.mutable_target());
  spec.set_priority(static_cast<job::v1::Priority>(row["priority"].as<int>()));
  ReadTimeInto(row["start_after"], spec, &JobSpec::mutable_start_after);
  ReadTimeInto(row["deadline"], spec, &JobSpec::mutable_deadline);
  spec.set_send_phase(static_cast<job::v1::SendPhase>(row["send_phase"].as<int>()));
  job::v1::DistributePhase& distribute = *spec.mutable_distribute_phase();
  distribute.set_refresh_existing(row["refresh_existing"].as<bool>());
  distribute.set_put_on_specified(row["put_on_specified"].as<bool>());
  distribute.set_server_group(row["server_group"].c_str());
  ReadRunPhase(row, spec);
}

job::v1::Progress ReadProgress(const pqxx::row& row, const std::string& phase, bool has_retrying) {
  job::v1::Progress progress;
  progress.set_total(row[phase + "_total"].as<std::int64_t>());
  progress.set_done(row[phase + "_done"].as<std::int64_t>());
  progress.set_failed(row[phase + "_failed"].as<std::int64_t>());
  progress.set_retrying(has_retrying ? row[phase + "_retrying"].as<std::int64_t>() : 0);
  return progress;
}

Job ReadJob(const pqxx::row& row) {
  Job job;
  job.set_job_id(row["job_id"].c_str());
  ReadSpec(row, *job.mutable_spec());
  job.set_state(static_cast<job::v1::JobState>(row["state"].as<int>()));
  job.set_reason(row["reason"].c_str());
  ReadTimeInto(row["create_time"], job, &Job::mutable_create_time);
  ReadTimeInto(row["activate_time"], job, &Job::mutable_activate_time);
  ReadTimeInto(row["finish_time"], job, &Job::mutable_finish_time);
  job.set_revision(row["revision"].as<std::int64_t>());
  *job.mutable_send() = ReadProgress(row, "send", true);
  *job.mutable_distribute() = ReadProgress(row, "distribute", true);
  *job.mutable_run() = ReadProgress(row, "run", false);
  return job;
}

job::v1::JobSite ReadJobSite(const pqxx::row& row) {
  job::v1::JobSite site;
  site.set_site_code(row["site_code"].c_str());
  site.set_send_state(static_cast<job::v1::SendState>(row["send_state"].as<int>()));
  site.set_send_reason(row["send_reason"].c_str());
  ReadTimeInto(row["send_next_time"], site, &job::v1::JobSite::mutable_send_next_time);
  site.set_bytes_total(row["bytes_total"].as<std::int64_t>());
  site.set_bytes_sent(row["bytes_sent"].as<std::int64_t>());
  *site.mutable_distribute() = ReadProgress(row, "distribute", true);
  *site.mutable_run() = ReadProgress(row, "run", false);
  return site;
}

using SiteServer = std::pair<std::string, job::v1::JobServer>;

SiteServer ReadJobServer(const pqxx::row& row) {
  job::v1::JobServer server;
  server.set_server_name(row["server_name"].c_str());
  server.set_state(static_cast<job::v1::ServerState>(row["state"].as<int>()));
  server.set_reason(row["reason"].c_str());
  ReadTimeInto(row["next_time"], server, &job::v1::JobServer::mutable_next_time);
  return {row["site_code"].c_str(), std::move(server)};
}

struct PagedTarget {
  job::v1::JobTarget target;
  bool has_next;
};

PagedTarget ReadJobTarget(const pqxx::row& row) {
  job::v1::JobTarget target;
  target.set_sms_id(row["sms_id"].c_str());
  target.set_site_code(row["site_code"].c_str());
  target.set_host_name(row["host_name"].c_str());
  target.set_domain(row["domain"].c_str());
  target.set_state(static_cast<job::v1::TargetState>(row["state"].as<int>()));
  target.set_reason(row["reason"].c_str());
  target.set_attempt_count(row["attempt_count"].as<int>());
  target.set_exit_code(row["exit_code"].as<int>());
  target.set_output(row["output"].c_str());
  ReadTimeInto(row["start_time"], target, &job::v1::JobTarget::mutable_start_time);
  if (!row["run_microseconds"].is_null()) {
    *target.mutable_run_duration() =
        model::ToProto(absl::Microseconds(row["run_microseconds"].as<std::int64_t>()));
  }
  ReadTimeInto(row["change_time"], target, &job::v1::JobTarget::mutable_change_time);
  return {std::move(target), row["has_next"].as<bool>()};
}

// ------------------------------------------------------------------------------- checks of an
// order

std::vector<std::string> TargetNames(const Target& target) {
  switch (target.kind_case()) {
    case Target::kWorkstations:
      return {target.workstations().sms_ids().begin(), target.workstations().sms_ids().end()};
    case Target::kMachineGroup:
      return {target.machine_group()};
    case Target::kMachinePath:
      return {target.machine_path()};
    case Target::kSites:
      return {target.sites().site_codes().begin(), target.sites().site_codes().end()};
    case Target::KIND_NOT_SET:
      break;
  }
  return {};
}

// OK if `names` is empty.
absl::Status Unknown(absl::string_view field, absl::string_view noun,
                     const std::vector<std::string>& names, absl::string_view what_to_do) {
  return names.empty() ? absl::OkStatus()
                       : absl::NotFoundError(absl::StrCat(
                             field, ": ", NoSuch(noun, names).message(), "; ", what_to_do));
}

absl::Status CheckSitesKnown(pqxx::transaction_base& work, absl::string_view field,
                             const std::vector<std::string>& site_codes) {
  return Unknown(field, "site", jobdb::Query(work, sql::kFindUnknownSites, ReadText, site_codes),
                 "look at `waybill site tree`, or register it with `waybill site put` at its "
                 "parent");
}

absl::Status CheckGroup(pqxx::transaction_base& work, absl::string_view field,
                        const std::string& group_name, std::int16_t kind) {
  const auto found = jobdb::FindOne(
      work, sql::kFindGroupKind, [](const pqxx::row& row) { return row[0].as<std::int16_t>(); },
      group_name);
  if (!found.has_value()) {
    return absl::NotFoundError(absl::StrCat(field, ": no group \"", absl::CHexEscape(group_name),
                                            "\" is defined here; define it with PutGroup"));
  }
  if (*found != kind) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": \"", absl::CHexEscape(group_name), "\" is a group of ",
                     kind == kServerGroup ? "workstations" : "servers", "; name one of ",
                     kind == kServerGroup ? "servers" : "workstations"));
  }
  return absl::OkStatus();
}

absl::Status CheckTargetKnown(pqxx::transaction_base& work, const Target& target) {
  switch (target.kind_case()) {
    case Target::kWorkstations:
      return Unknown(
          "spec.target.workstations", "workstation",
          jobdb::Query(work, sql::kFindUnknownWorkstations, ReadText, TargetNames(target)),
          "look at `waybill workstation list`, or register it at its site");
    case Target::kMachineGroup:
      return CheckGroup(work, "spec.target.machine_group", target.machine_group(),
                        kWorkstationGroup);
    case Target::kMachinePath: {
      WAYBILL_ASSIGN_OR_RETURN(
          const model::MachinePath path,
          model::ParseMachinePath("spec.target.machine_path", target.machine_path()));
      return path.site_code.has_value()
                 ? CheckSitesKnown(work, "spec.target.machine_path", {*path.site_code})
                 : absl::OkStatus();
    }
    case Target::kSites: {
      std::vector<std::string> names = TargetNames(target);
      const bool all = absl::c_linear_search(names, "*");
      return all ? absl::OkStatus() : CheckSitesKnown(work, "spec.target.sites", names);
    }
    case Target::KIND_NOT_SET:
      break;
  }
  return absl::OkStatus();
}

absl::Status CheckCommandKnown(pqxx::transaction_base& work, const JobSpec& spec) {
  const std::vector<std::string> commands =
      jobdb::Query(work, sql::kListCommandNames, ReadText, spec.package_id());
  if (absl::c_linear_search(commands, spec.run_phase().command())) {
    return absl::OkStatus();
  }
  return absl::NotFoundError(
      absl::StrCat("spec.run_phase.command: package ", spec.package_id(), " has no command \"",
                   absl::CHexEscape(spec.run_phase().command()), "\"; it has ",
                   commands.empty() ? "none" : absl::CHexEscape(absl::StrJoin(commands, ", "))));
}

// Fills a version that was given by its first digits up to all of them.
absl::Status SettleVersion(pqxx::transaction_base& work, JobSpec& spec) {
  const bool is_remove = spec.type() == job::v1::JOB_TYPE_REMOVE_PACKAGE;
  const std::vector<std::string> found = jobdb::Query(work, sql::kListVersionsByPrefix, ReadText,
                                                      spec.package_id(), spec.version(), is_remove);
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat("spec.version: this site holds no version ",
                                            spec.version(), " of package ", spec.package_id(),
                                            "; look at `waybill package versions`"));
  }
  if (found.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat("spec.version: ", spec.version(),
                                                   " fits several versions; give all ",
                                                   model::kVersionDigits, " digits"));
  }
  spec.set_version(found[0]);
  return absl::OkStatus();
}

absl::Status SettlePackage(pqxx::transaction_base& work, JobSpec& spec) {
  const std::optional<bool> has_content = jobdb::FindOne(
      work, sql::kFindJobPackage,
      [](const pqxx::row& row) { return row[0].as<bool>() || row[1].as<bool>(); },
      spec.package_id());
  if (!has_content.has_value()) {
    return absl::NotFoundError(absl::StrCat("spec.package_id: no package ", spec.package_id(),
                                            " here; look at `waybill package list`, or make it "
                                            "with `waybill package create`"));
  }
  if (!spec.version().empty()) {
    return SettleVersion(work, spec);
  }
  if (!*has_content && spec.type() != job::v1::JOB_TYPE_REMOVE_PACKAGE) {
    return absl::FailedPreconditionError(absl::StrCat(
        "spec.package_id: package ", spec.package_id(),
        " has neither a version here nor a source to import one from; submit the job where the "
        "package was created"));
  }
  return absl::OkStatus();
}

// Whether everything that `spec` names is known here; settles the version.
absl::Status SettleNames(pqxx::transaction_base& work, JobSpec& spec) {
  WAYBILL_RETURN_IF_ERROR(SettlePackage(work, spec));
  if (spec.has_run_phase()) {
    WAYBILL_RETURN_IF_ERROR(CheckCommandKnown(work, spec));
  }
  const std::string& server_group = spec.distribute_phase().server_group();
  if (!server_group.empty()) {
    WAYBILL_RETURN_IF_ERROR(
        CheckGroup(work, "spec.distribute_phase.server_group", server_group, kServerGroup));
  }
  return CheckTargetKnown(work, spec.target());
}

absl::Status SettleOrder(pqxx::transaction_base& work, JobSpec& spec) {
  const std::optional<absl::Time> now = jobdb::FindOne(
      work, sql::kGetDatabaseTime, [](const pqxx::row& row) { return jobdb::ReadTime(row[0]); });
  WAYBILL_RETURN_IF_ERROR(CheckSpec(spec));
  WAYBILL_RETURN_IF_ERROR(FillDefaults(*now, spec));
  return SettleNames(work, spec);
}

// ------------------------------------------------------------------------------- steps

std::optional<absl::Time> TimeOf(bool is_present, const google::protobuf::Timestamp& time) {
  return is_present ? std::optional<absl::Time>(*model::FromProto("", time)) : std::nullopt;
}

std::string InsertJob(pqxx::transaction_base& work, const std::string& request_id,
                      const JobSpec& spec) {
  const std::string version = absl::HexStringToBytes(spec.version());
  const job::v1::RunPhase& run = spec.run_phase();
  const job::v1::DistributePhase& distribute = spec.distribute_phase();
  return *jobdb::FindOne(
      work, sql::kInsertJob, ReadText, request_id, spec.type(), spec.comment(), spec.package_id(),
      version.empty() ? std::nullopt : std::optional(jobdb::Bytes{version}), spec.priority(),
      static_cast<int>(spec.target().kind_case()), TargetNames(spec.target()),
      TimeOf(true, spec.start_after()), TimeOf(true, spec.deadline()), spec.send_phase(),
      distribute.refresh_existing(), distribute.put_on_specified(), distribute.server_group(),
      run.command(), TimeOf(run.has_offer_after(), run.offer_after()),
      TimeOf(run.has_mandatory_after(), run.mandatory_after()),
      TimeOf(run.has_expires_after(), run.expires_after()));
}

absl::Status NoSuchJob(const std::string& job_id) {
  return absl::NotFoundError(
      absl::StrCat("no job ", absl::CHexEscape(job_id), " here; look at `waybill job list`"));
}

absl::StatusOr<Job> ReadWholeJob(pqxx::transaction_base& work, const std::string& job_id) {
  std::optional<Job> job = jobdb::FindOne(work, sql::kGetJob, ReadJob, job_id);
  if (!job.has_value()) {
    return NoSuchJob(job_id);
  }
  std::map<std::string, job::v1::JobSite*> sites;
  for (job::v1::JobSite& site : jobdb::Query(work, sql::kListJobSites, ReadJobSite, job_id)) {
    const std::string site_code = site.site_code();
    *job->add_sites() = std::move(site);
    sites[site_code] = job->mutable_sites(job->sites_size() - 1);
  }
  for (SiteServer& server : jobdb::Query(work, sql::kListJobServers, ReadJobServer, job_id)) {
    if (const auto site = sites.find(server.first); site != sites.end()) {
      *site->second->add_servers() = std::move(server.second);
    }
  }
  return *std::move(job);
}

struct CancelFacts {
  job::v1::JobState state;
  std::string origin_site_code;
  bool is_own;
};

CancelFacts ReadCancelFacts(const pqxx::row& row) {
  return {static_cast<job::v1::JobState>(row["state"].as<int>()), row["origin_site_code"].c_str(),
          row["is_own"].as<bool>()};
}

absl::Status CheckCancel(const std::string& job_id, const CancelFacts& facts) {
  if (!facts.is_own) {
    return absl::FailedPreconditionError(absl::StrCat("job ", job_id, " was submitted at site ",
                                                      facts.origin_site_code, "; cancel it there"));
  }
  if (facts.state == job::v1::JOB_STATE_COMPLETE || facts.state == job::v1::JOB_STATE_FAILED) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", job_id, " has already ended as ", model::ToString(facts.state)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Job> JobStore::Submit(const std::string& request_id, JobSpec spec) {
  absl::StatusOr<Job> job;
  const absl::Status status =
      database_.Run(sql::kInsertJob, [&](pqxx::transaction_base& work) -> absl::Status {
        std::optional<std::string> job_id =
            jobdb::FindOne(work, sql::kFindJobByRequest, ReadText, request_id);
        if (!job_id.has_value()) {
          WAYBILL_RETURN_IF_ERROR(SettleOrder(work, spec));
          job_id = InsertJob(work, request_id, spec);
        }
        job = ReadWholeJob(work, *job_id);
        return job.status();
      });
  WAYBILL_RETURN_IF_ERROR(status);
  return job;
}

absl::StatusOr<Job> JobStore::Get(const std::string& job_id) {
  absl::StatusOr<Job> job;
  WAYBILL_RETURN_IF_ERROR(database_.Run(sql::kGetJob, [&](pqxx::transaction_base& work) {
    job = ReadWholeJob(work, job_id);
    return job.status();
  }));
  return job;
}

absl::StatusOr<std::vector<Job>> JobStore::List(const std::vector<job::v1::JobState>& states,
                                                const JobCursor& after, int count_max) {
  return jobdb::Query(database_, sql::kListJobs, ReadJob, states, after.create_time, after.job_id,
                      count_max);
}

absl::StatusOr<Page<job::v1::JobTarget>> JobStore::ListTargets(
    const std::string& job_id, const std::vector<job::v1::TargetState>& states,
    const std::string& after_sms_id, int count_max) {
  Page<job::v1::JobTarget> page;
  WAYBILL_RETURN_IF_ERROR(
      database_.Run(sql::kListJobTargets, [&](pqxx::transaction_base& work) -> absl::Status {
        for (PagedTarget& row : jobdb::Query(work, sql::kListJobTargets, ReadJobTarget, job_id,
                                             after_sms_id, states, count_max, kPageBytesMax)) {
          page.has_next = row.has_next;
          page.elements.push_back(std::move(row.target));
        }
        if (page.elements.empty() && !jobdb::FindOne(work, sql::kGetJob, ReadText, job_id)) {
          return NoSuchJob(job_id);
        }
        return absl::OkStatus();
      }));
  return page;
}

absl::Status JobStore::Cancel(const std::string& job_id, const std::string& reason) {
  return database_.RunRetrying(sql::kCancelJob, [&](pqxx::transaction_base& work) -> absl::Status {
    const std::optional<CancelFacts> facts =
        jobdb::FindOne(work, sql::kLockJobForCancel, ReadCancelFacts, job_id);
    if (!facts.has_value()) {
      return NoSuchJob(job_id);
    }
    WAYBILL_RETURN_IF_ERROR(CheckCancel(job_id, *facts));
    if (facts->state == job::v1::JOB_STATE_CANCELLING ||
        facts->state == job::v1::JOB_STATE_CANCELLED) {
      return absl::OkStatus();
    }
    jobdb::Execute(work, sql::kCancelJob, job_id, reason);
    jobdb::Execute(work, sql::kLockOpenSends, job_id);
    jobdb::Execute(work, sql::kQueueCancels, job_id);
    jobdb::Execute(work, sql::kEndOlderSends, job_id, reason);
    jobdb::Execute(work, sql::kCloseUnreachedSites, reason, job_id);
    return absl::OkStatus();
  });
}

}  // namespace waybill::scheduler
