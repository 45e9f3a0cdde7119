#ifndef WAYBILL_SERVICES_SCHEDULER_JOB_PROGRESS_STORE_H_
#define WAYBILL_SERVICES_SCHEDULER_JOB_PROGRESS_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "services/scheduler/job_rules.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {

/// A pending job whose activation is ours while the lease lasts.
struct ClaimedJob {
  std::string job_id;
  std::int64_t fence = 0;
  std::string package_id;
  std::string version;  ///< Hex; empty: none was asked for.
  job::v1::JobType type = job::v1::JOB_TYPE_RUN_COMMAND;
  job::v1::SendPhase send_phase = job::v1::SEND_PHASE_IF_NOT_SENT;
  bool has_source = false;  ///< The package can be imported here.
  bool is_late = false;     ///< The deadline had passed when it was claimed.
};

/// An instruction that waits to be passed on.
struct InstructionKey {
  std::string job_id;
  std::int64_t revision = 0;
};

/// A running job and what its edges say.
struct CountedJob {
  std::string job_id;
  JobEdges edges;
};

struct StateChange {
  std::string job_id;
  job::v1::JobState old_state;
  JobSummary summary;
};

/// How jobs go on by themselves: activation, forwarding and roll-up.
///
/// Each method is one atomic step. Leases and due times go by the database's clock. A method that
/// takes a fence returns FAILED_PRECONDITION, and changes nothing, if the claim was lost or the job
/// was cancelled meanwhile. Besides what each says, all return the errors of jobdb::Database::Run.
/// Thread-safe.
class JobProgressStore {
 public:
  /// Borrows `database`.
  explicit JobProgressStore(jobdb::Database& database) : database_(database) {}

  /// Claims the pending job that is due, high priority and early Start After first, under a new
  /// fence; nothing if none is due.
  absl::StatusOr<std::optional<ClaimedJob>> ClaimDue(absl::Duration lease);

  /// After how long the next pending job is due or its claim ends; InfiniteDuration if none is
  /// pending.
  absl::StatusOr<absl::Duration> UntilNextDue();

  absl::Status RenewLease(const std::string& job_id, std::int64_t fence, absl::Duration lease);

  /// Leaves the job pending, to be claimed again after `delay`, and says why it waits.
  absl::Status Delay(const ClaimedJob& job, absl::Duration delay, const std::string& reason);

  absl::Status Fail(const ClaimedJob& job, const std::string& reason);

  /// Hex; nothing if this site holds no version of the package.
  absl::StatusOr<std::optional<std::string>> FindNewestVersion(const std::string& package_id);

  /// Binds the job to `version` (empty: as it is), freezes its workstations and sites set by set,
  /// queues one send for each neighbour on the way, and makes it ACTIVE; or FAILED with
  /// EMPTY_TARGET if it is for nobody. Returns the state.
  absl::StatusOr<job::v1::JobState> Activate(const ClaimedJob& job, const std::string& version);

  /// Instructions that were committed here and not passed on yet, oldest first.
  absl::StatusOr<std::vector<InstructionKey>> ListUnforwarded(int count_max);

  /// Queues one for each direct child through which target sites are reached, and marks it as
  /// passed on. A cancel goes to the children that were ever tried and closes the other sites. A
  /// repeat does nothing. `cancel_reason` begins with CANCELLED.
  absl::Status Forward(const InstructionKey& key, const std::string& cancel_reason);

  /// Ends workstations and sites of running jobs that nothing will reach any more: those behind a
  /// send that FAILED before any commit, and of cancelled jobs those that never heard of them.
  absl::Status CloseUnreached(const std::string& cancel_reason);

  /// All running jobs with their edges counted.
  absl::StatusOr<std::vector<CountedJob>> CountEdges();

  /// Writes new states; a job that has another state than `old_state` meanwhile is left alone.
  absl::Status PutStates(const std::vector<StateChange>& changes);

 private:
  jobdb::Database& database_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_JOB_PROGRESS_STORE_H_
