#ifndef WAYBILL_SERVICES_SCHEDULER_WORKSTATION_STORE_H_
#define WAYBILL_SERVICES_SCHEDULER_WORKSTATION_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "common/jobdb/database.h"
#include "common/model/machine_path.h"
#include "services/scheduler/paging.h"

#include "waybill/site/v1/site.pb.h"

namespace waybill::scheduler {

/// What became of a batch.
struct PutWorkstationsResult {
  std::int64_t created_count = 0;
  std::int64_t updated_count = 0;    ///< Those whose row changed.
  std::vector<std::string> sms_ids;  ///< In the order of the batch.
};

/// Workstations in the job database. Thread-safe. Errors besides those named: of
/// jobdb::Database::Run.
class WorkstationStore {
 public:
  /// Borrows `database`.
  explicit WorkstationStore(jobdb::Database& database) : database_(database) {}

  /// Registers or updates a batch of workstations of this site, whole or not at all, in a few
  /// statements whatever its size. Each has passed CheckWorkstation. One without SMS ID keeps the
  /// one that its domain and host name have, else gets the next free one; one with an SMS ID that
  /// is known moves that row to its domain and host name.
  ///
  /// INVALID_ARGUMENT, naming the workstation: its name or its SMS ID is there twice, its name
  /// has another SMS ID, or its SMS ID belongs to another site.
  absl::StatusOr<PutWorkstationsResult> PutBatch(
      absl::Span<const site::v1::Workstation> workstations);

  /// Up to `count` that `path` names, by SMS ID, behind `after_sms_id`.
  absl::StatusOr<Page<site::v1::Workstation>> List(const model::MachinePath& path,
                                                   const std::string& after_sms_id, int count);

 private:
  jobdb::Database& database_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_WORKSTATION_STORE_H_
