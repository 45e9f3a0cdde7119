#ifndef WAYBILL_COMMON_CLOCK_BACKOFF_H_
#define WAYBILL_COMMON_CLOCK_BACKOFF_H_

#include "absl/time/time.h"

namespace waybill::clock {

/// How long to wait between attempts.
struct BackoffLimits {
  absl::Duration base = absl::Seconds(1);  ///< The ceiling after the first failure.
  absl::Duration max = absl::Minutes(5);   ///< No ceiling is higher.
};

/// The wait after `failures` (>= 1) failures in a row: the ceiling is base * 2^(failures - 1), at
/// most max; the wait lies between half of it and all of it, where `random` in [0, 1) says. The
/// lower half is kept free so that a retry never comes at once; the upper is spread so that many
/// callers do not come back together. Pure: the caller draws `random`.
absl::Duration BackoffDelay(const BackoffLimits& limits, int failures, double random);

}  // namespace waybill::clock

#endif  // WAYBILL_COMMON_CLOCK_BACKOFF_H_
