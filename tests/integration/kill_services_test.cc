// Services of a site are killed while they work, one or all, and started again; the job ends as if
// nothing had happened.

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using job::v1::JOB_STATE_COMPLETE;
using testing::UnorderedElementsAreArray;

constexpr std::int64_t kPackageBytes = 16 << 20;
constexpr std::int64_t kBytesPerSecond = 16 << 20;  // Time to be killed in.

struct Victim {
  std::string site;
  std::string service;
};

void PrintTo(const Victim& victim, std::ostream* out) {
  *out << victim.site << " " << victim.service;
}

class KillSiteTest : public testing::Test {
 protected:
  KillSiteTest() : h({.sites = {"CEN", "BOS<CEN", "LAB<BOS"}}) {
    for (const char* code : {"BOS", "LAB"}) {
      Site& site = h.site(code);
      site.AddDistributionServer("DS1");
      site.AddLogonServer("LS1");
      for (const std::string& sms_id : site.AddWorkstations(2, "SALES")) {
        workstations.emplace_back(sms_id, code);
      }
    }
    h.AwaitRegistrations();
    h.MakeAndImport("tools", {.random_bytes = kPackageBytes});
    h.link("CEN", "BOS").transfer().Slow(kBytesPerSecond);
    h.link("BOS", "LAB").transfer().Slow(kBytesPerSecond);
  }

  // What the job has come to when the next kill is due: bytes on a line, then steps of the sites.
  std::vector<Condition> Moments(const std::string& job) {
    return {[this] { return WentDown("CEN", "BOS", kPackageBytes / 3); },
            [this] { return WentDown("BOS", "LAB", kPackageBytes / 3); },
            [this, job] { return HasEdgesDone(job); }};
  }

  testing::AssertionResult WentDown(const char* from, const char* to, std::int64_t bytes) {
    const std::int64_t down = h.link(from, to).transfer().bytes_down();
    return down >= bytes ? testing::AssertionSuccess()
                         : testing::AssertionFailure() << down << " bytes went down";
  }

  testing::AssertionResult HasEdgesDone(const std::string& job) {
    const job::v1::Job standing = h.root().GetJob(job);
    return standing.distribute().done() > 0 || standing.run().done() > 0
               ? testing::AssertionSuccess()
               : testing::AssertionFailure() << standing.ShortDebugString();
  }

  std::string SubmitToAll() {
    const std::string job = h.Submit(RunCommand("tools").On("*|*|*"));
    for (const auto& [sms_id, code] : workstations) {
      h.site(code).StartAgent(sms_id);
    }
    return job;
  }

  void ExpectComplete(const std::string& job) {
    ASSERT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
    std::vector<std::string> expected;
    for (const auto& [sms_id, code] : workstations) {
      expected.push_back(absl::StrCat(job, " ", sms_id));
    }
    EXPECT_THAT(h.StartedOnes(), UnorderedElementsAreArray(expected));
    for (const char* code : {"BOS", "LAB"}) {
      SCOPED_TRACE(code);
      EXPECT_TREE_EQ(h.root().SourceOf("tools"), h.site(code).CurrentTree("DS1", "tools"));
    }
  }

  Hierarchy h;
  std::vector<std::pair<std::string, std::string>> workstations;  // SMS ID, site code.
};

class KillServicesTest : public KillSiteTest, public testing::WithParamInterface<Victim> {};

TEST_P(KillServicesTest, TheJobCompletesThoughAServiceIsKilledAgainAndAgain) {
  Service& victim = h.site(GetParam().site).service(GetParam().service);
  const std::string job = SubmitToAll();
  victim.Restart();  // Perhaps in the middle of activating or opening.
  for (const Condition& moment : Moments(job)) {
    // A dead Scheduler at CEN would not answer, so each kill comes after the look.
    ASSERT_TRUE(Eventually(kPatience, moment));
    victim.Restart();
  }
  ExpectComplete(job);
}

// As when a site server loses its power: all four at once, in the middle of each phase.
TEST_F(KillSiteTest, TheJobCompletesThoughAWholeSiteIsKilledAgainAndAgain) {
  const std::string job = SubmitToAll();
  for (const Condition& moment : Moments(job)) {
    ASSERT_TRUE(Eventually(kPatience, moment));
    for (const char* service : {"scheduler", "sender", "despooler", "pcm-manager"}) {
      h.site("BOS").service(service).Kill9();
    }
    h.site("BOS").StartScheduler();
    h.site("BOS").LaunchOthers();
    h.site("BOS").AwaitServing();
  }
  ExpectComplete(job);
}

INSTANTIATE_TEST_SUITE_P(Each, KillServicesTest,
                         testing::Values(Victim{"CEN", "scheduler"}, Victim{"CEN", "sender"},
                                         Victim{"BOS", "scheduler"}, Victim{"BOS", "despooler"},
                                         Victim{"BOS", "pcm-manager"}),
                         [](const testing::TestParamInfo<Victim>& victim) {
                           return victim.param.site + (victim.param.service == "pcm-manager"
                                                           ? "PcmManager"
                                                           : victim.param.service);
                         });

}  // namespace
}  // namespace waybill::harness
