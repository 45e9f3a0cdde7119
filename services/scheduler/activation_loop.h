#ifndef WAYBILL_SERVICES_SCHEDULER_ACTIVATION_LOOP_H_
#define WAYBILL_SERVICES_SCHEDULER_ACTIVATION_LOOP_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/thread/loop.h"
#include "services/scheduler/job_progress_store.h"

namespace waybill::scheduler {

/// Begins jobs when they are due.
///
///   claim -> bind a version (import one: the lease is renewed meanwhile) -> freeze and queue
///
/// Any number of Schedulers of a site may run one: a claim excludes the others, and a loop that
/// dies after its claim loses it when the lease ends; freezing is one transaction that names the
/// fence, so it happens once. An import that cannot run now is tried again, one that is refused
/// FAILS the job with IMPORT_FAILED.
class ActivationLoop {
 public:
  /// Imports the source of a package and returns the version, hex; the newest one if nothing
  /// changed. Ends early with CANCELLED once `cancelled` says so, which is asked on any thread.
  using Import = std::function<absl::StatusOr<std::string>(const std::string& package_id,
                                                           const std::function<bool()>& cancelled)>;

  struct Options {
    absl::Duration poll_interval = absl::Seconds(60);
    absl::Duration lease = absl::Seconds(15);
    absl::Duration import_retry_delay = absl::Seconds(30);
  };

  /// Borrows `store`. `notify` wakes the listeners of a channel.
  ActivationLoop(JobProgressStore& store, Import import,
                 std::function<void(absl::string_view)> notify, Options options);

  void Start() { loop_.Start(); }
  void Wake() { loop_.Wake(); }
  void Stop() { loop_.Stop(); }

  /// One pass on the caller's thread: activates one due job, if there is one. Returns after how
  /// long the next pass is due.
  absl::StatusOr<absl::Duration> RunOnce();

 private:
  absl::Status Begin(const ClaimedJob& job);
  absl::StatusOr<std::string> Bind(const ClaimedJob& job);
  absl::StatusOr<std::string> ImportUnderLease(const ClaimedJob& job);
  absl::Status GiveUp(const ClaimedJob& job, const absl::Status& why);

  JobProgressStore& store_;
  const Import import_;
  const std::function<void(absl::string_view)> notify_;
  const Options options_;
  Loop loop_;  // Last: stops first.
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_ACTIVATION_LOOP_H_
