#include "services/despooler/server_crew_loop.h"

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/status/status_matchers.h"
#include "services/despooler/distribute_store.h"
#include "services/despooler/test_site.h"

namespace waybill::despooler {
namespace {

using ::testing::SizeIs;

constexpr char kJob[] = "CEN00042";
constexpr char kPackage[] = "CEN00001";

// Claims on DS1 to DS3, and a crew that is moved by RunOnce.
class ServerCrewLoopTest : public ::testing::Test {
 protected:
  ServerCrewLoopTest() {
    version_ = site_.AddVersion(kPackage, {{"setup", "#!"}});
    site_.AddJob(kJob, kPackage, &version_);
    for (const char* server : {"DS1", "DS2", "DS3"}) {
      site_.AddServer(server);
      site_.AddJobServer(kJob, server);
    }
    claims_ = store_.ClaimCopies(absl::Seconds(15), 64).value()->claims;
    EXPECT_THAT(claims_, SizeIs(3));
  }

  std::unique_ptr<ServerCrewLoop> MakeCrew(int threads_max) {
    ServerCrewLoop::Options options;
    options.threads_max = threads_max;
    options.stall_max = absl::Minutes(10);
    return std::make_unique<ServerCrewLoop>(store_, site_.clock(), options, [] {});
  }

  std::string LeaseSeconds(const std::string& server) {
    return site_.server().QueryText(absl::StrCat(
        "SELECT round(extract(epoch FROM lease_end_time - now())) FROM waybill.job_server "
        "WHERE server_name = '",
        server, "'"));
  }

  TestSite site_;
  DistributeStore store_{site_.database(), "NYC"};
  content::Digest version_;
  std::vector<ServerClaim> claims_;
};

TEST_F(ServerCrewLoopTest, WorksOnEachClaimOnceAndOnNoMoreThanAllowedAtATime) {
  std::atomic<int> at_once = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  const auto crew = MakeCrew(2);
  EXPECT_TRUE(crew->HasRoom());
  crew->Submit(
      claims_,
      [&](ServerTask& /*task*/) {
        const int now = ++at_once;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --at_once;
        ++done;
      },
      [](const ServerClaim& /*claim*/) {});
  EXPECT_TRUE(crew->WaitIdle(absl::Seconds(30)));
  EXPECT_EQ(done, 3);
  EXPECT_LE(most, 2);
  EXPECT_TRUE(crew->HasRoom());
}

TEST_F(ServerCrewLoopTest, RenewsLeasesOfTheWaitingTooOnceAThirdIsOver) {
  std::latch go(1);
  const auto crew = MakeCrew(1);
  crew->Submit(
      claims_, [&](ServerTask& /*task*/) { go.wait(); }, [](const ServerClaim& /*claim*/) {});
  EXPECT_FALSE(crew->HasRoom());
  site_.server().Execute("UPDATE waybill.job_server SET lease_end_time = now() + interval '9 s'");
  EXPECT_THAT(crew->RunOnce(), IsOk());
  EXPECT_EQ(LeaseSeconds("DS3"), "9");
  site_.clock().Advance(absl::Seconds(5));
  EXPECT_THAT(crew->RunOnce(), IsOk());
  EXPECT_EQ(LeaseSeconds("DS3"), "15");
  go.count_down();
  EXPECT_TRUE(crew->WaitIdle(absl::Seconds(30)));
}

TEST_F(ServerCrewLoopTest, TellsAWorkerThatItsJobWasCancelled) {
  std::latch started(1);
  std::latch cancelled(1);
  std::atomic<bool> lost_before = true;
  std::atomic<bool> lost_after = false;
  const auto crew = MakeCrew(1);
  crew->Submit(
      {claims_[0]},
      [&](ServerTask& task) {
        lost_before = task.IsLost();
        started.count_down();
        cancelled.wait();
        lost_after = task.IsLost();
      },
      [](const ServerClaim& /*claim*/) {});
  started.wait();
  site_.server().Execute("UPDATE waybill.job SET cancel_epoch = 1");
  EXPECT_THAT(crew->RunOnce(), IsOk());
  cancelled.count_down();
  EXPECT_TRUE(crew->WaitIdle(absl::Seconds(30)));
  EXPECT_FALSE(lost_before);
  EXPECT_TRUE(lost_after);
}

TEST_F(ServerCrewLoopTest, TakesALeaseThatItCouldNotRenewForLost) {
  std::latch outage(1);
  std::atomic<bool> lost = false;
  const auto crew = MakeCrew(1);
  crew->Submit(
      {claims_[0]},
      [&](ServerTask& task) {
        outage.wait();
        lost = task.IsLost();
      },
      [](const ServerClaim& /*claim*/) {});
  site_.server().Execute("ALTER TABLE waybill.job_server RENAME TO away");
  EXPECT_FALSE(crew->RunOnce().ok());
  site_.clock().Advance(absl::Seconds(10));
  EXPECT_FALSE(crew->RunOnce().ok());
  outage.count_down();
  EXPECT_TRUE(crew->WaitIdle(absl::Seconds(30)));
  EXPECT_TRUE(lost);
}

TEST_F(ServerCrewLoopTest, AbandonsAWorkerThatHangsAndServesTheOthers) {
  std::latch mount(1);
  std::atomic<int> served = 0;
  std::string stalled;
  const auto crew = MakeCrew(1);
  crew->Submit(
      claims_,
      [&](ServerTask& task) {
        if (task.claim.server_name == "DS1") {
          mount.wait();
        } else {
          ++served;
        }
      },
      [&](const ServerClaim& claim) { stalled = claim.server_name; });
  EXPECT_THAT(crew->RunOnce(), IsOk());
  EXPECT_EQ(crew->abandoned(), 0);
  site_.clock().Advance(absl::Minutes(10));
  EXPECT_THAT(crew->RunOnce(), IsOk());
  EXPECT_TRUE(crew->WaitIdle(absl::Seconds(30)));
  EXPECT_EQ(served, 2);
  EXPECT_EQ(stalled, "DS1");
  EXPECT_EQ(crew->abandoned(), 1);
  EXPECT_FALSE(crew->Stop(absl::Milliseconds(1)));  // It still uses what the crew borrowed.
  mount.count_down();
}

TEST_F(ServerCrewLoopTest, StopsWorkersAndForgetsWhatWaits) {
  std::latch started(1);
  std::atomic<int> begun = 0;
  const auto crew = MakeCrew(1);
  crew->Start();
  crew->Submit(
      claims_,
      [&](ServerTask& task) {
        ++begun;
        started.count_down();
        while (!task.IsLost()) {
        }
      },
      [](const ServerClaim& /*claim*/) {});
  started.wait();
  EXPECT_TRUE(crew->Stop(absl::Seconds(30)));
  EXPECT_EQ(begun, 1);
  EXPECT_FALSE(crew->HasRoom());
}

}  // namespace
}  // namespace waybill::despooler
