#ifndef WAYBILL_SERVICES_SCHEDULER_JOB_STORE_H_
#define WAYBILL_SERVICES_SCHEDULER_JOB_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "services/scheduler/paging.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {

/// Where a page of jobs begins: after this row in the order "newest first".
struct JobCursor {
  absl::Time create_time = absl::InfiniteFuture();
  std::string job_id = {};

  friend bool operator==(const JobCursor&, const JobCursor&) = default;
};

/// The jobs of a site as administrators order, see and cancel them.
///
/// Each method is one atomic step. Times are compared with the database's clock. Besides what each
/// method says, all return the errors of jobdb::Database::Run. Thread-safe.
class JobStore {
 public:
  /// Borrows `database`.
  explicit JobStore(jobdb::Database& database) : database_(database) {}

  /// Records a pending job with defaults filled in and the command copied, so that later edits of
  /// the package do not change it. A repeat with the same `request_id` returns the first job,
  /// whatever `spec` says.
  ///
  /// Returns the errors of CheckSpec and FillDefaults; NOT_FOUND, naming what is unknown and what
  /// to do, for a package, version, command, group, site or workstation; FAILED_PRECONDITION for a
  /// package without any version to send or source to import; INVALID_ARGUMENT for a group of the
  /// other kind or a version prefix that fits several.
  absl::StatusOr<job::v1::Job> Submit(const std::string& request_id, job::v1::JobSpec spec);

  /// With sites and servers. NOT_FOUND if there is none.
  absl::StatusOr<job::v1::Job> Get(const std::string& job_id);

  /// At most `count_max` jobs after `after`, newest first, without their sites and with the count
  /// of the workstations or sites that were named instead of their names; only those in `states`
  /// unless it is empty.
  absl::StatusOr<std::vector<job::v1::Job>> List(const std::vector<job::v1::JobState>& states,
                                                 const JobCursor& after, int count_max);

  /// At most `count_max` workstations after `after_sms_id`, by SMS ID; only those in `states`
  /// unless it is empty. NOT_FOUND if there is no such job.
  absl::StatusOr<Page<job::v1::JobTarget>> ListTargets(
      const std::string& job_id, const std::vector<job::v1::TargetState>& states,
      const std::string& after_sms_id, int count_max);

  /// Begins to stop a job. A pending one is CANCELLED at once. Otherwise it is CANCELLING: a cancel
  /// is queued for each neighbour that was ever tried, older sends end, and sites that were never
  /// tried are closed with their workstations. A repeat changes nothing. `reason` begins with
  /// CANCELLED. NOT_FOUND: no such job. FAILED_PRECONDITION: it has ended, or belongs to another
  /// site.
  absl::Status Cancel(const std::string& job_id, const std::string& reason);

 private:
  jobdb::Database& database_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_JOB_STORE_H_
