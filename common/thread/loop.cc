#include "common/thread/loop.h"

#include <algorithm>
#include <chrono>
#include <pthread.h>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/status/check.h"
#include "common/thread/mutex.h"

namespace waybill {
namespace {

constexpr absl::Duration kDelayMin = absl::Milliseconds(100);
constexpr int kDoublingsMax = 20;  // Far beyond any interval, far below an overflow.
constexpr std::size_t kThreadNameBytesMax = 15;

// Monotonic, so that a step of the wall clock changes no wait.
absl::Duration Monotonic() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

Loop::Loop(std::string name, absl::Duration interval, Pass pass)
    : name_(std::move(name)), interval_(interval), pass_(std::move(pass)) {
  WAYBILL_CHECK(interval_ > absl::ZeroDuration());
}

Loop::~Loop() {
  Stop();
}

void Loop::Start() {
  WAYBILL_CHECK(!thread_.joinable());
  thread_ = std::thread([this] { Run(); });
}

void Loop::Wake() {
  const MutexLock lock(mutex_);
  woken_ = true;
  changed_.NotifyAll();
}

void Loop::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
}

bool Loop::IsStopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

absl::Duration Loop::DelayAfterFailures(int failures, absl::Duration interval) {
  const int doublings = std::clamp(failures - 1, 0, kDoublingsMax);
  return std::min(interval, kDelayMin * (1 << doublings));
}

void Loop::Run() {
  pthread_setname_np(pthread_self(), name_.substr(0, kThreadNameBytesMax).c_str());
  int failures = 0;
  bool going = !IsStopping();
  while (going) {
    const absl::StatusOr<absl::Duration> due = pass_();
    if (due.ok()) {
      failures = 0;
      going = WaitForWork(std::min(*due, interval_));
      continue;
    }
    ++failures;
    const absl::Duration delay = DelayAfterFailures(failures, interval_);
    log::Error("a pass failed", {{"loop", name_}, {"error", due.status()}, {"retry_after", delay}});
    going = WaitOutFailure(delay);
  }
}

bool Loop::WaitForWork(absl::Duration limit) {
  const absl::Duration end = Monotonic() + limit;
  const MutexLock lock(mutex_);
  while (!stopping_ && !woken_) {
    const absl::Duration left = end - Monotonic();
    if (left <= absl::ZeroDuration()) {
      break;
    }
    changed_.WaitFor(mutex_, left);
  }
  woken_ = false;
  return !stopping_;
}

bool Loop::WaitOutFailure(absl::Duration limit) {
  const absl::Duration end = Monotonic() + limit;
  const MutexLock lock(mutex_);
  while (!stopping_) {
    const absl::Duration left = end - Monotonic();
    if (left <= absl::ZeroDuration()) {
      break;
    }
    changed_.WaitFor(mutex_, left);
  }
  woken_ = false;  // The pass that follows serves the wake as well.
  return !stopping_;
}

}  // namespace waybill
