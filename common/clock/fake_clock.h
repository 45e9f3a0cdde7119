#ifndef WAYBILL_COMMON_CLOCK_FAKE_CLOCK_H_
#define WAYBILL_COMMON_CLOCK_FAKE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/thread/mutex.h"

namespace waybill::clock {

/// A clock that stands still until a test moves it. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() const override {
    const MutexLock lock(mutex_);
    return now_;
  }
  absl::Duration Monotonic() const override {
    const MutexLock lock(mutex_);
    return monotonic_;
  }

  /// Lets time pass on both clocks.
  void Advance(absl::Duration by) {
    const MutexLock lock(mutex_);
    now_ += by;
    monotonic_ += by;
  }

  /// Steps the wall clock alone, as an administrator or NTP may.
  void SetWall(absl::Time now) {
    const MutexLock lock(mutex_);
    now_ = now;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  absl::Duration monotonic_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waybill::clock

#endif  // WAYBILL_COMMON_CLOCK_FAKE_CLOCK_H_
