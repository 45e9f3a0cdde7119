// A cancelled job stops: no further chunk, no copy, no start.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"

#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using job::v1::JOB_STATE_CANCELLED;
using job::v1::TARGET_STATE_ACKNOWLEDGED;
using job::v1::TARGET_STATE_OFFERED;
using job::v1::TARGET_STATE_WITHDRAWN;
using testing::IsEmpty;

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kPackageBytes = 64 * kMiB;
constexpr std::int64_t kBytesPerSecond = 4 * kMiB;
constexpr absl::Duration kStopMax = absl::Seconds(2);
// The cancel itself, and what the Sender had handed to the kernel before it heard: socket buffers
// on loopback hold megabytes. A transfer that went on would bring twice as much in that time.
constexpr std::int64_t kTalkBytesMax = 4 * kMiB;

class CancelTest : public testing::Test {
 protected:
  CancelTest() : h({.sites = {"CEN", "BOS<CEN", "LAB<BOS"}}) {
    for (const char* code : {"BOS", "LAB"}) {
      h.site(code).AddDistributionServer("DS1");
      h.site(code).AddLogonServer("LS1");
    }
    bos_workstation = h.site("BOS").AddWorkstations(1, "SALES").front();
    lab_workstation = h.site("LAB").AddWorkstations(1, "SALES").front();
    h.AwaitRegistrations();
  }

  testing::AssertionResult HasGoneDown(std::int64_t bytes) {
    const std::int64_t down = h.link("CEN", "BOS").transfer().bytes_down();
    return down >= bytes ? testing::AssertionSuccess()
                         : testing::AssertionFailure() << down << " bytes went down";
  }

  testing::AssertionResult AllTargetsAre(const std::string& job,
                                         const std::vector<job::v1::TargetState>& states) {
    const std::vector<job::v1::JobTarget> targets = h.root().ListTargets(job);
    if (targets.size() != 2) {
      return testing::AssertionFailure() << targets.size() << " targets are frozen";
    }
    for (const job::v1::JobTarget& target : targets) {
      if (std::find(states.begin(), states.end(), target.state()) == states.end()) {
        return testing::AssertionFailure() << target.ShortDebugString();
      }
    }
    return testing::AssertionSuccess();
  }

  // Agents that ask after the cancel find nothing.
  void ExpectNothingRuns() {
    h.site("BOS").RunAgentOnce(bos_workstation);
    h.site("LAB").RunAgentOnce(lab_workstation);
    EXPECT_THAT(h.Starts(), IsEmpty());
  }

  Hierarchy h;
  std::string bos_workstation;
  std::string lab_workstation;
};

TEST_F(CancelTest, StopsARunningTransferWithinTwoSeconds) {
  h.MakeAndImport("tools", {.random_bytes = kPackageBytes});
  Link& wire = h.link("CEN", "BOS").transfer();
  wire.Slow(kBytesPerSecond);
  const std::string job = h.Submit(RunCommand("tools").On("*|*|*"));
  ASSERT_TRUE(Eventually(kPatience, [&] { return HasGoneDown(4 * kMiB); }));

  h.root().Cancel(job);
  ASSERT_TRUE(h.Ends(job, JOB_STATE_CANCELLED));
  const std::int64_t soon = wire.bytes_down();
  // A line of 4 MiB/s that went on would show at once.
  EXPECT_TRUE(Throughout(kStopMax, [&] {
    const std::int64_t more = wire.bytes_down() - soon;
    return more < kTalkBytesMax ? testing::AssertionSuccess()
                                : testing::AssertionFailure() << more << " bytes went on";
  }));
  EXPECT_LT(soon, kPackageBytes / 2);
  wire.Slow(0);
  EXPECT_EQ(BytesBeneath(h.site("BOS").directory() + "/servers"), 0);
  ExpectNothingRuns();
  EXPECT_EQ(h.root().GetJob(job).state(), JOB_STATE_CANCELLED);
}

TEST_F(CancelTest, WithdrawsOffersThatStandAtWorkstations) {
  h.MakeAndImport("tools");
  const std::string job = h.Submit(RunCommand("tools").On("*|*|*"));
  ASSERT_TRUE(Eventually(kPatience, [&] {
    return AllTargetsAre(job, {TARGET_STATE_OFFERED, TARGET_STATE_ACKNOWLEDGED});
  }));
  h.root().Cancel(job);
  ASSERT_TRUE(h.Ends(job, JOB_STATE_CANCELLED));
  EXPECT_TRUE(Eventually(kPatience, [&] { return AllTargetsAre(job, {TARGET_STATE_WITHDRAWN}); }));
  ExpectNothingRuns();
}

TEST_F(CancelTest, KeepsAJobThatWaitsForItsStartFromEverBeginning) {
  h.MakeAndImport("tools");
  const std::string job = h.Submit(RunCommand("tools").On("*|*|*").StartAfterSeconds(2));
  h.root().Cancel(job);
  EXPECT_TRUE(h.Ends(job, JOB_STATE_CANCELLED));
  const std::int64_t before = h.TransferBytes();
  EXPECT_TRUE(Throughout(absl::Seconds(3), [&] {
    return h.TransferBytes() == before
               ? testing::AssertionSuccess()
               : testing::AssertionFailure() << h.TransferBytes() - before << " bytes were sent";
  }));
  ExpectNothingRuns();
}

TEST_F(CancelTest, ReachesASiteThatWasCutOffWhenItComesBack) {
  h.MakeAndImport("tools");
  const std::string job = h.Submit(RunCommand("tools").On("*|*|*"));
  ASSERT_TRUE(Eventually(kPatience, [&] {
    return AllTargetsAre(job, {TARGET_STATE_OFFERED, TARGET_STATE_ACKNOWLEDGED});
  }));
  h.link("BOS", "LAB").Cut();
  h.root().Cancel(job);
  EXPECT_TRUE(Throughout(absl::Seconds(1), [&] {
    const job::v1::JobState state = h.root().GetJob(job).state();
    return state == job::v1::JOB_STATE_CANCELLING ? testing::AssertionSuccess()
                                                  : testing::AssertionFailure()
                                                        << "LAB cannot know yet, but the job is "
                                                        << job::v1::JobState_Name(state);
  }));
  h.link("BOS", "LAB").Heal();
  EXPECT_TRUE(h.Ends(job, JOB_STATE_CANCELLED));
  ExpectNothingRuns();
}

}  // namespace
}  // namespace waybill::harness
