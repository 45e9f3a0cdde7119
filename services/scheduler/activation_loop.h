#ifndef WAYBILL_SERVICES_SCHEDULER_ACTIVATION_LOOP_H_
#define WAYBILL_SERVICES_SCHEDULER_ACTIVATION_LOOP_H_

#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/thread/executor.h"
#include "common/thread/loop.h"
#include "common/thread/mutex.h"
#include "services/scheduler/job_progress_store.h"

namespace waybill::scheduler {

/// Begins jobs when they are due.
///
///   claim -> a version is here ---------------------------------> freeze and queue
///      |                                                             ^
///      +---> none is, or a snapshot is asked for: import ------------+
///            (a thread of its own; the lease is renewed meanwhile)
///
/// Imports run beside the claiming, a few at once; a job that finds no free place says so and
/// waits. Any number of Schedulers of a site may run one: a claim excludes the others, and a loop
/// that dies after its claim loses it when the lease ends; freezing is one transaction that names
/// the fence, so it happens once. An import that cannot run now is tried again until the job's
/// deadline and FAILS it with DEADLINE_PASSED then; one that is refused FAILS it with
/// IMPORT_FAILED.
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
    int imports_max = 2;                            ///< At once. Each uses several threads itself.
    absl::Duration import_wait = absl::Seconds(5);  ///< Between looks for a free place.
  };

  /// Borrows `store`. `import` and `notify`, which wakes the listeners of a channel, are called on
  /// several threads.
  ActivationLoop(JobProgressStore& store, Import import,
                 std::function<void(absl::string_view)> notify, Options options);

  /// Stops.
  ~ActivationLoop();

  void Start() { loop_.Start(); }
  void Wake() { loop_.Wake(); }

  /// Ends imports early; their jobs are left to the next Scheduler. Repeatable.
  void Stop();

  /// One pass on the caller's thread: activates one due job, or begins its import, if there is one.
  /// Returns after how long the next pass is due.
  absl::StatusOr<absl::Duration> RunOnce();

  /// Waits until no import runs.
  void AwaitImports();

 private:
  absl::Status Begin(const ClaimedJob& job);
  absl::StatusOr<std::string> Bind(const ClaimedJob& job);
  absl::Status Activate(const ClaimedJob& job, const std::string& version);
  absl::Status StartImport(const ClaimedJob& job);
  absl::Status ImportAndActivate(const ClaimedJob& job);
  absl::StatusOr<std::string> ImportUnderLease(const ClaimedJob& job);
  absl::Status GiveUp(const ClaimedJob& job, const absl::Status& why);
  absl::Status Postpone(const ClaimedJob& job, absl::Duration delay, const std::string& reason);
  absl::Status Fail(const ClaimedJob& job, const std::string& reason);
  bool TakePlace();
  void LeavePlace();

  JobProgressStore& store_;
  const Import import_;
  const std::function<void(absl::string_view)> notify_;
  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  int importing_ ABSL_GUARDED_BY(mutex_) = 0;
  Executor imports_;
  Loop loop_;  // Last: stops first.
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_ACTIVATION_LOOP_H_
