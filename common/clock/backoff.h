#ifndef WAYBILL_COMMON_CLOCK_BACKOFF_H_
#define WAYBILL_COMMON_CLOCK_BACKOFF_H_

#include "absl/time/time.h"

namespace waybill::clock {

/// How long to wait between attempts.
struct BackoffLimits {
  absl::Duration base = absl::Seconds(1);  ///< The ceiling after the first failure.
  absl::Duration max = absl::Minutes(5);   ///< No ceiling is higher.
};

/// The wait after `failures` (>= 1) failures in a row: anywhere between a tenth of the base and the
/// ceiling, which is base * 2^(failures - 1), at most max, where `random` in [0, 1) says. That is
/// "full jitter" (Brooker 2015: many that failed together do not come back together), but never
/// nothing: a retry that comes at once meets what it has just met. Pure: the caller draws `random`.
absl::Duration BackoffDelay(const BackoffLimits& limits, int failures, double random);

}  // namespace waybill::clock

#endif  // WAYBILL_COMMON_CLOCK_BACKOFF_H_
