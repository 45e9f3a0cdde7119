// One job from its submission to a finished command and to its removal, over three levels of sites.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using job::v1::JOB_STATE_COMPLETE;
using job::v1::TARGET_STATE_SUCCEEDED;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kPackageBytes = 8 << 20;
// Handshakes, instructions and manifests of one job on all transfer links.
constexpr std::int64_t kTalkBytesMax = 200 << 10;

class WholeRoadTest : public testing::Test {
 protected:
  WholeRoadTest() : h({.sites = {"CEN", "NYC<CEN", "BOS<CEN", "LAB<BOS"}}) {
    for (const auto& site : h.sites()) {
      site->AddDistributionServer("DS1");
      site->AddLogonServer("LS1");
    }
    h.site("NYC").AddDistributionServer("DS2", {"c", "d"});
    for (const char* code : {"NYC", "BOS", "LAB"}) {
      for (const char* domain : {"SALES", "PLANT"}) {
        for (const std::string& sms_id : h.site(code).AddWorkstations(1, domain)) {
          workstations[sms_id] = code;
        }
      }
    }
    h.AwaitRegistrations();
    h.MakeAndImport("tools", {.random_bytes = kPackageBytes});
  }

  // Every site's servers have the source as it is now.
  void ExpectTreesEverywhere() {
    const std::string source = h.root().SourceOf("tools");
    for (const auto& [code, server] : Servers()) {
      SCOPED_TRACE(absl::StrCat(code, " ", server));
      EXPECT_TREE_EQ(source, TreeOn(h.site(code), server));
    }
  }

  // DS2 has two drives and the Despooler's choice.
  std::string TreeOn(Site& site, const std::string& server) {
    for (const package::v1::Location& location : site.ListLocations("tools")) {
      if (location.site_code() == site.code() && location.server_name() == server) {
        return site.CurrentTree(server, "tools", location.drive());
      }
    }
    return "no location";
  }

  static std::vector<std::pair<std::string, std::string>> Servers() {
    return {{"NYC", "DS1"}, {"NYC", "DS2"}, {"BOS", "DS1"}, {"LAB", "DS1"}};
  }

  std::string RunEverywhere() {
    const std::string job = h.Submit(RunCommand("tools").On("*|*|*"));
    for (const auto& [sms_id, code] : workstations) {
      h.site(code).StartAgent(sms_id);
    }
    EXPECT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
    return job;
  }

  void ExpectRanOnceOnEach(const std::string& job) {
    std::vector<std::string> expected;
    for (const auto& [sms_id, code] : workstations) {
      expected.push_back(absl::StrCat(job, " ", sms_id));
    }
    std::vector<std::string> started = h.StartedOnes();
    std::erase_if(started, [&](const std::string& line) { return !line.starts_with(job + " "); });
    EXPECT_EQ(started, expected);
  }

  Hierarchy h;
  std::map<std::string, std::string> workstations;  // SMS ID -> site code, sorted.
};

TEST_F(WholeRoadTest, RunsOnEveryWorkstationOnceAndLeavesEqualTreesEverywhere) {
  const std::string job = RunEverywhere();
  ExpectTreesEverywhere();
  ExpectRanOnceOnEach(job);
  for (const job::v1::JobTarget& target : h.root().ListTargets(job)) {
    EXPECT_EQ(target.state(), TARGET_STATE_SUCCEEDED);
    EXPECT_EQ(target.exit_code(), 0);
    EXPECT_EQ(target.output(), absl::StrCat("greetings from ", target.sms_id(), "\n"));
  }
  EXPECT_EQ(h.root().GetJob(job).run().done(), static_cast<int>(workstations.size()));
}

TEST_F(WholeRoadTest, SendsNothingTwiceAndLittleForALittleChange) {
  RunEverywhere();
  std::int64_t before = h.TransferBytes();
  EXPECT_GT(before, kPackageBytes * 3);  // NYC, BOS, LAB.

  const std::string again = h.Submit(RunCommand("tools").On("*|*|*"));
  EXPECT_TRUE(h.Ends(again, JOB_STATE_COMPLETE));
  ExpectRanOnceOnEach(again);
  EXPECT_LT(h.TransferBytes() - before, kTalkBytesMax);
  for (const auto& site : h.sites()) {
    for (const sender::v1::SendRequest& request : site->ListSendRequests()) {
      if (request.job_id() == again) {
        EXPECT_EQ(request.bytes_sent(), 0) << request.ShortDebugString();
      }
    }
  }

  ChangeALittle(h.root().SourceOf("tools"));
  EXPECT_FALSE(h.Import("tools").unchanged());
  before = h.TransferBytes();
  const std::string update = h.Submit(RunCommand("tools").On("*|*|*"));
  EXPECT_TRUE(h.Ends(update, JOB_STATE_COMPLETE));
  ExpectTreesEverywhere();
  // A chunk or two of at most 512 KiB to each of three sites.
  EXPECT_LT(h.TransferBytes() - before, kTalkBytesMax + 3 * (1 << 20));
}

TEST_F(WholeRoadTest, RemovesEverythingWithProofButTheOriginsOwnPackage) {
  RunEverywhere();
  const std::int64_t kept_bytes = BytesBeneath(h.root().packs_directory());
  ASSERT_GT(kept_bytes, kPackageBytes);
  const std::string removal = h.Submit(Remove("tools").AtSites({"*"}));
  ASSERT_TRUE(h.Ends(removal, JOB_STATE_COMPLETE));

  const std::vector<package::v1::Location> left = h.root().ListLocations("tools");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].kind(), package::v1::LOCATION_KIND_STORE);
  EXPECT_EQ(left[0].site_code(), "CEN");
  EXPECT_EQ(BytesBeneath(h.root().packs_directory()), kept_bytes);
  for (const char* code : {"NYC", "BOS", "LAB"}) {
    SCOPED_TRACE(code);
    EXPECT_THAT(h.site(code).ListLocations("tools"), IsEmpty());
    EXPECT_TRUE(Eventually(kPatience, [&] {
      const std::int64_t bytes = BytesBeneath(h.site(code).packs_directory());
      return bytes == 0 ? testing::AssertionSuccess()
                        : testing::AssertionFailure() << bytes << " bytes in packs";
    }));
    EXPECT_EQ(BytesBeneath(h.site(code).directory() + "/servers"), 0);
  }
}

}  // namespace
}  // namespace waybill::harness
