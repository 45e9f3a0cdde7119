#include "common/thread/executor.h"

#include <atomic>
#include <latch>
#include <stop_token>

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace waybill {
namespace {

TEST(Executor, RefusesATaskWhenTheLimitIsReached) {
  std::latch release(1);
  Executor executor(/*threads=*/1, /*tasks_max=*/2);
  EXPECT_TRUE(executor.TrySubmit([&] { release.wait(); }));
  EXPECT_TRUE(executor.TrySubmit([] {}));
  EXPECT_FALSE(executor.TrySubmit([] {}));
  release.count_down();
}

TEST(Executor, RunsWhatItAcceptedBeforeItCloses) {
  std::atomic<int> ran = 0;
  {
    Executor executor(/*threads=*/2, /*tasks_max=*/100);
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(executor.TrySubmit([&] { ++ran; }));
    }
  }
  EXPECT_EQ(ran, 100);
}

TEST(Executor, RefusesTasksAndTellsRunningOnesWhenItDrains) {
  Executor executor(/*threads=*/1, /*tasks_max=*/2);
  std::latch told(1);
  const std::stop_callback on_drain(executor.stop_token(), [&] { told.count_down(); });
  EXPECT_TRUE(executor.TrySubmit([&] { told.wait(); }));
  EXPECT_FALSE(executor.stop_token().stop_requested());
  EXPECT_TRUE(executor.DrainFor(absl::Seconds(30)));
  EXPECT_FALSE(executor.TrySubmit([] {}));
}

TEST(Executor, SaysThatATaskOutlivedTheDrainLimit) {
  std::latch release(1);
  Executor executor(/*threads=*/1, /*tasks_max=*/1);
  EXPECT_TRUE(executor.TrySubmit([&] { release.wait(); }));
  EXPECT_FALSE(executor.DrainFor(absl::Milliseconds(1)));
  release.count_down();
  EXPECT_TRUE(executor.DrainFor(absl::Seconds(30)));
}

}  // namespace
}  // namespace waybill
