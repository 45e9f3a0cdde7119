#include "services/sender/retry_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace waybill::sender {
namespace {

using ::testing::StartsWith;

TEST(RetryRulesTest, ProgressBeginsTheCountAnew) {
  EXPECT_EQ(FailuresAfter(0, false), 1);
  EXPECT_EQ(FailuresAfter(6, false), 7);
  EXPECT_EQ(FailuresAfter(6, true), 1);
}

TEST(RetryRulesTest, OnlyWhatNoLaterAttemptCanMendIsPermanent) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "x");
    EXPECT_EQ(IsPermanent(status), status.code() == absl::StatusCode::kInvalidArgument ||
                                       status.code() == absl::StatusCode::kUnimplemented)
        << status;
  }
}

TEST(RetryRulesTest, ReasonsBeginWithAWordThatProgramsKnow) {
  EXPECT_THAT(FailureReason(absl::UnavailableError("x")), StartsWith("UNREACHABLE: x"));
  EXPECT_THAT(FailureReason(absl::DeadlineExceededError("x")), StartsWith("UNREACHABLE: x"));
  EXPECT_THAT(FailureReason(absl::DataLossError("x")), StartsWith("DATA_LOSS: x"));
  EXPECT_THAT(FailureReason(absl::PermissionDeniedError("x")),
              StartsWith("REFUSED: PERMISSION_DENIED: x"));
}

}  // namespace
}  // namespace waybill::sender
