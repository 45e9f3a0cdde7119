#include "common/clock/fake_clock.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

#include "common/clock/clock.h"

namespace waybill::clock {
namespace {

TEST(FakeClock, MovesOnlyWhenTold) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(5));
  EXPECT_EQ(clock.Monotonic(), absl::Seconds(5));
}

TEST(FakeClock, StepsTheWallWithoutTheMonotonicClock) {
  FakeClock clock;
  clock.SetWall(absl::UnixEpoch());
  EXPECT_EQ(clock.Now(), absl::UnixEpoch());
  EXPECT_EQ(clock.Monotonic(), absl::ZeroDuration());
}

TEST(RealClock, NeverGoesBack) {
  const RealClock clock;
  const absl::Duration before = clock.Monotonic();
  EXPECT_GE(clock.Monotonic(), before);
  EXPECT_GT(clock.Now(), absl::FromCivil(absl::CivilDay(2024, 1, 1), absl::UTCTimeZone()));
}

}  // namespace
}  // namespace waybill::clock
