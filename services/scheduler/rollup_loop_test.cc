#include "services/scheduler/rollup_loop.h"

#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/clock/fake_clock.h"
#include "common/status/status_matchers.h"
#include "services/scheduler/job_progress_store.h"
#include "services/scheduler/site_fixture_test.h"

namespace waybill::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

// Job CEN00001 shares a package with NYC and BOS and is ACTIVE.
class RollupLoopTest : public testing::Test {
 protected:
  RollupLoopTest() { AddJob("CEN00001", "CEN"); }

  void AddJob(absl::string_view job_id, absl::string_view origin) const {
    site_.db.Execute(absl::StrCat(
        "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, version, priority, "
        "target_kind, start_after, deadline, send_phase, state) VALUES ('",
        job_id, "', '", origin, "', 2, 'CEN00001', '\\x", SiteFixture::Version('a'),
        "', 2, 4, now(), now() + interval '1 day', 1, 2);"
        "INSERT INTO waybill.job_site (job_id, site_code, send_state) VALUES ('",
        job_id, "', 'NYC', 3), ('", job_id, "', 'BOS', 3)"));
  }

  void Commit(absl::string_view site_code) const {
    site_.db.Execute(absl::StrCat(
        "UPDATE waybill.job_site SET send_state = 6, commit_seen = true, revision_committed = 1"
        " WHERE site_code = '",
        site_code, "'"));
  }

  std::string States() const {
    return site_.Joined("SELECT state || reason FROM waybill.job ORDER BY job_id");
  }

  std::vector<std::string> TakeWoken() { return std::exchange(woken_, {}); }

  SiteFixture site_;
  JobProgressStore store_{*site_.database};
  clock::FakeClock clock_;
  std::vector<std::string> woken_;
  RollupLoop loop_{
      store_, clock_, [this](absl::string_view channel) { woken_.emplace_back(channel); }, {}};
};

TEST_F(RollupLoopTest, AJobWhoseEdgesSayNothingNewIsLeftAlone) {
  const std::string row = "SELECT xmin FROM waybill.job";
  const std::string before = site_.Text(row);
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Text(row), before);
  EXPECT_THAT(TakeWoken(), IsEmpty());
}

TEST_F(RollupLoopTest, AJobIsCompleteOnceItsLastSiteIs) {
  Commit("NYC");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "2");
  Commit("BOS");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "4");
  EXPECT_EQ(site_.Text("SELECT finish_time IS NOT NULL FROM waybill.job"), "t");
  EXPECT_THAT(TakeWoken(), ElementsAre("waybill_outbox"));
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_THAT(TakeWoken(), IsEmpty()) << "it has ended";
}

TEST_F(RollupLoopTest, AWaitingEdgeMakesItsJobRetryingUntilItGoesOn) {
  site_.db.Execute(
      "UPDATE waybill.job_site SET send_state = 5, send_reason = 'UNREACHABLE: x'"
      " WHERE site_code = 'BOS'");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "3UNREACHABLE: at BOS: x");
  site_.db.Execute(
      "UPDATE waybill.job_site SET send_reason = 'WINDOW_CLOSED: y' WHERE site_code = 'BOS'");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "3WINDOW_CLOSED: at BOS: y") << "a new reason is news";
  site_.db.Execute("UPDATE waybill.job_site SET send_state = 3, send_reason = ''");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "2");
}

TEST_F(RollupLoopTest, AnEdgeThatFailedFailsItsJobWhenTheOthersAreDone) {
  site_.db.Execute(
      "UPDATE waybill.job_site SET send_state = 7, send_reason = 'REFUSED: x' WHERE site_code = "
      "'BOS'");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "2") << "NYC is open";
  Commit("NYC");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_THAT(States(), StartsWith("5REFUSED: 1 site"));
}

