#include "services/pcm_manager/run_rules.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/model/states.h"

namespace waybill::pcm_manager {
namespace {

using job::v1::TargetState;
using ::testing::StartsWith;
using Kind = StartDecision::Kind;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

OfferFacts Facts(TargetState state) {
  return {.state = state, .reason = "", .offer_after = kNow - absl::Hours(1)};
}

TEST(RunRulesTest, GrantsWhatIsOfferedAndRefusesEveryFinalState) {
  for (int number = 1; number <= 12; ++number) {
    const auto state = static_cast<TargetState>(number);
    const StartDecision decision = DecideStart(Facts(state), "r1", kNow);
    const bool is_offered =
        state == job::v1::TARGET_STATE_OFFERED || state == job::v1::TARGET_STATE_ACKNOWLEDGED;
    EXPECT_EQ(decision.kind, is_offered ? Kind::kGrant : Kind::kRefuse) << model::ToString(state);
    EXPECT_EQ(decision.reason.empty(), is_offered) << model::ToString(state);
  }
}

struct Refusal {
  std::string name;
  OfferFacts facts;
  std::string word;
};

std::vector<Refusal> Refusals() {
  OfferFacts cancelled = Facts(job::v1::TARGET_STATE_OFFERED);
  cancelled.is_cancelled = true;
  OfferFacts expired = Facts(job::v1::TARGET_STATE_OFFERED);
  expired.expires_after = kNow;
  OfferFacts early = Facts(job::v1::TARGET_STATE_ACKNOWLEDGED);
  early.offer_after = kNow + absl::Microseconds(1);
  OfferFacts withdrawn = Facts(job::v1::TARGET_STATE_WITHDRAWN);
  withdrawn.reason = "PACKAGE_REMOVED: by job CEN00043";
  OfferFacts withdrawn_by_cancel = Facts(job::v1::TARGET_STATE_WITHDRAWN);
  withdrawn_by_cancel.reason = "CANCELLED: by an administrator";
  OfferFacts running = Facts(job::v1::TARGET_STATE_RUNNING);
  running.run_id = "other";
  return {{"cancelled", cancelled, "CANCELLED: "},
          {"expired", expired, "EXPIRED: "},
          {"too early", early, "NOT_YET: "},
          {"waiting", Facts(job::v1::TARGET_STATE_WAITING), "NOT_YET: "},
          {"withdrawn", withdrawn, "WITHDRAWN: "},
          {"withdrawn by a cancel", withdrawn_by_cancel, "CANCELLED: "},
          {"expired before", Facts(job::v1::TARGET_STATE_EXPIRED), "EXPIRED: "},
          {"ran well", Facts(job::v1::TARGET_STATE_SUCCEEDED), "ALREADY_RUN: "},
          {"end unknown", Facts(job::v1::TARGET_STATE_UNKNOWN), "ALREADY_RUN: "},
          {"runs", running, "RUNNING: "}};
}

TEST(RunRulesTest, SaysWhyItRefuses) {
  for (const Refusal& refusal : Refusals()) {
    const StartDecision decision = DecideStart(refusal.facts, "r1", kNow);
    EXPECT_EQ(decision.kind, Kind::kRefuse) << refusal.name;
    EXPECT_THAT(decision.reason, StartsWith(refusal.word)) << refusal.name;
  }
}

TEST(RunRulesTest, RepeatsAGrantUnderTheSameRunIdUntilItExpires) {
  OfferFacts running = Facts(job::v1::TARGET_STATE_RUNNING);
  running.run_id = "r1";
  EXPECT_EQ(DecideStart(running, "r1", kNow).kind, Kind::kRepeat);
  running.expires_after = kNow + absl::Microseconds(1);
  EXPECT_EQ(DecideStart(running, "r1", kNow).kind, Kind::kRepeat);
  running.expires_after = kNow;
  const StartDecision decision = DecideStart(running, "r1", kNow);
  EXPECT_EQ(decision.kind, Kind::kRevoke);
  EXPECT_EQ(decision.revoked_state, job::v1::TARGET_STATE_EXPIRED);
  EXPECT_THAT(decision.reason, StartsWith("EXPIRED: "));
}

TEST(RunRulesTest, RevokesAGrantOfACancelledJobWhenItIsAskedForAgain) {
  OfferFacts running = Facts(job::v1::TARGET_STATE_RUNNING);
  running.run_id = "r1";
  running.is_cancelled = true;
  const StartDecision decision = DecideStart(running, "r1", kNow);
  EXPECT_EQ(decision.kind, Kind::kRevoke);
  EXPECT_EQ(decision.revoked_state, job::v1::TARGET_STATE_WITHDRAWN);
  EXPECT_THAT(decision.reason, StartsWith("CANCELLED: "));
  EXPECT_EQ(DecideStart(running, "r2", kNow).kind, Kind::kRefuse);
}

struct End {
  RunEnd end;
  std::int32_t exit_code;
  TargetState state;
  std::string reason;
};

TEST(RunRulesTest, NothingDefaultsToSuccess) {
  for (const End& end :
       std::vector<End>{{RunEnd::kExited, 0, job::v1::TARGET_STATE_SUCCEEDED, ""},
                        {RunEnd::kExited, 3010, job::v1::TARGET_STATE_SUCCEEDED, ""},
                        {RunEnd::kExited, 1, job::v1::TARGET_STATE_FAILED, "EXIT_CODE: "},
                        {RunEnd::kTimedOut, 0, job::v1::TARGET_STATE_TIMED_OUT, "TIMED_OUT: "},
                        {RunEnd::kNotStarted, 0, job::v1::TARGET_STATE_FAILED, "NOT_STARTED: why"},
                        {RunEnd::kKilled, 0, job::v1::TARGET_STATE_FAILED, "KILLED: why"},
                        {RunEnd::kInterrupted, 0, job::v1::TARGET_STATE_UNKNOWN, "INTERRUPTED: "},
                        {RunEnd::kUnknown, 0, job::v1::TARGET_STATE_UNKNOWN, "UNKNOWN_RESULT: "}}) {
    const ResultDecision decision =
        DecideResult({.end = end.end, .exit_code = end.exit_code, .detail = "why"}, {0, 3010});
    EXPECT_EQ(decision.state, end.state) << end.reason;
    EXPECT_THAT(decision.reason, StartsWith(end.reason));
    EXPECT_TRUE(model::IsFinal(decision.state));
  }
  EXPECT_EQ(DecideResult({.end = RunEnd::kExited, .exit_code = 0}, {7}).state,
            job::v1::TARGET_STATE_FAILED);
}

TEST(RunRulesTest, SpreadsPollsByATenthAndKeepsEachWorkstationsPlace) {
  std::set<absl::Duration> waits;
  for (int i = 0; i < 100; ++i) {
    const std::string sms_id = absl::StrCat("NYC", 10000 + i);
    const absl::Duration wait = NextPollAfter(sms_id, absl::Hours(1), {}, kNow);
    EXPECT_GE(wait, absl::Minutes(54));
    EXPECT_LE(wait, absl::Minutes(66));
    EXPECT_EQ(wait, NextPollAfter(sms_id, absl::Hours(1), {}, kNow));
    waits.insert(wait);
  }
  EXPECT_GT(waits.size(), 90U);
}

TEST(RunRulesTest, AsksForAPollWhenAnOfferBecomesDueEarlier) {
  const std::vector<absl::Time> offers = {kNow - absl::Minutes(1), kNow, kNow + absl::Minutes(5),
                                          kNow + absl::Hours(9)};
  EXPECT_EQ(NextPollAfter("NYC00001", absl::Hours(1), offers, kNow), absl::Minutes(5));
  EXPECT_EQ(NextPollAfter("NYC00001", absl::Hours(1), {kNow + absl::Microseconds(1)}, kNow),
            kNextPollMin);
}

}  // namespace
}  // namespace waybill::pcm_manager
