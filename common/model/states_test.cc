#include "common/model/states.h"

#include <set>

#include <gtest/gtest.h>

#include "waybill/job/v1/job.pb.h"

namespace waybill::model {
namespace {

TEST(States, NamesEachStateByItsWord) {
  EXPECT_EQ(ToString(job::v1::JOB_STATE_RETRYING), "RETRYING");
  EXPECT_EQ(ToString(job::v1::JOB_TYPE_RUN_COMMAND), "RUN_COMMAND");
  EXPECT_EQ(ToString(job::v1::SEND_PHASE_EVEN_IF_SENT), "EVEN_IF_SENT");
  EXPECT_EQ(ToString(job::v1::TARGET_STATE_NOT_APPLICABLE), "NOT_APPLICABLE");
  EXPECT_EQ(ToString(static_cast<TargetState>(99)), "UNKNOWN_99");
}

TEST(States, CallsFinalExactlyWhatTheProtocolCallsFinal) {
  const std::set<int> jobs = {4, 5, 7};
  const std::set<int> sends = {6, 7};
  const std::set<int> servers = {3, 5, 7};
  for (int i = 1; i <= 7; ++i) {
    EXPECT_EQ(IsFinal(static_cast<JobState>(i)), jobs.contains(i)) << i;
    EXPECT_EQ(IsFinal(static_cast<SendState>(i)), sends.contains(i)) << i;
    EXPECT_EQ(IsFinal(static_cast<ServerState>(i)), servers.contains(i)) << i;
  }
  const std::set<int> failures = {6, 7, 11, 12};
  for (int i = 1; i <= 12; ++i) {
    EXPECT_EQ(IsFinal(static_cast<TargetState>(i)), i >= 5) << i;
    EXPECT_EQ(IsFailure(static_cast<TargetState>(i)), failures.contains(i)) << i;
  }
}

}  // namespace
}  // namespace waybill::model
