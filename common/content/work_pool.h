#ifndef WAYBILL_COMMON_CONTENT_WORK_POOL_H_
#define WAYBILL_COMMON_CONTENT_WORK_POOL_H_

#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "common/thread/bounded_queue.h"
#include "common/thread/mutex.h"

namespace waybill::content {

/// Threads that work on pieces of one task until all are done or one failed. One thread pushes.
class WorkPool {
 public:
  using Work = std::function<absl::Status()>;

  /// `cancelled` may be empty.
  WorkPool(int threads, std::function<bool()> cancelled);
  /// Drops what waits, and joins.
  ~WorkPool();

  /// Blocks while four pieces per thread wait. Returns the first error of earlier work, if any, or
  /// CANCELLED; then `work` was dropped.
  absl::Status Push(Work work);

  /// Waits for all and returns the first error. Once.
  absl::Status Finish();

 private:
  void Run();
  void Fail(const absl::Status& status);
  absl::Status failed() const;

  const std::function<bool()> cancelled_;
  BoundedQueue<Work> queue_;
  mutable Mutex mutex_;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_WORK_POOL_H_
