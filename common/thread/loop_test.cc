#include "common/thread/loop.h"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace waybill {
namespace {

constexpr absl::Duration kNever = absl::Hours(1);

TEST(Loop, MakesItsFirstPassAtOnceAndStopsHoweverLongItsInterval) {
  std::latch passed(1);
  Loop loop("test", kNever, [&]() -> absl::StatusOr<absl::Duration> {
    passed.count_down();
    return absl::InfiniteDuration();
  });
  loop.Start();
  passed.wait();
  loop.Stop();
  loop.Stop();
}

TEST(Loop, MakesAnotherPassForAWakeThatCameDuringAPass) {
  std::latch first(1);
  std::latch woken(1);
  std::latch second(1);
  std::atomic<int> passes = 0;
  Loop loop("test", kNever, [&]() -> absl::StatusOr<absl::Duration> {
    if (++passes == 1) {
      first.count_down();
      woken.wait();
    } else if (passes == 2) {
      second.count_down();
    }
    return absl::InfiniteDuration();
  });
  loop.Start();
  first.wait();
  loop.Wake();
  loop.Wake();  // Both are served by one pass.
  woken.count_down();
  second.wait();
  loop.Stop();
  EXPECT_EQ(passes, 2);
}

TEST(Loop, ComesBackWhenAPassSaysSoAndAtTheIntervalOtherwise) {
  std::latch passes(4);
  std::atomic<int> count = 0;
  Loop loop("test", absl::Milliseconds(5), [&]() -> absl::StatusOr<absl::Duration> {
    if (++count <= 4) {
      passes.count_down();
    }
    return count < 3 ? absl::ZeroDuration() : absl::InfiniteDuration();
  });
  loop.Start();
  passes.wait();
}

TEST(Loop, TriesAgainAfterAFailedPass) {
  std::latch recovered(1);
  std::atomic<int> passes = 0;
  Loop loop("test", absl::Milliseconds(5), [&]() -> absl::StatusOr<absl::Duration> {
    if (++passes < 3) {
      return absl::UnavailableError("the database is away");
    }
    if (passes == 3) {
      recovered.count_down();
    }
    return absl::InfiniteDuration();
  });
  loop.Start();
  recovered.wait();
}

TEST(Loop, DoublesItsDelayFromFailureToFailureUpToTheInterval) {
  const absl::Duration interval = absl::Seconds(1);
  EXPECT_EQ(Loop::DelayAfterFailures(1, interval), absl::Milliseconds(100));
  EXPECT_EQ(Loop::DelayAfterFailures(2, interval), absl::Milliseconds(200));
  EXPECT_EQ(Loop::DelayAfterFailures(4, interval), absl::Milliseconds(800));
  EXPECT_EQ(Loop::DelayAfterFailures(5, interval), interval);
  EXPECT_EQ(Loop::DelayAfterFailures(1'000'000, interval), interval);
}

TEST(Loop, CanBeDestroyedWithoutEverStarting) {
  Loop loop("test", kNever, []() -> absl::StatusOr<absl::Duration> { return kNever; });
  loop.Wake();
  EXPECT_FALSE(loop.IsStopping());
}

}  // namespace
}  // namespace waybill
