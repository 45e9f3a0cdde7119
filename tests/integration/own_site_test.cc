// A site that sends to itself uses the same road, and moves nothing on it.

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

constexpr std::int64_t kPackageBytes = 16 << 20;
constexpr std::int64_t kTalkBytesMax = 64 << 10;  // Handshake, instruction, manifest.

TEST(OwnSiteTest, ATransferToItselfAddsNothingToTheWireOrToTheStore) {
  Hierarchy h({.sites = {"CEN"}});
  h.root().AddDistributionServer("DS1");
  h.MakeAndImport("tools", {.random_bytes = kPackageBytes});
  const std::int64_t stored = BytesBeneath(h.root().store_directory());
  EXPECT_GE(stored, kPackageBytes);

  const std::string job = h.Submit(Share("tools").AtSites({"CEN"}));
  ASSERT_TRUE(h.Ends(job, job::v1::JOB_STATE_COMPLETE));

  const std::int64_t down = h.link("CEN", "CEN").transfer().bytes_down();
  EXPECT_GT(down, 0);  // It did go that way.
  EXPECT_LT(down, kTalkBytesMax);
  EXPECT_EQ(BytesBeneath(h.root().store_directory()), stored);
  const auto requests = h.root().ListSendRequests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].bytes_sent(), 0);
  EXPECT_EQ(requests[0].state(), job::v1::SEND_STATE_SENT);
  EXPECT_TREE_EQ(h.root().SourceOf("tools"), h.root().CurrentTree("DS1", "tools"));
}

}  // namespace
}  // namespace waybill::harness
