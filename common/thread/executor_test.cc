#include "common/thread/executor.h"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace waybill
