#ifndef WAYBILL_COMMON_THREAD_EXECUTOR_H_
#define WAYBILL_COMMON_THREAD_EXECUTOR_H_

#include <deque>
#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"

namespace waybill {

/// A fixed number of threads that run tasks in the order they came, with a limit on how many may
/// wait.
///
/// This is where blocking work belongs (libpqxx, files), so that gRPC's own threads never block.
/// Tasks must not throw. Thread-safe.
class Executor {
 public:
  /// At most `tasks_max` tasks are waiting or running; `tasks_max == threads` means that none
  /// waits.
  Executor(int threads, int tasks_max);

  /// Runs what was accepted, then joins.
  ~Executor();

  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Never blocks. Returns false, and drops `task`, when `tasks_max` tasks are unfinished or after
  /// Drain().
  [[nodiscard]] bool TrySubmit(std::function<void()> task);

  /// From now on refuses tasks, and asks those that run for long (streams) to end, through
  /// stop_token(). What was accepted still runs. Never blocks; repeatable.
  void Drain();

  /// Drains, then waits until nothing is unfinished, at most `limit`. Returns whether that is so.
  bool DrainFor(absl::Duration limit);

  /// Says when Drain() was called. Tasks that last register a std::stop_callback or look at it.
  std::stop_token stop_token() const { return stop_.get_token(); }

 private:
  void Work();
  std::function<void()> NextTask();  // Empty once closing and drained.

  const int tasks_max_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  int unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::stop_source stop_;
  std::vector<std::thread> threads_;
};

}  // namespace waybill

#endif  // WAYBILL_COMMON_THREAD_EXECUTOR_H_
