#include "services/scheduler/job_progress_store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/jobdb/parameters.h"
#include "common/model/machine_path.h"
#include "common/model/reasons.h"
#include "common/status/status_macros.h"
#include "services/scheduler/job_rules.h"

#include "scheduler_sql.h"
#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::Target;

std::string ReadText(const pqxx::row& row) {
  return row[0].c_str();
}

ClaimedJob ReadClaimedJob(const pqxx::row& row) {
  return {.job_id = row["job_id"].c_str(),
          .fence = row["fence"].as<std::int64_t>(),
          .package_id = row["package_id"].c_str(),
          .version = row["version"].is_null() ? "" : row["version"].c_str(),
          .type = static_cast<job::v1::JobType>(row["type"].as<int>()),
          .send_phase = static_cast<job::v1::SendPhase>(row["send_phase"].as<int>()),
          .has_source = row["has_source"].as<bool>(),
          .is_late = row["is_late"].as<bool>()};
}

InstructionKey ReadInstructionKey(const pqxx::row& row) {
  return {row["job_id"].c_str(), row["revision"].as<std::int64_t>()};
}

CountedJob ReadCountedJob(const pqxx::row& row) {
  const auto count = [&row](const char* column) { return row[column].as<std::int64_t>(); };
  return {row["job_id"].c_str(),
          {.state = static_cast<job::v1::JobState>(row["state"].as<int>()),
           .reason = row["reason"].c_str(),
           .type = static_cast<job::v1::JobType>(row["type"].as<int>()),
           .is_cancelled = row["is_cancelled"].as<bool>(),
           .is_late = row["is_late"].as<bool>(),
           .sites_total = count("sites_total"),
           .sites_open = count("sites_open"),
           .sites_failed = count("sites_failed"),
           .sites_retrying = count("sites_retrying"),
           .sites_unconfirmed = count("sites_unconfirmed"),
           .servers_open = count("servers_open"),
           .servers_failed = count("servers_failed"),
           .servers_retrying = count("servers_retrying"),
           .targets_open = count("targets_open"),
           .targets_failed = count("targets_failed"),
           .cancels_open = count("cancels_open"),
           .site_failure = row["site_failure"].c_str(),
           .site_wait = row["site_wait"].c_str(),
           .server_failure = row["server_failure"].c_str(),
           .server_wait = row["server_wait"].c_str(),
           .target_failure = row["target_failure"].c_str()}};
}

absl::Status ClaimLost(const std::string& job_id) {
  return absl::FailedPreconditionError(
      absl::StrCat("job ", job_id, ": the claim was lost, or the job is no longer pending"));
}

absl::Status CheckHeld(const absl::StatusOr<std::int64_t>& changed, const std::string& job_id) {
  WAYBILL_RETURN_IF_ERROR(changed.status());
  return *changed == 1 ? absl::OkStatus() : ClaimLost(job_id);
}

// What a claimed job is for.
struct BoundJob {
  job::v1::JobType type;
  int target_kind;
  std::vector<std::string> target_names;
  std::string package_id;
};

BoundJob ReadBoundJob(const pqxx::row& row) {
  return {static_cast<job::v1::JobType>(row["type"].as<int>()), row["target_kind"].as<int>(),
          jobdb::ReadTextArray(row["target_names"]), row["package_id"].c_str()};
}

absl::StatusOr<model::MachinePath> PathOf(const BoundJob& bound) {
  return model::ParseMachinePath("target_names",
                                 bound.target_names.empty() ? "" : bound.target_names[0]);
}

absl::Status FreezeTargets(pqxx::transaction_base& work, const std::string& job_id,
                           const BoundJob& bound) {
  switch (bound.target_kind) {
    case Target::kWorkstations:
      jobdb::Execute(work, sql::kFreezeListedTargets, job_id);
      break;
    case Target::kMachineGroup:
      jobdb::Execute(work, sql::kFreezeGroupTargets, job_id);
      break;
    default: {
      WAYBILL_ASSIGN_OR_RETURN(const model::MachinePath path, PathOf(bound));
      jobdb::Execute(work, sql::kFreezePathTargets, job_id, path.site_code, path.domain,
                     path.host_name);
      break;
    }
  }
  return absl::OkStatus();
}

