#ifndef WAYBILL_SERVICES_SCHEDULER_STATUS_STORE_H_
#define WAYBILL_SERVICES_SCHEDULER_STATUS_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/model/status_record.h"

#include "waybill/status/v1/status_record.pb.h"

namespace waybill::scheduler {

/// What a site says of itself when it begins to report.
struct Shipping {
  std::string site_code;
  std::string parent_site_code;  ///< Empty: there is nobody to report to.
  std::int64_t epoch = 0;
  std::int64_t shipped_sequence = 0;  ///< The last sequence given in this epoch.

  /// The lowest sequence that was not acknowledged; one above the last if there is none.
  std::int64_t first_kept_sequence = 1;
};

/// The status records that go up to the parent (outbox) and come in from children (inbox).
///
/// Each method is one atomic step, durable when it returns. Besides what each says, all return the
/// errors of jobdb::Database::Run. Thread-safe.
class StatusStore {
 public:
  /// Borrows `database`.
  explicit StatusStore(jobdb::Database& database) : database_(database) {}

  // Going up. Those that take a fence are for the holder of the shipper's lease and return
  // FAILED_PRECONDITION, and change nothing, once another has taken it over.

  /// Takes or renews the lease for `holder` and returns its fence, which is another one after
  /// somebody else had it. ABORTED while another process has it.
  absl::StatusOr<std::int64_t> TakeShipperLease(const std::string& holder, absl::Duration lease);

  /// NOT_FOUND before the Scheduler has claimed its database.
  absl::StatusOr<Shipping> GetShipping();

  /// Gives sequences to up to `count_max` waiting rows, then reads those after `sequence` as their
  /// rows stand now, in order.
  absl::StatusOr<std::vector<status::v1::StatusRecord>> TakeRecords(std::int64_t fence,
                                                                    std::int64_t sequence,
                                                                    int count_max);

  /// Forgets what the parent has committed.
  absl::Status Acknowledge(std::int64_t fence, std::int64_t sequence);

  absl::Status PutAncestors(std::int64_t fence,
                            const std::vector<std::string>& ancestor_site_codes);

  /// The parent has seen more than this database ever shipped, or lacks what was dropped here,
  /// which happens after one of the two was restored: begins a new epoch and puts every reported
  /// row into the outbox again.
  absl::Status StartEpoch(std::int64_t fence);

  // Coming in.

  /// How far the records of `child_site_code` are applied; a higher epoch than known starts at 0.
  /// FAILED_PRECONDITION: a lower epoch. PERMISSION_DENIED: not a direct child.
  absl::StatusOr<std::int64_t> OpenInbox(const std::string& child_site_code, std::int64_t epoch);

  struct Applied {
    std::int64_t sequence = 0;  ///< All through here is committed.
    std::vector<model::PassedOver> passed_over;
  };

  /// Applies a batch. `records` have passed model::CheckRecord. Those that were applied before, and
  /// those about sites that are not the child's to tell of, change nothing. FAILED_PRECONDITION,
  /// and nothing happened: a gap in the sequence, or an epoch that is no longer the newest.
  absl::StatusOr<Applied> Apply(const std::string& child_site_code, std::int64_t epoch,
                                const std::vector<status::v1::StatusRecord>& records);

  /// This site and those above it, from here up: what a child is told.
  absl::StatusOr<std::vector<std::string>> ListLine();

 private:
  jobdb::Database& database_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_STATUS_STORE_H_
