#include "common/clock/backoff.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace waybill::clock {
namespace {

constexpr int kFloorOfBase = 10;
constexpr int kDoublingsMax = 40;  // 1 ms doubled 40 times is 34 years; Duration saturates anyway.

}  // namespace

absl::Duration BackoffDelay(const BackoffLimits& limits, int failures, double random) {
  const int doublings = std::clamp(failures - 1, 0, kDoublingsMax);
  const absl::Duration ceiling = std::min(limits.max, limits.base * (std::int64_t{1} << doublings));
  const absl::Duration floor = std::min(limits.base / kFloorOfBase, ceiling);
  return floor + (ceiling - floor) * std::clamp(random, 0.0, 1.0);
}

}  // namespace waybill::clock
