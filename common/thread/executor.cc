#include "common/thread/executor.h"

#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "absl/time/time.h"

#include "common/thread/mutex.h"

namespace waybill {

Executor::Executor(int threads, int tasks_max) : tasks_max_(tasks_max) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

Executor::~Executor() {
  Drain();
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

bool Executor::TrySubmit(std::function<void()> task) {
  const MutexLock lock(mutex_);
  if (draining_ || unfinished_ >= tasks_max_) {
    return false;
  }
  ++unfinished_;
  waiting_.push_back(std::move(task));
  changed_.NotifyAll();
  return true;
}

void Executor::Work() {
  while (const std::function<void()> task = NextTask()) {
    task();
    const MutexLock lock(mutex_);
    --unfinished_;
    changed_.NotifyAll();
  }
}

void Executor::Drain() {
  {
    const MutexLock lock(mutex_);
    draining_ = true;
  }
  stop_.request_stop();  // Runs callbacks, which may submit or take locks of their own.
}

bool Executor::DrainFor(absl::Duration limit) {
  Drain();
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit);
  const MutexLock lock(mutex_);
  while (unfinished_ > 0) {
    const absl::Duration left = absl::FromChrono(end - std::chrono::steady_clock::now());
    if (left <= absl::ZeroDuration()) {
      return false;
    }
    changed_.WaitFor(mutex_, left);
  }
  return true;
}

std::function<void()> Executor::NextTask() {
  const MutexLock lock(mutex_);
  while (waiting_.empty() && !closing_) {
    changed_.Wait(mutex_);
  }
  if (waiting_.empty()) {
    return nullptr;
  }
  std::function<void()> task = std::move(waiting_.front());
  waiting_.pop_front();
  return task;
}

}  // namespace waybill
