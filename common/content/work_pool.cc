#include "common/content/work_pool.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "absl/status/status.h"

namespace waybill::content {

WorkPool::WorkPool(int threads, std::function<bool()> cancelled)
    : cancelled_(std::move(cancelled)), queue_(4 * static_cast<size_t>(threads)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

WorkPool::~WorkPool() {
  queue_.Abandon();
  Finish().IgnoreError();
}

absl::Status WorkPool::Push(Work work) {
  if (cancelled_ && cancelled_()) {
    Fail(absl::CancelledError("the work on the tree was cancelled"));
  }
  return queue_.Push(std::move(work)) ? absl::OkStatus() : failed();
}

absl::Status WorkPool::Finish() {
  queue_.Close();
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
  return failed();
}

void WorkPool::Run() {
  while (const std::optional<Work> work = queue_.Pop()) {
    const absl::Status status = cancelled_ && cancelled_()
                                    ? absl::CancelledError("the work on the tree was cancelled")
                                    : (*work)();
    if (!status.ok()) {
      Fail(status);
    }
  }
}

void WorkPool::Fail(const absl::Status& status) {
  {
    const MutexLock lock(mutex_);
    if (failed_.ok()) failed_ = status;
  }
  queue_.Abandon();
}

absl::Status WorkPool::failed() const {
  const MutexLock lock(mutex_);
  return failed_;
}

}  // namespace waybill::content
