#include "common/jobdb/listener.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/jobdb/notifier.h"
#include "common/jobdb/test_database.h"
#include "common/status/status_matchers.h"
#include "common/thread/mutex.h"

namespace waybill::jobdb {
namespace {

constexpr const char* kEndListeners =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE application_name = 'listening' AND datname = current_database()";

// Counts wakes by channel, and waits for them.
class Wakes {
 public:
  void Add(absl::string_view channel) {
    const MutexLock lock(mutex_);
    ++counts_[std::string(channel)];
    changed_.NotifyAll();
  }

  int Count(const std::string& channel) {
    const MutexLock lock(mutex_);
    return counts_[channel];
  }

  // The test's own time limit ends it if that never comes.
  void AwaitCount(const std::string& channel, int count) {
    const MutexLock lock(mutex_);
    while (counts_[channel] < count) {
      changed_.Wait(mutex_);
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, int> counts_ ABSL_GUARDED_BY(mutex_);
};

class ListenerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Listener> Listen(const std::string& uri) {
    Listener::Options options;
    options.uri = uri;
    options.application_name = "listening";
    options.reconnect_min = absl::Milliseconds(1);
    return *Listener::Start(
        options, {"jobs", "offers"}, [this](absl::string_view channel) { wakes_.Add(channel); },
        [this](const absl::Status& status) { wakes_.Add(status.ok() ? "up" : "down"); });
  }

  std::unique_ptr<Notifier> Notify(absl::Duration interval) {
    return *Notifier::Start({.uri = server_.uri(), .interval = interval});
  }

  TestDatabase server_;
  Wakes wakes_;
};

TEST_F(ListenerTest, WakesEveryChannelOnceWhenItConnects) {
  const auto listener = Listen(server_.uri());
  wakes_.AwaitCount("jobs", 1);
  wakes_.AwaitCount("offers", 1);
}

TEST_F(ListenerTest, WakesTheChannelThatIsNotified) {
  const auto listener = Listen(server_.uri());
  wakes_.AwaitCount("offers", 1);
  Notify(absl::ZeroDuration())->Notify("jobs");
  wakes_.AwaitCount("jobs", 2);
  EXPECT_EQ(wakes_.Count("offers"), 1);
}

TEST_F(ListenerTest, ConnectsAgainAndWakesForWhatItMissed) {
  const auto listener = Listen(server_.uri());
  wakes_.AwaitCount("offers", 1);
  EXPECT_EQ(server_.QueryText(kEndListeners), "1");
  wakes_.AwaitCount("down", 1);
  wakes_.AwaitCount("jobs", 2);
  wakes_.AwaitCount("offers", 2);
}

TEST_F(ListenerTest, StopsWhileTheServerIsAway) {
  auto listener = Listen("host=/nonexistent");
  wakes_.AwaitCount("down", 1);
  listener.reset();
  EXPECT_EQ(wakes_.Count("jobs"), 0);
}

TEST_F(ListenerTest, NotifierJoinsWhatComesWithinAnInterval) {
  const auto listener = Listen(server_.uri());
  wakes_.AwaitCount("offers", 1);
  auto notifier = Notify(absl::Hours(1));
  notifier->Notify("jobs");
  wakes_.AwaitCount("jobs", 2);
  for (int i = 0; i < 100; ++i) {
    notifier->Notify("jobs");
  }
  notifier->Notify("offers");
  notifier.reset();  // Sends what is pending.
  wakes_.AwaitCount("offers", 2);
  wakes_.AwaitCount("jobs", 3);
  EXPECT_EQ(wakes_.Count("jobs"), 3);
}

TEST(Notifier, SaysUnavailableWhenThereIsNoServer) {
  EXPECT_THAT(Notifier::Start({.uri = "host=/nonexistent"}),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace waybill::jobdb
