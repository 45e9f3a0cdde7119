#ifndef WAYBILL_SERVICES_SCHEDULER_ROLLUP_LOOP_H_
#define WAYBILL_SERVICES_SCHEDULER_ROLLUP_LOOP_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/thread/loop.h"
#include "services/scheduler/job_progress_store.h"

namespace waybill::scheduler {

/// Keeps the state of every running job equal to what its edges say (Summarize), for jobs of this
/// site and, as summaries of its subtree, for those from above. Counting is done by the database.
/// Any number of Schedulers may run one: all come to the same result, and a state is written only
/// over the one that was counted.
class RollupLoop {
 public:
  struct Options {
    absl::Duration poll_interval = absl::Seconds(60);

    /// Wakes that come faster wait; a pass that takes long is followed by four times its rest.
    absl::Duration pass_interval = absl::Milliseconds(200);
  };

  /// Borrows `store` and `clock`. `notify` wakes the listeners of a channel.
  RollupLoop(JobProgressStore& store, const clock::Clock& clock,
             std::function<void(absl::string_view)> notify, Options options);

  void Start() { loop_.Start(); }
  void Wake() { loop_.Wake(); }
  void Stop() { loop_.Stop(); }

  /// One pass on the caller's thread, however short ago the last one was.
  absl::Status RunOnce();

 private:
  absl::StatusOr<absl::Duration> RunIfDue();

  JobProgressStore& store_;
  const clock::Clock& clock_;
  const std::function<void(absl::string_view)> notify_;
  const Options options_;
  absl::Duration next_pass_;  // On the monotonic clock; only the loop's thread uses it.
  Loop loop_;                 // Last: stops first.
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_ROLLUP_LOOP_H_