// Returns how many sites there are.
absl::StatusOr<std::int64_t> FreezeSites(pqxx::transaction_base& work, const std::string& job_id,
                                         const BoundJob& bound) {
  switch (bound.type) {
    case job::v1::JOB_TYPE_RUN_COMMAND:
      WAYBILL_RETURN_IF_ERROR(FreezeTargets(work, job_id, bound));
      return jobdb::Execute(work, sql::kFreezeSitesOfTargets, job_id);
    case job::v1::JOB_TYPE_REMOVE_PACKAGE:
      return jobdb::Execute(work, sql::kFreezeHoldingSites, job_id, bound.package_id,
                            bound.target_names);
    default:
      break;
  }
  if (bound.target_kind == Target::kMachinePath) {
    WAYBILL_ASSIGN_OR_RETURN(const model::MachinePath path, PathOf(bound));
    return jobdb::Execute(work, sql::kFreezeNamedSites, job_id,
                          std::vector<std::string>{path.site_code.value_or("*")});
  }
  return jobdb::Execute(work, sql::kFreezeNamedSites, job_id, bound.target_names);
}

std::string DescribeEmptyTarget(const BoundJob& bound) {
  if (bound.type == job::v1::JOB_TYPE_REMOVE_PACKAGE) {
    return model::Reason(model::kEmptyTarget,
                         "none of the sites in question holds the package; nothing to remove");
  }
  return model::Reason(model::kEmptyTarget,
                       "no registered workstation or site matched the target at activation; "
                       "register them and submit the job again");
}

struct TakenInstruction {
  bool is_from_above;
  bool is_cancelled;
  bool is_newest;
};

TakenInstruction ReadTakenInstruction(const pqxx::row& row) {
  return {row["is_from_above"].as<bool>(), row["is_cancelled"].as<bool>(),
          row["is_newest"].as<bool>()};
}

}  // namespace

absl::StatusOr<std::optional<ClaimedJob>> JobProgressStore::ClaimDue(absl::Duration lease) {
  return jobdb::FindOne(database_, sql::kClaimDueJob, ReadClaimedJob, lease);
}

absl::StatusOr<absl::Duration> JobProgressStore::UntilNextDue() {
  return jobdb::GetOne(database_, absl::InternalError("an aggregate without a row"),
                       sql::kGetNextDueJob, [](const pqxx::row& row) {
                         return row[0].is_null() ? absl::InfiniteDuration()
                                                 : absl::Microseconds(row[0].as<std::int64_t>());
                       });
}

absl::Status JobProgressStore::RenewLease(const std::string& job_id, std::int64_t fence,
                                          absl::Duration lease) {
  return CheckHeld(jobdb::Execute(database_, sql::kRenewJobLease, job_id, fence, lease), job_id);
}

absl::Status JobProgressStore::Delay(const ClaimedJob& job, absl::Duration delay,
                                     const std::string& reason) {
  return CheckHeld(jobdb::Execute(database_, sql::kDelayJob, job.job_id, job.fence, delay, reason),
                   job.job_id);
}

absl::Status JobProgressStore::Fail(const ClaimedJob& job, const std::string& reason) {
  return CheckHeld(jobdb::Execute(database_, sql::kFailJob, job.job_id, job.fence, reason),
                   job.job_id);
}

absl::StatusOr<std::optional<std::string>> JobProgressStore::FindNewestVersion(
    const std::string& package_id) {
  return jobdb::FindOne(database_, sql::kFindNewestVersion, ReadText, package_id);
}

