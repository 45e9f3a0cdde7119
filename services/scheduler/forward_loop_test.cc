#include "services/scheduler/forward_loop.h"

#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/status/status_matchers.h"
#include "services/scheduler/job_progress_store.h"
#include "services/scheduler/site_fixture_test.h"

namespace waybill::scheduler {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr absl::Duration kPoll = absl::Hours(1);

// Site BOS with its child LAB, which has the child SUB. Jobs come from the parent CEN.
class ForwardLoopTest : public testing::Test {
 protected:
  ForwardLoopTest() {
    site_.AddSite("LAB", "BOS");
    site_.AddSite("SUB", "LAB");
  }

  // What the Despooler commits for jobs CEN00001 to CEN0000<count> for all three sites.
  void CommitJobs(int count) const {
    site_.db.Execute(absl::StrCat(
        "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, version, priority, "
        "target_kind, start_after, deadline, send_phase, state)"
        " SELECT 'CEN' || to_char(n, 'FM00000'), 'CEN', 2, 'CEN00001', '\\x",
        SiteFixture::Version('a'),
        "', 2, 4, now(), now() + interval '1 day', 1, 2 FROM generate_series(1, ", count,
        ") n;"
        "INSERT INTO waybill.job_site (job_id, site_code)"
        " SELECT job_id, site_code FROM waybill.job, unnest('{BOS,LAB,SUB}'::text[]) site_code;"
        "UPDATE waybill.job_site SET commit_seen = true, revision_committed = 1"
        " WHERE site_code = 'BOS';"
        "INSERT INTO waybill.instruction (job_id, revision) SELECT job_id, 1 FROM waybill.job"));
  }

  // What the Despooler does when the cancel of every job arrives.
  void CommitCancels() const {
    site_.db.Execute(
        "UPDATE waybill.job SET revision = 2, cancel_epoch = 1;"
        "UPDATE waybill.job_site SET revision_committed = 2 WHERE site_code = 'BOS';"
        "INSERT INTO waybill.instruction (job_id, revision) SELECT job_id, 2 FROM waybill.job");
  }

  std::string CountSends() const { return site_.Text("SELECT count(*) FROM waybill.send_request"); }
  std::string Sends() const {
    return site_.Joined(
        "SELECT site_code || revision || ':' || state FROM waybill.send_request"
        " ORDER BY send_request_id");
  }

  SiteFixture site_{"BOS", "CEN"};
  JobProgressStore store_{*site_.database};
  std::vector<std::string> woken_;
  ForwardLoop loop_{store_, [this](absl::string_view channel) { woken_.emplace_back(channel); },
                    kPoll};
};

TEST_F(ForwardLoopTest, PassesAnInstructionOnOnceAndWakesTheSender) {
  CommitJobs(1);
  EXPECT_EQ(*loop_.RunOnce(), absl::InfiniteDuration());
  EXPECT_EQ(Sends(), "LAB1:2") << "SUB is reached through LAB";
  EXPECT_THAT(woken_, ElementsAre("waybill_send", "waybill_outbox"));
  woken_.clear();
  EXPECT_EQ(*loop_.RunOnce(), absl::InfiniteDuration());
  EXPECT_EQ(Sends(), "LAB1:2");
  EXPECT_THAT(woken_, IsEmpty());
}

TEST_F(ForwardLoopTest, ManyInstructionsGoBatchByBatch) {
  CommitJobs(101);
  EXPECT_EQ(*loop_.RunOnce(), absl::ZeroDuration()) << "more may wait";
  EXPECT_EQ(CountSends(), "100");
  EXPECT_EQ(*loop_.RunOnce(), absl::InfiniteDuration());
  EXPECT_EQ(CountSends(), "101");
}

TEST_F(ForwardLoopTest, TwoSchedulersPassEachInstructionOnOnce) {
  CommitJobs(30);
  const auto run = [this] {
    ForwardLoop loop(
        store_, [](absl::string_view) {}, kPoll);
    EXPECT_THAT(loop.RunOnce(), IsOk());
  };
  std::thread other(run);
  run();
  other.join();
  EXPECT_EQ(CountSends(), "30");
  EXPECT_TRUE(store_.ListUnforwarded(1)->empty());
}

TEST_F(ForwardLoopTest, ACancelClosesWhatWasNotTriedAndSaysWhy) {
  CommitJobs(1);
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  CommitCancels();
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(Sends(), "LAB1:7");
  EXPECT_EQ(site_.Text("SELECT send_reason FROM waybill.job_site WHERE site_code = 'SUB'"),
            "CANCELLED: by the site where the job was submitted");
}

TEST_F(ForwardLoopTest, ACancelFollowsWhatWasTried) {
  CommitJobs(1);
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  site_.db.Execute("UPDATE waybill.send_request SET state = 3, fence = 1");
  CommitCancels();
  ASSERT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(Sends(), "LAB1:7 LAB2:2");
}

TEST_F(ForwardLoopTest, AnErrorOfTheDatabaseIsReportedAndNothingIsLost) {
  CommitJobs(1);
  site_.db.Execute("ALTER TABLE waybill.send_request RENAME TO away");
  EXPECT_FALSE(loop_.RunOnce().ok());
  EXPECT_THAT(woken_, IsEmpty());
  site_.db.Execute("ALTER TABLE waybill.away RENAME TO send_request");
  EXPECT_THAT(loop_.RunOnce(), IsOk());
  EXPECT_EQ(Sends(), "LAB1:2");
}

TEST_F(ForwardLoopTest, AWakeMakesAPassLongBeforeThePollIsDue) {
  std::latch passed_on(1);
  ForwardLoop loop(
      store_,
      [&](absl::string_view channel) { passed_on.count_down(channel == "waybill_send" ? 1 : 0); },
      kPoll);
  loop.Start();
  CommitJobs(1);
  loop.Wake();
  passed_on.wait();
  loop.Stop();
  EXPECT_EQ(Sends(), "LAB1:2");
}

}  // namespace
}  // namespace waybill::scheduler
