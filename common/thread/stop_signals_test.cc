#include "common/thread/stop_signals.h"

#include <csignal>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace waybill {
namespace {

TEST(StopSignals, EndsAWaitThoughOtherThreadsRun) {
  const StopSignals signals;
  EXPECT_FALSE(signals.WaitFor(absl::ZeroDuration()));
  std::thread other([] { kill(getpid(), SIGTERM); });
  signals.Wait();
  other.join();
  kill(getpid(), SIGINT);
  EXPECT_TRUE(signals.WaitFor(absl::Seconds(10)));
}

}  // namespace
}  // namespace waybill
