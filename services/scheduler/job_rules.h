#ifndef WAYBILL_SERVICES_SCHEDULER_JOB_RULES_H_
#define WAYBILL_SERVICES_SCHEDULER_JOB_RULES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "waybill/job/v1/job.pb.h"

/// What an administrator may order, and how a job stands given its edges. Pure: the time is an
/// argument, names that only the database knows are checked by the store.
namespace waybill::scheduler {

/// Deadline when none is given, counted from Start After.
inline constexpr absl::Duration kDefaultDeadline = absl::Hours(7 * 24);

/// Expires After when none is given, counted from Offer After.
inline constexpr absl::Duration kDefaultExpiry = absl::Hours(30 * 24);

/// A version may be given by this many of its first hex digits, or more.
inline constexpr int kVersionDigitsMin = 16;

/// How many workstations or sites one order may name. What is meant for more takes a group or a
/// path.
inline constexpr int kTargetWorkstationsMax = 100'000;
inline constexpr int kTargetSitesMax = 10'000;

/// Whether `spec` is a legal order whatever the site knows and whatever the time is. Returns
/// INVALID_ARGUMENT, naming the field, for a value of the wrong form, and FAILED_PRECONDITION for
/// phases that do not go together or would do nothing:
///
///   | type   | send                  | distribute | run     | target                        |
///   |--------|-----------------------|------------|---------|-------------------------------|
///   | RUN    | any                   | any        | present | workstations, group or path   |
///   | SHARE  | any, not OFF if none  | any        | absent  | sites, or a path "site|*|*"   |
///   | REMOVE | not given or default  | none       | absent  | sites, or none: all that hold |
absl::Status CheckSpec(const job::v1::JobSpec& spec);

/// Fills in what was left out (priority, send phase and dates) and cuts times to microseconds. The
/// job begins at Start After, or `now` if that has passed; an Offer After before that becomes that.
/// INVALID_ARGUMENT, naming the field, if a date is out of order: begin < deadline, begin <= Offer
/// After <= Mandatory After < Expires After, whether Expires After was given or left out. `spec`
/// has passed CheckSpec.
absl::Status FillDefaults(absl::Time now, job::v1::JobSpec& spec);

/// The edges of one running job, counted. A site is closed once it committed (a remove job: and
/// has removed the package) or its send FAILED.
struct JobEdges {
  job::v1::JobState state = job::v1::JOB_STATE_ACTIVE;  ///< As it stands.
  std::string reason;                                   ///< As it stands.
  job::v1::JobType type = job::v1::JOB_TYPE_RUN_COMMAND;
  bool is_cancelled = false;
  bool is_late = false;  ///< The deadline has passed.
  std::int64_t sites_total = 0;
  std::int64_t sites_open = 0;
  std::int64_t sites_failed = 0;
  std::int64_t sites_retrying = 0;     ///< Among the open ones.
  std::int64_t sites_unconfirmed = 0;  ///< Were or may be reached, and have not committed the
                                       ///< newest revision.
  std::int64_t servers_open = 0;
  std::int64_t servers_failed = 0;
  std::int64_t servers_retrying = 0;  ///< Among the open ones.
  std::int64_t targets_open = 0;
  std::int64_t targets_failed = 0;
  std::int64_t cancels_open = 0;  ///< Cancels that are still on their way to a neighbour.

  /// "<site>: <reason>" of one edge that failed or waits, empty if there is none.
  std::string site_failure;
  std::string site_wait;
  std::string server_failure;
  std::string server_wait;
  std::string target_failure;
};

struct JobSummary {
  job::v1::JobState state;
  std::string reason;  ///< Empty unless there is something to say.

  friend bool operator==(const JobSummary&, const JobSummary&) = default;
};

/// How the job stands; the only rule there is for it. First that fits:
///
///   cancelled, and a reached site, a server, a workstation or a cancel is open   CANCELLING
///   cancelled                                                                    CANCELLED
///   a site or server is open, and the deadline has passed                        FAILED
///   an edge is open, and one of the open ones waits for its next attempt         RETRYING
///   an edge is open, or there is no site yet                                     ACTIVE
///   an edge failed                                                               FAILED
///   otherwise                                                                    COMPLETE
///
/// Workstations may be open past the deadline, which is for sending and distributing only.
JobSummary Summarize(const JobEdges& edges);

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_JOB_RULES_H_
