#ifndef WAYBILL_COMMON_THREAD_LOOP_H_
#define WAYBILL_COMMON_THREAD_LOOP_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"

namespace waybill {

/// A background thread that makes one pass after another: wake, claim, do, report.
///
///            Start            pass returns OK
///   created -------> passing -----------------> waiting: until the returned delay, the interval
///                      ^  |                        |      or Wake(), whichever comes first
///                      |  | pass fails (logged)    |
///                      |  +----------------------> backing off: 100 ms, doubling up to the
///                      +---------------------------+  interval; Wake() does not shorten it
///
/// Stop() ends it from every state. A pass is never interrupted, but may look at IsStopping()
/// between its steps. Thread-safe, except that Start() is called once.
class Loop {
 public:
  /// One pass. Returns after how long the next one is due (InfiniteDuration: nothing is planned,
  /// the interval decides; zero: at once, for instance after a full batch). Must not throw.
  using Pass = std::function<absl::StatusOr<absl::Duration>()>;

  /// `name` is for the log and the thread's name (15 bytes of it). `interval` > 0 is the longest
  /// wait: the safety net for a Wake() that never came.
  Loop(std::string name, absl::Duration interval, Pass pass);

  /// Stops.
  ~Loop();

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Starts the thread; its first pass begins at once.
  void Start();

  /// Asks for a pass. Never blocks and never gets lost: during a pass it causes another one.
  void Wake();

  /// Returns once the current pass is over and the thread has ended. Repeatable. Not from a pass.
  void Stop();

  /// For long passes, which should end early.
  bool IsStopping() const;

  /// How long to wait after `failures` failed passes in a row.
  static absl::Duration DelayAfterFailures(int failures, absl::Duration interval);

 private:
  void Run();
  bool WaitForWork(absl::Duration limit);  // Both: false once stopping.
  bool WaitOutFailure(absl::Duration limit);

  const std::string name_;
  const absl::Duration interval_;
  const Pass pass_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace waybill

#endif  // WAYBILL_COMMON_THREAD_LOOP_H_
