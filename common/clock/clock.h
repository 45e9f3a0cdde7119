#ifndef WAYBILL_COMMON_CLOCK_CLOCK_H_
#define WAYBILL_COMMON_CLOCK_CLOCK_H_

#include "absl/time/time.h"

namespace waybill::clock {

/// Where time comes from. Given through constructors, so that tests decide what time it is. Waiting
/// is not its business: loops wait, rules take `now` as an argument. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// The wall clock: for what people and other machines see. May step in either direction.
  virtual absl::Time Now() const = 0;

  /// Time since some fixed moment, never going back: for measuring and for limits.
  virtual absl::Duration Monotonic() const = 0;
};

/// The machine's clocks.
class RealClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Monotonic() const override;
};

}  // namespace waybill::clock

#endif  // WAYBILL_COMMON_CLOCK_CLOCK_H_
