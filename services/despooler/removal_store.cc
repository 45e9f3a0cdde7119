#include "services/despooler/removal_store.h"

#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/jobdb/advisory_locks.h"
#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/jobdb/parameters.h"
#include "common/status/status_macros.h"
#include "services/despooler/distribute_store.h"

#include "despooler_sql.h"

namespace waybill::despooler {
namespace {

constexpr char kCollectionTime[] = "1min";

constexpr auto kIgnoreRow = [](const pqxx::row& /*row*/) { return true; };

// The column has a CHECK on its length, so anything else is a bug.
std::optional<content::Digest> ReadVersion(const pqxx::field& field) {
  if (field.is_null()) {
    return std::nullopt;
  }
  return content::Digest::FromBytes(jobdb::ReadBytes(field)).value();
}

std::optional<jobdb::Bytes> ToParameter(const std::optional<content::Digest>& version) {
  if (!version.has_value()) {
    return std::nullopt;
  }
  return jobdb::Bytes{version->bytes()};
}

struct NeededRow {
  std::optional<content::Digest> version;
  bool is_pin = false;
};

constexpr auto kNeededRow = [](const pqxx::row& row) {
  return NeededRow{.version = ReadVersion(row["version"]), .is_pin = row["is_pin"].as<bool>()};
};

RemovalStore::Needed ToNeeded(const std::vector<NeededRow>& rows) {
  RemovalStore::Needed needed;
  for (const NeededRow& row : rows) {
    if (!row.version.has_value()) {
      needed.everything = true;
    } else {
      (row.is_pin ? needed.pinned : needed.versions).push_back(*row.version);
    }
  }
  return needed;
}

}  // namespace

absl::StatusOr<std::vector<RemovalClaim>> RemovalStore::Claim(absl::Duration lease,
                                                              int claims_max) {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return RemovalClaim{.claim = {.job_id = row["job_id"].as<std::string>(),
                                  .server_name = row["server_name"].as<std::string>(),
                                  .fence = row["fence"].as<std::int64_t>(),
                                  .attempt_count = row["attempt_count"].as<int>()},
                        .package_id = row["package_id"].as<std::string>(),
                        .version = ReadVersion(row["version"]),
                        .commit_time = jobdb::ReadTime(row["commit_time"]),
                        .may_hold_unknown = row["may_hold_unknown"].as<bool>()};
  };
  std::vector<RemovalClaim> claims;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kClaimRemovals, [&](pqxx::transaction_base& work) {
        jobdb::Query(work, sql::kLockServerClaims, kIgnoreRow, jobdb::kServerClaimLock);
        claims = jobdb::Query(work, sql::kClaimRemovals, kFromRow, site_code_, lease, claims_max);
        return absl::OkStatus();
      }));
  return claims;
}

absl::StatusOr<std::vector<LedgerCopy>> RemovalStore::ListCopies(const RemovalClaim& removal) {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return LedgerCopy{.version = *ReadVersion(row["version"]),
                      .place = {.drive = row["drive"].as<std::string>(),
                                .directory = row["directory"].as<std::string>()},
                      .is_later = row["is_later"].as<bool>()};
  };
  return jobdb::Query(database_, sql::kListCopies, kFromRow, site_code_, removal.claim.server_name,
                      removal.package_id, ToParameter(removal.version), removal.commit_time);
}

