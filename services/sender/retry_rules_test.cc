#include "services/sender/retry_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace waybill::sender {
namespace {

using ::testing::StartsWith;

const RetryLimits kLimits = {.base = absl::Seconds(5), .max = absl::Minutes(15)};

TEST(RetryRulesTest, TheCeilingDoublesWithEachFailureAndStopsAtTheMaximum) {
  EXPECT_EQ(RetryDelay(kLimits, 1, 0.5), absl::Seconds(2.5));
  EXPECT_EQ(RetryDelay(kLimits, 2, 0.5), absl::Seconds(5));
  EXPECT_EQ(RetryDelay(kLimits, 4, 0.5), absl::Seconds(20));
  EXPECT_EQ(RetryDelay(kLimits, 8, 0.5), absl::Seconds(320));
  EXPECT_EQ(RetryDelay(kLimits, 9, 0.5), absl::Minutes(7.5));
  EXPECT_EQ(RetryDelay(kLimits, 2'000'000'000, 0.5), absl::Minutes(7.5));
}

TEST(RetryRulesTest, TheJitterIsFullFromNothingToJustBelowTheCeiling) {
  EXPECT_EQ(RetryDelay(kLimits, 3, 0.0), absl::ZeroDuration());
  EXPECT_LT(RetryDelay(kLimits, 3, 0.999), absl::Seconds(20));
  EXPECT_GT(RetryDelay(kLimits, 3, 0.999), absl::Seconds(19));
}

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