TEST_F(RollupLoopTest, WorkstationsBehindAFailedSendAreClosedFirst) {
  site_.db.Execute(
      "UPDATE waybill.job_site SET send_state = 7, send_reason = 'REFUSED: x';"
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code) VALUES"
      " ('CEN00001', 'NYC00001', 'NYC')");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Text("SELECT state || reason FROM waybill.job_target"), "6REFUSED: x");
  EXPECT_THAT(States(), StartsWith("5REFUSED: "));
}

// The deadline fails the job while its sites are open; their sends are given up only then.
TEST_F(RollupLoopTest, WorkstationsBehindASendThatFailsAfterTheDeadlineAreClosedToo) {
  site_.db.Execute(
      "UPDATE waybill.job SET deadline = now();"
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code) VALUES"
      " ('CEN00001', 'NYC00001', 'NYC')");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_THAT(States(), StartsWith("5DEADLINE_PASSED: 2 sites"));
  EXPECT_EQ(site_.Text("SELECT state FROM waybill.job_target"), "1");
  site_.db.Execute("UPDATE waybill.job_site SET send_state = 7, send_reason = 'UNREACHABLE: x'");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Text("SELECT state || reason FROM waybill.job_target"), "6UNREACHABLE: x");
}

TEST_F(RollupLoopTest, ACancelledJobEndsWhenNothingOfItIsUnderWay) {
  site_.db.Execute("UPDATE waybill.job SET state = 6, revision = 2, cancel_epoch = 1");
  Commit("NYC");
  Commit("BOS");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_THAT(States(), StartsWith("6"));
  site_.db.Execute("UPDATE waybill.job_site SET revision_committed = 2");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_THAT(States(), StartsWith("7"));
}

TEST_F(RollupLoopTest, JobsFromAboveAreSummarizedForTheSubtree) {
  AddJob("TOP00001", "TOP");
  Commit("NYC");
  Commit("BOS");
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "4 4");
}

TEST_F(RollupLoopTest, AnErrorOfTheDatabaseIsReportedAndTheNextPassGoesOn) {
  Commit("NYC");
  Commit("BOS");
  site_.db.Execute("ALTER TABLE waybill.job_server RENAME TO away");
  EXPECT_FALSE(loop_.RunOnce().ok());
  EXPECT_EQ(States(), "2");
  site_.db.Execute("ALTER TABLE waybill.away RENAME TO job_server");
  EXPECT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(States(), "4");
}

// A clock that stands still and says when it was looked at: a loop looks once when it is made, and
// before and after each pass.
class WatchedClock final : public clock::Clock {
 public:
  absl::Time Now() const override { return fake_.Now(); }
  absl::Duration Monotonic() const override {
    const absl::Duration monotonic = fake_.Monotonic();
    looks_.release();
    return monotonic;
  }

  void Advance(absl::Duration by) { fake_.Advance(by); }
  void AwaitLooks(int count) const {
    for (int i = 0; i < count; ++i) {
      looks_.acquire();
    }
  }

 private:
  clock::FakeClock fake_;
  mutable std::counting_semaphore<> looks_{0};
};

TEST_F(RollupLoopTest, AWakeThatComesTooSoonIsNotLostButWaits) {
  WatchedClock watched;
  std::counting_semaphore<> changes(0);
  RollupLoop loop(store_, watched, [&](absl::string_view) { changes.release(); },
                  {.poll_interval = absl::Hours(1), .pass_interval = absl::Milliseconds(1)});
  site_.db.Execute("UPDATE waybill.job_site SET send_state = 5, send_reason = 'UNREACHABLE: x'");
  loop.Start();
  changes.acquire();
  watched.AwaitLooks(3);
  Commit("NYC");
  Commit("BOS");
  loop.Wake();
  watched.AwaitLooks(2);
  EXPECT_THAT(States(), StartsWith("3")) << "the pause is not over";
  watched.Advance(absl::Milliseconds(1));
  changes.acquire();
  loop.Stop();
  EXPECT_EQ(States(), "4");
}

}  // namespace
}  // namespace waybill::scheduler
