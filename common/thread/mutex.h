#ifndef WAYBILL_COMMON_THREAD_MUTEX_H_
#define WAYBILL_COMMON_THREAD_MUTEX_H_

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

namespace waybill {

/// std::mutex that clang's -Wthread-safety understands.
///
/// We do not use absl::Mutex: Debian's Abseil is not built for ThreadSanitizer, which then cannot
/// see its locks and reports races that are not there.
class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

/// Holds a Mutex until the end of the scope.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Waits for what a Mutex guards to change. Both waits may return early, so callers look again.
class CondVar {
 public:
  void NotifyAll() { condition_.notify_all(); }

  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    WaitFor(mutex, absl::InfiniteDuration());
  }

  /// Measured on the monotonic clock: a step of the wall clock neither shortens nor lengthens it.
  void WaitFor(Mutex& mutex, absl::Duration limit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    // "now + limit" of an infinite duration would overflow into the past; an hour is as good.
    condition_.wait_for(lock, absl::ToChronoNanoseconds(std::min(limit, absl::Hours(1))));
    lock.release();
  }

 private:
  std::condition_variable condition_;
};

}  // namespace waybill

#endif  // WAYBILL_COMMON_THREAD_MUTEX_H_
