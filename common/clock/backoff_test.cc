#include "common/clock/backoff.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace waybill::clock {
namespace {

constexpr BackoffLimits kLimits = {.base = absl::Seconds(1), .max = absl::Seconds(10)};
constexpr double kAlmostOne = 0.999999;

TEST(Backoff, DoublesUpToItsMaximum) {
  EXPECT_EQ(BackoffDelay(kLimits, 1, 0), absl::Milliseconds(500));
  EXPECT_EQ(BackoffDelay(kLimits, 2, 0), absl::Seconds(1));
  EXPECT_EQ(BackoffDelay(kLimits, 4, 0), absl::Seconds(4));
  EXPECT_EQ(BackoffDelay(kLimits, 5, 0), absl::Seconds(5));
  EXPECT_EQ(BackoffDelay(kLimits, 2'000'000'000, 0), absl::Seconds(5));
}

TEST(Backoff, StaysBetweenHalfItsCeilingAndAllOfIt) {
  for (int failures = 1; failures < 100; ++failures) {
    EXPECT_GE(BackoffDelay(kLimits, failures, 0), absl::Milliseconds(500));
    EXPECT_LE(BackoffDelay(kLimits, failures, kAlmostOne), kLimits.max);
    EXPECT_LT(BackoffDelay(kLimits, failures, 0.25), BackoffDelay(kLimits, failures, 0.75));
  }
}

TEST(Backoff, TreatsNoFailureAsTheFirst) {
  EXPECT_EQ(BackoffDelay(kLimits, 0, 0), BackoffDelay(kLimits, 1, 0));
  EXPECT_EQ(BackoffDelay(kLimits, -5, 0), BackoffDelay(kLimits, 1, 0));
}

}  // namespace
}  // namespace waybill::clock
