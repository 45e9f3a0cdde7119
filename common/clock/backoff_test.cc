#include "common/clock/backoff.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace waybill::clock {
namespace {

constexpr BackoffLimits kLimits = {.base = absl::Seconds(1), .max = absl::Seconds(10)};
constexpr double kAlmostOne = 0.999999;

TEST(Backoff, ItsCeilingDoublesUpToItsMaximum) {
  EXPECT_EQ(BackoffDelay(kLimits, 1, 1), absl::Seconds(1));
  EXPECT_EQ(BackoffDelay(kLimits, 2, 1), absl::Seconds(2));
  EXPECT_EQ(BackoffDelay(kLimits, 4, 1), absl::Seconds(8));
  EXPECT_EQ(BackoffDelay(kLimits, 5, 1), absl::Seconds(10));
  EXPECT_EQ(BackoffDelay(kLimits, 2'000'000'000, 1), absl::Seconds(10));
}

TEST(Backoff, TheJitterIsFullButNeverNothing) {
  for (int failures = 1; failures < 100; ++failures) {
    EXPECT_EQ(BackoffDelay(kLimits, failures, 0), absl::Milliseconds(100));
    EXPECT_LE(BackoffDelay(kLimits, failures, kAlmostOne), kLimits.max);
    EXPECT_LT(BackoffDelay(kLimits, failures, 0.25), BackoffDelay(kLimits, failures, 0.75));
  }
  EXPECT_EQ(BackoffDelay({.base = absl::Hours(1), .max = absl::Seconds(1)}, 1, 0),
            absl::Seconds(1));
}

TEST(Backoff, TreatsNoFailureAsTheFirst) {
  EXPECT_EQ(BackoffDelay(kLimits, 0, 0), BackoffDelay(kLimits, 1, 0));
  EXPECT_EQ(BackoffDelay(kLimits, -5, 0), BackoffDelay(kLimits, 1, 0));
}

}  // namespace
}  // namespace waybill::clock
