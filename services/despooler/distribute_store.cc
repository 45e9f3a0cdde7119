#include "services/despooler/distribute_store.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/advisory_locks.h"
#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/jobdb/parameters.h"
#include "common/jobdb/statement.h"
#include "common/model/reasons.h"
#include "common/model/states.h"
#include "common/status/status_macros.h"
#include "services/despooler/placement.h"

#include "despooler_sql.h"

namespace waybill::despooler {
namespace {

constexpr auto kIgnoreRow = [](const pqxx::row& /*row*/) { return true; };

ServerClaim ToClaim(const pqxx::row& row) {
  return {.job_id = row["job_id"].as<std::string>(),
          .server_name = row["server_name"].as<std::string>(),
          .fence = row["fence"].as<std::int64_t>(),
          .attempt_count = row["attempt_count"].as<int>()};
}

absl::Status AddRow(const pqxx::row& row, std::optional<CopyBatch>& batch) {
  if (!batch.has_value()) {
    batch.emplace();
    batch->package_id = row["package_id"].as<std::string>();
    WAYBILL_ASSIGN_OR_RETURN(batch->version,
                             content::Digest::FromBytes(jobdb::ReadBytes(row["version"])));
    batch->version_at_site = row["version_at_site"].as<bool>();
    batch->plain_bytes = row["plain_bytes"].as<std::int64_t>();
    batch->entry_count = row["entry_count"].as<std::int64_t>();
  }
  batch->claims.push_back(ToClaim(row));
  return absl::OkStatus();
}

// What arrays of keys a statement over several rows takes.
struct ClaimArrays {
  explicit ClaimArrays(const std::vector<ServerClaim>& claims) {
    for (const ServerClaim& claim : claims) {
      job_ids.push_back(claim.job_id);
      server_names.push_back(claim.server_name);
      fences.push_back(claim.fence);
    }
  }
  std::vector<std::string> job_ids;
  std::vector<std::string> server_names;
  std::vector<std::int64_t> fences;
};

using RowKey = std::pair<std::string, std::string>;

constexpr auto kRowKey = [](const pqxx::row& row) {
  return RowKey(row["job_id"].as<std::string>(), row["server_name"].as<std::string>());
};

std::vector<bool> WhichOf(const std::vector<ServerClaim>& claims, const std::vector<RowKey>& rows) {
  const absl::flat_hash_set<RowKey> found(rows.begin(), rows.end());
  std::vector<bool> held;
  held.reserve(claims.size());
  for (const ServerClaim& claim : claims) {
    held.push_back(found.contains(RowKey(claim.job_id, claim.server_name)));
  }
  return held;
}

const std::vector<int>& OpenTargetStates() {
  static const std::vector<int>& states =
      *new std::vector<int>{static_cast<int>(model::TargetState::TARGET_STATE_WAITING),
                            static_cast<int>(model::TargetState::TARGET_STATE_OFFERED),
                            static_cast<int>(model::TargetState::TARGET_STATE_ACKNOWLEDGED),
                            static_cast<int>(model::TargetState::TARGET_STATE_RUNNING)};
  return states;
}

const std::vector<int>& OpenAndFailedTargetStates() {
  static const std::vector<int>& states = *new std::vector<int>([] {
    std::vector<int> all = OpenTargetStates();
    all.push_back(static_cast<int>(model::TargetState::TARGET_STATE_FAILED));
    return all;
  }());
  return states;
}

// A step of a transaction that has locked the job's row of this site.
absl::Status FailLocked(pqxx::transaction_base& work, const ServerClaim& claim,
                        const std::string& site_code, const std::string& reason) {
  if (jobdb::Execute(work, sql::kFailServer, claim.job_id, site_code, claim.server_name,
                     claim.fence, reason) == 0) {
    return StaleFence(claim);
  }
  const std::string none_left =
      model::Reason(model::kNoServerHasIt, absl::StrCat("no distribution server of site ",
                                                        site_code, " got the package; the last, ",
                                                        claim.server_name, ", said: ", reason));
  jobdb::Execute(work, sql::kFailTargetsWithoutServer, claim.job_id, site_code, none_left);
  // Also those that stay open: another job's copy may serve them.
  jobdb::Execute(work, sql::kBumpDefinitions, claim.job_id, site_code, OpenAndFailedTargetStates());
  return absl::OkStatus();
}

}  // namespace

absl::Status StaleFence(const ServerClaim& claim) {
  return absl::FailedPreconditionError(absl::StrCat("STALE_FENCE: job ", claim.job_id,
                                                    " at server ", claim.server_name,
                                                    " is no longer ours to work on"));
}

absl::StatusOr<std::optional<CopyBatch>> DistributeStore::ClaimCopies(absl::Duration lease,
                                                                      int claims_max) {
  std::optional<CopyBatch> batch;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kClaimCopies, [&](pqxx::transaction_base& work) {
        batch.reset();
        jobdb::Query(work, sql::kLockServerClaims, kIgnoreRow, jobdb::kServerClaimLock);
        absl::Status status;
        jobdb::Query(
            work, sql::kClaimCopies,
            [&](const pqxx::row& row) {
              status.Update(AddRow(row, batch));
              return true;
            },
            site_code_, lease, claims_max);
        return status;
      }));
  if (batch.has_value()) {
    std::sort(batch->claims.begin(), batch->claims.end(),
              [](const ServerClaim& a, const ServerClaim& b) {
                return std::tie(a.server_name, a.job_id) < std::tie(b.server_name, b.job_id);
              });
  }
  return batch;
}

