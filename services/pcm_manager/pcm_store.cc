#include "services/pcm_manager/pcm_store.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/model/states.h"
#include "common/status/status_macros.h"
#include "services/pcm_manager/run_rules.h"

#include "pcm_manager_sql.h"

namespace waybill::pcm_manager {
namespace {

constexpr auto kToText = [](const pqxx::row& row) { return row[0].as<std::string>(); };
constexpr auto kToBool = [](const pqxx::row& row) { return row[0].as<bool>(); };
constexpr auto kToTime = [](const pqxx::row& row) { return jobdb::ReadTime(row[0]); };

constexpr auto kToServer = [](const pqxx::row& row) {
  return LogonServer{.server_name = row["server_name"].as<std::string>(),
                     .directory = row["directory"].as<std::string>()};
};

constexpr auto kToMark = [](const pqxx::row& row) {
  const absl::Time now = jobdb::ReadTime(row["now_time"]);
  return PcmStore::Mark{
      .now = now, .changes_after = jobdb::ReadOptionalTime(row["unwritten_time"]).value_or(now)};
};

constexpr auto kToWritten = [](const pqxx::row& row) {
  return WrittenRow{.sms_id = row["sms_id"].as<std::string>(),
                    .domain = row["domain"].as<std::string>(),
                    .written_version = row["written_version"].as<std::int64_t>()};
};

constexpr auto kToOffer = [](const pqxx::row& row) {
  return OfferFacts{.state = static_cast<model::TargetState>(row["state"].as<int>()),
                    .reason = row["reason"].as<std::string>(),
                    .attempt_count = row["attempt_count"].as<int>(),
                    .run_id = row["run_id"].as<std::string>(),
                    .run_token = row["run_token"].as<std::string>(),
                    .is_cancelled = row["cancel_epoch"].as<std::int64_t>() > 0,
                    .offer_after = jobdb::ReadTime(row["offer_after"]),
                    .expires_after = jobdb::ReadOptionalTime(row["expires_after"])};
};

struct LockedRun {
  model::TargetState state = job::v1::TARGET_STATE_UNSPECIFIED;
  std::vector<std::int64_t> success_exit_codes;
};

constexpr auto kToRun = [](const pqxx::row& row) {
  return LockedRun{.state = static_cast<model::TargetState>(row["state"].as<int>()),
                   .success_exit_codes = jobdb::ReadIntegerArray(row["success_exit_codes"])};
};

struct Columns {
  std::vector<std::string> sms_ids;
  std::vector<std::int64_t> versions;
};

// By SMS ID: two of these statements take their locks in the same order.
Columns ToColumns(std::vector<SeenVersion> rows) {
  std::sort(rows.begin(), rows.end(),
            [](const SeenVersion& a, const SeenVersion& b) { return a.sms_id < b.sms_id; });
  Columns columns;
  for (SeenVersion& row : rows) {
    columns.sms_ids.push_back(std::move(row.sms_id));
    columns.versions.push_back(row.offer_version);
  }
  return columns;
}

}  // namespace

absl::StatusOr<std::string> PcmStore::GetSiteCode() {
  return jobdb::GetOne(database_, absl::NotFoundError("the job database does not know its site"),
                       sql::kGetSelf, kToText);
}

absl::StatusOr<std::vector<LogonServer>> PcmStore::ListLogonServers() {
  return jobdb::Query(database_, sql::kListLogonServers, kToServer);
}

absl::StatusOr<PcmStore::Mark> PcmStore::ReadMark() {
  return jobdb::GetOne(database_, absl::InternalError("an aggregate gave no row"), sql::kReadMark,
                       kToMark);
}

absl::StatusOr<std::vector<WrittenRow>> PcmStore::ListWritten(absl::Time since,
                                                              const std::string& after,
                                                              int count_max) {
  return jobdb::Query(database_, sql::kListWrittenDefinitions, kToWritten, since, after, count_max);
}

absl::StatusOr<std::int64_t> PcmStore::Overtake(const std::vector<SeenVersion>& found) {
  const Columns columns = ToColumns(found);
  return jobdb::Execute(database_, sql::kOvertakeDefinitions, columns.sms_ids, columns.versions);
}

absl::StatusOr<bool> PcmStore::HasWorkstation(const std::string& sms_id) {
  WAYBILL_ASSIGN_OR_RETURN(
      const std::optional<bool> found,
      jobdb::FindOne(database_, sql::kFindWorkstation, kToBool, sms_id, site_code_));
  return found.has_value();
}

absl::StatusOr<std::int64_t> PcmStore::Acknowledge(const std::vector<SeenVersion>& seen) {
  const Columns columns = ToColumns(seen);
  std::int64_t changed = 0;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kAcknowledgeTargets, [&](pqxx::transaction_base& work) {
        changed = jobdb::Execute(work, sql::kAcknowledgeTargets, columns.sms_ids, columns.versions,
                                 site_code_);
        return absl::OkStatus();
      }));
  return changed;
}

