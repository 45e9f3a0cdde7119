#include "services/scheduler/status_store.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/jobdb/statement.h"
#include "common/model/status_record.h"
#include "common/status/status_macros.h"

#include "scheduler_sql.h"

namespace waybill::scheduler {
namespace {

using status::v1::StatusRecord;

constexpr auto kNumber = [](const pqxx::row& row) { return row[0].as<std::int64_t>(); };
constexpr auto kText = [](const pqxx::row& row) { return row[0].as<std::string>(); };

struct InboxRow {
  std::int64_t epoch = 0;
  std::int64_t sequence = 0;
};
constexpr auto kInboxRow = [](const pqxx::row& row) {
  return InboxRow{row["epoch"].as<std::int64_t>(), row["sequence"].as<std::int64_t>()};
};

struct OutboxRow {
  std::int64_t sequence = 0;
  std::string json;
};
constexpr auto kOutboxRow = [](const pqxx::row& row) {
  return OutboxRow{row["sequence"].as<std::int64_t>(), row["record"].as<std::string>("")};
};

std::vector<std::string> Line(pqxx::transaction_base& work) {
  const auto lines = jobdb::Query(work, sql::kGetSelf, [](const pqxx::row& row) {
    std::vector<std::string> line = jobdb::ReadTextArray(row["ancestor_site_codes"]);
    const auto parent = row["parent_site_code"].as<std::string>();
    if (line.empty() && !parent.empty()) {
      line.push_back(parent);  // The parent has not told the rest yet.
    }
    line.insert(line.begin(), row["site_code"].as<std::string>());
    return line;
  });
  return lines.empty() ? std::vector<std::string>() : lines.front();
}

absl::StatusOr<InboxRow> LockInbox(pqxx::transaction_base& work, const std::string& child_site_code,
                                   std::int64_t epoch) {
  const auto row = jobdb::FindOne(work, sql::kLockInbox, kInboxRow, child_site_code, epoch);
  if (row->epoch != epoch) {
    return absl::FailedPreconditionError(absl::StrCat("site ", child_site_code,
                                                      " reports under epoch ", epoch, ", but ",
                                                      row->epoch, " is known"));
  }
  return *row;
}

// What applies the records of one kind. Some statements treat the child's own rows apart.
struct Application {
  StatusRecord::KindCase kind;
  const jobdb::Statement* statement;
  bool takes_child;
};
constexpr Application kApplications[] = {
    {StatusRecord::kSite, &sql::kApplySites, true},
    {StatusRecord::kDistributionServer, &sql::kApplyDistributionServers, false},
    {StatusRecord::kDistributionServer, &sql::kApplyShares, false},
    {StatusRecord::kWorkstation, &sql::kFreeHostNames, false},
    {StatusRecord::kWorkstation, &sql::kApplyWorkstations, false},
    {StatusRecord::kServer, &sql::kApplyJobServers, false},
    {StatusRecord::kTarget, &sql::kApplyTargets, false},
    {StatusRecord::kLocation, &sql::kApplyLocations, false},
    {StatusRecord::kHolding, &sql::kApplyHoldings, false},
    // Last, since commit_seen promises that the site's servers are known.
    {StatusRecord::kSend, &sql::kApplySends, true},
};

absl::Status ApplyAll(pqxx::transaction_base& work, const std::string& child_site_code,
                      const std::vector<StatusRecord>& records) {
  for (const Application& application : kApplications) {
    WAYBILL_ASSIGN_OR_RETURN(const std::string json,
                             model::RecordsAsJson(records, application.kind));
    if (json.empty()) {
      continue;
    }
    if (application.takes_child) {
      jobdb::Execute(work, *application.statement, json, child_site_code);
    } else {
      jobdb::Execute(work, *application.statement, json);
    }
  }
  return absl::OkStatus();
}

model::Scope ReadScope(pqxx::transaction_base& work, const std::string& child_site_code,
                       const std::vector<StatusRecord>& records) {
  std::vector<std::string> site_codes;
  for (const StatusRecord& record : records) {
    if (record.has_site()) {
      site_codes.push_back(record.site().site_code());
    }
  }
  const auto subtree = jobdb::Query(work, sql::kListSubtree, kText, child_site_code);
  const std::vector<std::string> line = Line(work);
  model::Scope scope = {.subtree = {subtree.begin(), subtree.end()},
                        .line = {line.begin(), line.end()},
                        .parents = {}};
  if (!site_codes.empty()) {
    jobdb::Query(
        work, sql::kListParents,
        [&](const pqxx::row& row) {
          return scope.parents
              .emplace(row["site_code"].as<std::string>(),
                       row["parent_site_code"].as<std::string>())
              .second;
        },
        site_codes);
  }
  return scope;
}

absl::Status LockLease(pqxx::transaction_base& work, std::int64_t fence) {
  return jobdb::FindOne(work, sql::kLockShipperLease, kNumber, fence).has_value()
             ? absl::OkStatus()
             : absl::FailedPreconditionError(
                   "another process has taken over the shipping of this site's status");
}

}  // namespace

absl::StatusOr<std::int64_t> StatusStore::TakeShipperLease(const std::string& holder,
                                                           absl::Duration lease) {
  return jobdb::GetOne(database_, absl::AbortedError("another process ships this site's status"),
                       sql::kTakeShipperLease, kNumber, holder, lease);
}

absl::StatusOr<Shipping> StatusStore::GetShipping() {
  return jobdb::GetOne(database_, absl::NotFoundError("the job database belongs to no site yet"),
                       sql::kGetShipping, [](const pqxx::row& row) {
                         return Shipping{row["site_code"].as<std::string>(),
                                         row["parent_site_code"].as<std::string>(),
                                         row["epoch"].as<std::int64_t>(),
                                         row["shipped_sequence"].as<std::int64_t>(),
                                         row["first_kept_sequence"].as<std::int64_t>()};
                       });
}

absl::StatusOr<std::vector<StatusRecord>> StatusStore::TakeRecords(std::int64_t fence,
                                                                   std::int64_t sequence,
                                                                   int count_max) {
  std::vector<OutboxRow> rows;
  const absl::Status read =
      database_.Run(sql::kReadOutbox, [&](pqxx::transaction_base& work) -> absl::Status {
        WAYBILL_RETURN_IF_ERROR(LockLease(work, fence));
        jobdb::Execute(work, sql::kNumberOutbox, count_max);
        rows = jobdb::Query(work, sql::kReadOutbox, kOutboxRow, sequence, count_max);
        return absl::OkStatus();
      });
  WAYBILL_RETURN_IF_ERROR(read);
  std::vector<StatusRecord> records;
  records.reserve(rows.size());
  for (const OutboxRow& row : rows) {
    WAYBILL_ASSIGN_OR_RETURN(StatusRecord record, model::RecordFromJson(row.sequence, row.json));
    records.push_back(std::move(record));
  }
  return records;
}

absl::Status StatusStore::Acknowledge(std::int64_t fence, std::int64_t sequence) {
  return database_.Run(sql::kDeleteAcknowledged, [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_RETURN_IF_ERROR(LockLease(work, fence));
    jobdb::Execute(work, sql::kDeleteAcknowledged, sequence);
    return absl::OkStatus();
  });
}

absl::Status StatusStore::PutAncestors(std::int64_t fence,
                                       const std::vector<std::string>& ancestor_site_codes) {
  return database_.Run(sql::kPutAncestors, [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_RETURN_IF_ERROR(LockLease(work, fence));
    jobdb::Execute(work, sql::kPutAncestors, ancestor_site_codes);
    return absl::OkStatus();
  });
}

absl::Status StatusStore::StartEpoch(std::int64_t fence) {
  return database_.Run(sql::kStartEpoch, [&](pqxx::transaction_base& work) -> absl::Status {
    WAYBILL_RETURN_IF_ERROR(LockLease(work, fence));
    jobdb::Execute(work, sql::kStartEpoch);
    const std::vector<std::string> line = Line(work);
    jobdb::Execute(work, sql::kRequeueEverything, line.empty() ? "" : line.front());
    return absl::OkStatus();
  });
}

absl::StatusOr<std::int64_t> StatusStore::OpenInbox(const std::string& child_site_code,
                                                    std::int64_t epoch) {
  std::int64_t sequence = 0;
  WAYBILL_RETURN_IF_ERROR(
      database_.Run(sql::kLockInbox, [&](pqxx::transaction_base& work) -> absl::Status {
        if (jobdb::Query(work, sql::kListSubtree, kText, child_site_code).empty()) {
          return absl::PermissionDeniedError(
              absl::StrCat("site ", child_site_code,
                           " is not a child of this one; register it here with PutSite"));
        }
        WAYBILL_ASSIGN_OR_RETURN(const InboxRow row, LockInbox(work, child_site_code, epoch));
        sequence = row.sequence;
        return absl::OkStatus();
      }));
  return sequence;
}

absl::StatusOr<StatusStore::Applied> StatusStore::Apply(const std::string& child_site_code,
                                                        std::int64_t epoch,
                                                        const std::vector<StatusRecord>& records) {
  Applied applied;
  const absl::Status status = database_.RunRetrying(
      sql::kPutInboxSequence, [&](pqxx::transaction_base& work) -> absl::Status {
        WAYBILL_ASSIGN_OR_RETURN(const InboxRow row, LockInbox(work, child_site_code, epoch));
        WAYBILL_ASSIGN_OR_RETURN(const std::vector<StatusRecord> fresh,
                                 model::NewRecords(row.sequence, records));
        WAYBILL_ASSIGN_OR_RETURN(
            model::ScopedRecords scoped,
            model::TakeInScope(fresh, ReadScope(work, child_site_code, fresh)));
        WAYBILL_RETURN_IF_ERROR(ApplyAll(work, child_site_code, scoped.taken));
        applied.sequence = row.sequence + static_cast<std::int64_t>(fresh.size());
        applied.passed_over = std::move(scoped.passed_over);
        jobdb::Execute(work, sql::kPutInboxSequence, child_site_code, applied.sequence);
        return absl::OkStatus();
      });
  WAYBILL_RETURN_IF_ERROR(status);
  return applied;
}

absl::StatusOr<std::vector<std::string>> StatusStore::ListLine() {
  std::vector<std::string> line;
  WAYBILL_RETURN_IF_ERROR(database_.Run(sql::kGetSelf, [&](pqxx::transaction_base& work) {
    line = Line(work);
    return absl::OkStatus();
  }));
  return line;
}

}  // namespace waybill::scheduler