absl::StatusOr<absl::Duration> DistributeStore::UntilNextDue() {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return jobdb::ReadOptional<std::int64_t>(row[0]);
  };
  WAYBILL_ASSIGN_OR_RETURN(const auto microseconds,
                           jobdb::GetOne(database_, absl::InternalError("an aggregate gave no row"),
                                         sql::kNextServerDue, kFromRow, site_code_));
  return microseconds.has_value() ? absl::Microseconds(*microseconds) : absl::InfiniteDuration();
}

absl::StatusOr<std::vector<bool>> DistributeStore::Keep(const std::vector<ServerClaim>& claims,
                                                        absl::Duration lease) {
  const ClaimArrays keys(claims);
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<RowKey> rows,
                           jobdb::Query(database_, sql::kKeepServers, kRowKey, site_code_,
                                        keys.job_ids, keys.server_names, keys.fences, lease));
  return WhichOf(claims, rows);
}

absl::StatusOr<std::vector<bool>> DistributeStore::Check(const std::vector<ServerClaim>& claims) {
  const ClaimArrays keys(claims);
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<RowKey> rows,
                           jobdb::Query(database_, sql::kCheckServers, kRowKey, site_code_,
                                        keys.job_ids, keys.server_names, keys.fences));
  return WhichOf(claims, rows);
}

absl::StatusOr<std::vector<ShareDirectory>> DistributeStore::ListShares(
    const std::string& server_name) {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return ShareDirectory{.drive = row["drive"].as<std::string>(),
                          .directory = row["directory"].as<std::string>()};
  };
  return jobdb::Query(database_, sql::kListShares, kFromRow, site_code_, server_name);
}

absl::StatusOr<std::optional<CopyPlace>> DistributeStore::FindLocation(
    const std::string& server_name, const std::string& package_id, const content::Digest& version) {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return CopyPlace{.drive = row["drive"].as<std::string>(),
                     .directory = row["directory"].as<std::string>()};
  };
  return jobdb::FindOne(database_, sql::kFindLocation, kFromRow, site_code_, server_name,
                        package_id, jobdb::Bytes{version.bytes()});
}

absl::StatusOr<std::vector<std::string>> DistributeStore::ListVersionNames(
    const std::string& package_id) {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return row["version_name"].as<std::string>();
  };
  return jobdb::Query(database_, sql::kListVersionNames, kFromRow, package_id);
}

absl::Status DistributeStore::CompleteCopy(const ServerClaim& claim, const CopyBatch& batch,
                                           const CopyPlace& place, std::int64_t plain_bytes) {
  const auto complete = [&](pqxx::transaction_base& work) {
    jobdb::Query(work, sql::kLockJobSite, kIgnoreRow, claim.job_id, site_code_);
    if (jobdb::Execute(work, sql::kCompleteCopy, claim.job_id, site_code_, claim.server_name,
                       claim.fence) == 0) {
      return StaleFence(claim);
    }
    jobdb::Execute(work, sql::kPutLocation, site_code_, claim.server_name, batch.package_id,
                   jobdb::Bytes{batch.version.bytes()}, place.drive, place.directory, plain_bytes);
    jobdb::Execute(work, sql::kBumpDefinitions, claim.job_id, site_code_, OpenTargetStates());
    return absl::OkStatus();
  };
  const absl::Status completed = database_.RunRetrying(sql::kCompleteCopy, complete);
  if (!absl::IsFailedPrecondition(completed)) {
    return completed;
  }
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kObserveCopy, [&](pqxx::transaction_base& work) {
        // A claim of the server comes before this, and then the lease is over, or finds the row.
        jobdb::Query(work, sql::kLockServerClaims, kIgnoreRow, jobdb::kServerClaimLock);
        jobdb::Execute(work, sql::kObserveCopy, claim.job_id, site_code_, claim.server_name,
                       claim.fence, batch.package_id, jobdb::Bytes{batch.version.bytes()},
                       place.drive, place.directory, plain_bytes);
        return absl::OkStatus();
      }));
  return completed;
}

absl::Status DistributeStore::LetGo(const ServerClaim& claim) {
  return jobdb::Execute(database_, sql::kLetGo, claim.job_id, site_code_, claim.server_name,
                        claim.fence)
      .status();
}

absl::StatusOr<bool> DistributeStore::Retry(const ServerClaim& claim, const RetryPlan& plan) {
  bool failed = false;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kRetryServer, [&](pqxx::transaction_base& work) -> absl::Status {
        jobdb::Query(work, sql::kLockJobSite, kIgnoreRow, claim.job_id, site_code_);
        failed =
            jobdb::Execute(work, sql::kRetryServer, claim.job_id, site_code_, claim.server_name,
                           claim.fence, plan.reason, plan.delay, plan.reset_attempts) == 0;
        if (!failed) {
          return absl::OkStatus();
        }
        return FailLocked(work, claim, site_code_,
                          model::Reason(model::kDeadlinePassed,
                                        absl::StrCat("the last attempt ended with ", plan.reason)));
      }));
  return failed;
}

absl::Status DistributeStore::Fail(const ServerClaim& claim, const std::string& reason) {
  return database_.RunRetrying(sql::kFailServer, [&](pqxx::transaction_base& work) {
    jobdb::Query(work, sql::kLockJobSite, kIgnoreRow, claim.job_id, site_code_);
    return FailLocked(work, claim, site_code_, reason);
  });
}

}  // namespace waybill::despooler