absl::Status RemovalStore::Complete(const RemovalClaim& removal,
                                    const std::vector<LedgerCopy>& copies) {
  std::vector<std::string> versions;
  versions.reserve(copies.size());
  for (const LedgerCopy& copy : copies) {
    if (!copy.is_later) {
      versions.push_back(copy.version.ToHex());
    }
  }
  const ServerClaim& claim = removal.claim;
  return database_.RunRetrying(sql::kCompleteRemoval, [&](pqxx::transaction_base& work) {
    if (jobdb::Execute(work, sql::kCompleteRemoval, claim.job_id, site_code_, claim.server_name,
                       claim.fence) == 0) {
      return StaleFence(claim);
    }
    if (jobdb::Execute(work, sql::kDeleteLocations, site_code_, claim.server_name,
                       removal.package_id, versions, removal.commit_time) > 0) {
      jobdb::Execute(work, sql::kBumpDefinitionsUsing, site_code_, removal.package_id, versions);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<SiteRemoval>> RemovalStore::ListSitesToClear(int count_max) {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return SiteRemoval{.job_id = row["job_id"].as<std::string>(),
                       .package_id = row["package_id"].as<std::string>(),
                       .version = ReadVersion(row["version"]),
                       .commit_time = jobdb::ReadTime(row["commit_time"])};
  };
  return jobdb::Query(database_, sql::kListSitesToClear, kFromRow, site_code_, count_max);
}

absl::StatusOr<std::optional<KeptVersion>> RemovalStore::DeleteVersions(
    const SiteRemoval& removal) {
  struct Row {
    std::int64_t deleted_count;
    std::optional<KeptVersion> kept;
  };
  constexpr auto kFromRow = [](const pqxx::row& row) {
    Row result{.deleted_count = row["deleted_count"].as<std::int64_t>(), .kept = std::nullopt};
    if (!row["version"].is_null()) {
      result.kept = {.version = row["version"].as<std::string>(),
                     .job_id = row["job_id"].as<std::string>()};
    }
    return result;
  };
  std::optional<KeptVersion> kept;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kDeleteVersions, [&](pqxx::transaction_base& work) {
        jobdb::Execute(work, sql::kDeleteDeadPins);
        Row row =
            jobdb::FindOne(work, sql::kDeleteVersions, kFromRow, site_code_, removal.package_id,
                           ToParameter(removal.version), removal.commit_time)
                .value();
        if (row.deleted_count > 0) jobdb::Execute(work, sql::kAskForCollection);
        kept = std::move(row.kept);
        return absl::OkStatus();
      }));
  return kept;
}

absl::StatusOr<std::optional<std::int64_t>> RemovalStore::TakeCollection(const std::string& holder,
                                                                         absl::Duration lease) {
  constexpr auto kFromRow = [](const pqxx::row& row) { return row["fence"].as<std::int64_t>(); };
  return jobdb::FindOne(database_, sql::kTakeCollection, kFromRow, holder, lease);
}

absl::Status RemovalStore::EndCollection(const std::string& holder, std::int64_t fence) {
  return jobdb::Execute(database_, sql::kEndCollection, holder, fence).status();
}

absl::Status RemovalStore::DelayCollection(const std::string& holder, absl::Duration delay) {
  return jobdb::Execute(database_, sql::kDelayCollection, holder, delay).status();
}

absl::Status RemovalStore::PutReason(const SiteRemoval& removal, const std::string& reason) {
  return jobdb::Execute(database_, sql::kPutSiteReason, removal.job_id, site_code_, reason)
      .status();
}

absl::StatusOr<RemovalStore::Needed> RemovalStore::ListNeeded() {
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<NeededRow> rows,
                           jobdb::Query(database_, sql::kListNeededVersions, kNeededRow));
  return ToNeeded(rows);
}

absl::Status RemovalStore::WithCollectionLock(
    absl::FunctionRef<absl::Status(const Needed&)> collect) {
  return database_.Run(sql::kLockCollection, [&](pqxx::transaction_base& work) {
    jobdb::Query(work, sql::kLockCollection, kIgnoreRow, jobdb::kPackUnlinkLock, kCollectionTime);
    return collect(ToNeeded(jobdb::Query(work, sql::kListNeededVersions, kNeededRow)));
  });
}

absl::Status RemovalStore::PutPackageRemoved(const SiteRemoval& removal) {
  return jobdb::Execute(database_, sql::kPutPackageRemoved, removal.job_id, site_code_).status();
}

}  // namespace waybill::despooler
