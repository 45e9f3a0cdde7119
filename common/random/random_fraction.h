#ifndef WAYBILL_COMMON_RANDOM_RANDOM_FRACTION_H_
#define WAYBILL_COMMON_RANDOM_RANDOM_FRACTION_H_

namespace waybill {

/// Uniform in [0, 1), for the jitter of delays; not for secrets. Thread-safe.
double RandomFraction();

}  // namespace waybill

#endif  // WAYBILL_COMMON_RANDOM_RANDOM_FRACTION_H_