absl::StatusOr<job::v1::JobState> JobProgressStore::Activate(const ClaimedJob& job,
                                                             const std::string& version) {
  job::v1::JobState state = job::v1::JOB_STATE_ACTIVE;
  const std::string bytes = absl::HexStringToBytes(version);
  WAYBILL_RETURN_IF_ERROR(
      database_.Run(sql::kBindClaimedJob, [&](pqxx::transaction_base& work) -> absl::Status {
        const std::optional<BoundJob> bound =
            jobdb::FindOne(work, sql::kBindClaimedJob, ReadBoundJob, job.job_id, job.fence,
                           bytes.empty() ? std::nullopt : std::optional(jobdb::Bytes{bytes}));
        if (!bound.has_value()) {
          return ClaimLost(job.job_id);
        }
        WAYBILL_ASSIGN_OR_RETURN(const std::int64_t site_count,
                                 FreezeSites(work, job.job_id, *bound));
        if (site_count == 0) {
          state = job::v1::JOB_STATE_FAILED;
          jobdb::Execute(work, sql::kPutJobStates, std::vector<std::string>{job.job_id},
                         std::vector<int>{state},
                         std::vector<std::string>{DescribeEmptyTarget(*bound)},
                         std::vector<int>{job::v1::JOB_STATE_ACTIVE});
          return absl::OkStatus();
        }
        jobdb::Execute(work, sql::kQueueSends, job.job_id, 1);
        jobdb::Execute(work, sql::kMarkSitesQueued, job.job_id);
        return absl::OkStatus();
      }));
  return state;
}

absl::StatusOr<std::vector<InstructionKey>> JobProgressStore::ListUnforwarded(int count_max) {
  return jobdb::Query(database_, sql::kListUnforwardedInstructions, ReadInstructionKey, count_max);
}

absl::Status JobProgressStore::Forward(const InstructionKey& key,
                                       const std::string& cancel_reason) {
  return database_.RunRetrying(
      sql::kTakeInstruction, [&](pqxx::transaction_base& work) -> absl::Status {
        const std::optional<TakenInstruction> taken = jobdb::FindOne(
            work, sql::kTakeInstruction, ReadTakenInstruction, key.job_id, key.revision);
        // A job of our own was queued for all neighbours when it was activated or cancelled; what a
        // cancel has overtaken is passed on to nobody.
        if (!taken.has_value() || !taken->is_from_above || !taken->is_newest) {
          return absl::OkStatus();
        }
        if (taken->is_cancelled) {
          jobdb::Execute(work, sql::kLockOpenSends, key.job_id);
          jobdb::Execute(work, sql::kQueueCancels, key.job_id);
          jobdb::Execute(work, sql::kEndOlderSends, key.job_id, cancel_reason);
          jobdb::Execute(work, sql::kCloseUnreachedSites, cancel_reason, key.job_id);
        } else {
          jobdb::Execute(work, sql::kQueueSends, key.job_id, key.revision);
          jobdb::Execute(work, sql::kMarkSitesQueued, key.job_id);
        }
        return absl::OkStatus();
      });
}

absl::Status JobProgressStore::CloseUnreached(const std::string& cancel_reason) {
  return database_.RunRetrying(sql::kFailUnsentTargets, [&](pqxx::transaction_base& work) {
    jobdb::Execute(work, sql::kFailUnsentTargets);
    jobdb::Execute(work, sql::kCloseUnreachedSites, cancel_reason, std::nullopt);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<CountedJob>> JobProgressStore::CountEdges() {
  return jobdb::Query(database_, sql::kCountJobEdges, ReadCountedJob);
}

absl::Status JobProgressStore::PutStates(const std::vector<StateChange>& changes) {
  std::vector<std::string> job_ids;
  std::vector<int> states;
  std::vector<std::string> reasons;
  std::vector<int> old_states;
  for (const StateChange& change : changes) {
    job_ids.push_back(change.job_id);
    states.push_back(change.summary.state);
    reasons.push_back(change.summary.reason);
    old_states.push_back(change.old_state);
  }
  return jobdb::Execute(database_, sql::kPutJobStates, job_ids, states, reasons, old_states)
      .status();
}

}  // namespace waybill::scheduler
