#ifndef WAYBILL_SERVICES_SCHEDULER_FORWARD_LOOP_H_
#define WAYBILL_SERVICES_SCHEDULER_FORWARD_LOOP_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/thread/loop.h"
#include "services/scheduler/job_progress_store.h"

namespace waybill::scheduler {

/// Passes instructions that came from above on to the sites below: for each, one send request to
/// each direct child on the way to its target sites. Each is one transaction that marks the
/// instruction, so any number of Schedulers may run one, and a crash repeats or skips nothing.
class ForwardLoop {
 public:
  /// Borrows `store`. `notify` wakes the listeners of a channel.
  ForwardLoop(JobProgressStore& store, std::function<void(absl::string_view)> notify,
              absl::Duration poll_interval);

  void Start() { loop_.Start(); }
  void Wake() { loop_.Wake(); }
  void Stop() { loop_.Stop(); }

  /// One pass on the caller's thread. Returns after how long the next one is due.
  absl::StatusOr<absl::Duration> RunOnce();

 private:
  JobProgressStore& store_;
  const std::function<void(absl::string_view)> notify_;
  Loop loop_;  // Last: stops first.
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_FORWARD_LOOP_H_