absl::StatusOr<RunGrant> PcmStore::StartRun(const RunKey& key, const std::string& run_id,
                                            const std::string& new_token) {
  RunGrant grant;
  absl::Status refused;  // A revocation is committed although the caller gets an error.
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kLockOffer, [&](pqxx::transaction_base& work) -> absl::Status {
        const std::optional<OfferFacts> facts =
            jobdb::FindOne(work, sql::kLockOffer, kToOffer, key.job_id, key.sms_id, site_code_);
        if (!facts.has_value()) {
          return absl::NotFoundError(
              absl::StrCat("job ", key.job_id, " is not offered to ", key.sms_id));
        }
        const std::optional<absl::Time> now = jobdb::FindOne(work, sql::kGetTime, kToTime);
        const StartDecision decision = DecideStart(*facts, run_id, now.value());
        refused = absl::OkStatus();
        switch (decision.kind) {
          case StartDecision::Kind::kGrant:
            jobdb::Execute(work, sql::kGrantRun, key.job_id, key.sms_id, run_id, new_token);
            grant = {.run_token = new_token, .attempt = facts->attempt_count + 1, .is_new = true};
            return absl::OkStatus();
          case StartDecision::Kind::kRepeat:
            grant = {.run_token = facts->run_token, .attempt = facts->attempt_count};
            return absl::OkStatus();
          case StartDecision::Kind::kRevoke:
            jobdb::Execute(work, sql::kRevokeRun, key.job_id, key.sms_id, decision.revoked_state,
                           decision.reason);
            jobdb::Execute(work, sql::kBumpDefinition, key.sms_id);
            refused = absl::FailedPreconditionError(decision.reason);
            return absl::OkStatus();
          case StartDecision::Kind::kRefuse:
            break;
        }
        return absl::FailedPreconditionError(decision.reason);
      }));
  WAYBILL_RETURN_IF_ERROR(refused);
  return grant;
}

absl::StatusOr<bool> PcmStore::PutResult(const RunKey& key, const std::string& run_token,
                                         const RunResult& result) {
  bool changed = false;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kPutResult, [&](pqxx::transaction_base& work) -> absl::Status {
        changed = false;
        const std::optional<LockedRun> run = jobdb::FindOne(work, sql::kLockRun, kToRun, key.job_id,
                                                            key.sms_id, site_code_, run_token);
        if (!run.has_value()) {
          return absl::NotFoundError(
              absl::StrCat("no run of job ", key.job_id, " by ", key.sms_id, " has this token"));
        }
        if (run->state != job::v1::TARGET_STATE_RUNNING) {
          return absl::OkStatus();
        }
        const ResultDecision decision = DecideResult(result, run->success_exit_codes);
        jobdb::Execute(work, sql::kPutResult, key.job_id, key.sms_id, decision.state,
                       decision.reason, result.exit_code, result.output, result.run_duration,
                       result.start_time, result.end == RunEnd::kExited);
        jobdb::Execute(work, sql::kBumpDefinition, key.sms_id);
        changed = true;
        return absl::OkStatus();
      }));
  return changed;
}

}  // namespace waybill::pcm_manager
