// A transfer that is broken off again and again goes on where it was.

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using job::v1::JOB_STATE_COMPLETE;

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kPackageBytes = 72 * kMiB;
constexpr std::int64_t kCreditBytes = 4 * kMiB;
constexpr std::int64_t kBytesPerSecond = 24 * kMiB;  // Time to be killed in.
constexpr int kBreaks = 3;

class ResumeTest : public testing::Test {
 protected:
  ResumeTest()
      : h({.sites = {"CEN", "NYC<CEN"}, .flags = {{"NYC", {.despooler = {"--credit", "4MiB"}}}}}) {
    h.site("NYC").AddDistributionServer("DS1");
    h.AwaitRegistrations();
    h.MakeAndImport("tools", {.random_bytes = kPackageBytes});
    wire().Slow(kBytesPerSecond);
    job = h.Submit(Share("tools").AtSites({"NYC"}));
  }

  Link& wire() { return h.link("CEN", "NYC").transfer(); }

  // Waits until the next part of the package has gone down; `part` counts from 1 to kBreaks.
  void AwaitPart(int part) {
    const std::int64_t bytes = kPackageBytes * part / (kBreaks + 1);
    ASSERT_TRUE(Eventually(kPatience, [&] {
      return wire().bytes_down() >= bytes
                 ? testing::AssertionSuccess()
                 : testing::AssertionFailure() << wire().bytes_down() << " bytes went down";
    }));
  }

  // Random bytes do not compress, so what went over the wire is what the package has, and what was
  // under way at each break; TLS and manifest are in the twentieth.
  void ExpectLittleWasSentTwice() {
    ASSERT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
    EXPECT_GE(wire().bytes_down(), kPackageBytes);
    EXPECT_LE(wire().bytes_down(), (kPackageBytes + kBreaks * kCreditBytes) * 21 / 20);
    EXPECT_TREE_EQ(h.root().SourceOf("tools"), h.site("NYC").CurrentTree("DS1", "tools"));
  }

  Hierarchy h;
  std::string job;
};

TEST_F(ResumeTest, AKilledSenderSendsAtMostOneWindowTwice) {
  for (int part = 1; part <= kBreaks; ++part) {
    AwaitPart(part);
    h.site("CEN").sender().Restart();
  }
  ExpectLittleWasSentTwice();
}

TEST_F(ResumeTest, AKilledDespoolerIsSentAtMostOneWindowTwice) {
  for (int part = 1; part <= kBreaks; ++part) {
    AwaitPart(part);
    h.site("NYC").despooler().Restart();
  }
  ExpectLittleWasSentTwice();
}

TEST_F(ResumeTest, ACutLineCostsAtMostOneWindow) {
  for (int part = 1; part <= kBreaks; ++part) {
    AwaitPart(part);
    wire().Cut();
    wire().Heal();
  }
  ExpectLittleWasSentTwice();
}

}  // namespace
}  // namespace waybill::harness
