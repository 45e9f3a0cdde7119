#ifndef WAYBILL_COMMON_THREAD_BOUNDED_QUEUE_H_
#define WAYBILL_COMMON_THREAD_BOUNDED_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"

#include "common/status/check.h"
#include "common/thread/mutex.h"

namespace waybill {

/// Hands items from one thread to another in order, with a limit on how many wait: the
/// back-pressure between the stages of a pipeline. Thread-safe, any number of threads on either
/// side.
template <typename T>
class BoundedQueue {
 public:
  /// `items_max` > 0.
  explicit BoundedQueue(std::size_t items_max) : items_max_(items_max) {
    WAYBILL_CHECK(items_max > 0);
  }

  /// Blocks while the queue is full. Returns false, and drops `item`, once it is closed.
  [[nodiscard]] bool Push(T item) {
    const MutexLock lock(mutex_);
    while (items_.size() >= items_max_ && !closed_) {
      changed_.Wait(mutex_);
    }
    return PushLocked(std::move(item));
  }

  /// Never blocks. Returns false, and drops `item`, if the queue is full or closed.
  [[nodiscard]] bool TryPush(T item) {
    const MutexLock lock(mutex_);
    return items_.size() < items_max_ && PushLocked(std::move(item));
  }

  /// Blocks while the queue is empty. Returns nothing once it is closed and empty.
  std::optional<T> Pop() {
    const MutexLock lock(mutex_);
    while (items_.empty() && !closed_) {
      changed_.Wait(mutex_);
    }
    if (items_.empty()) {
      return std::nullopt;
    }
    std::optional<T> item = std::move(items_.front());
    items_.pop_front();
    changed_.NotifyAll();
    return item;
  }

  /// The producer is done: what is queued can still be popped. Repeatable.
  void Close() {
    const MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }

  /// The consumer gives up: drops what is queued, so that producers stop waiting. Repeatable.
  void Abandon() {
    const MutexLock lock(mutex_);
    closed_ = true;
    items_.clear();
    changed_.NotifyAll();
  }

 private:
  bool PushLocked(T item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (closed_) {
      return false;
    }
    items_.push_back(std::move(item));
    changed_.NotifyAll();
    return true;
  }

  const std::size_t items_max_;
  Mutex mutex_;
  CondVar changed_;
  std::deque<T> items_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace waybill

#endif  // WAYBILL_COMMON_THREAD_BOUNDED_QUEUE_H_
