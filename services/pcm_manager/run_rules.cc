#include "services/pcm_manager/run_rules.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/model/reasons.h"
#include "common/model/states.h"

namespace waybill::pcm_manager {
namespace {

using job::v1::TargetState;
using Kind = StartDecision::Kind;

StartDecision Refuse(absl::string_view word, absl::string_view sentence) {
  return {.kind = Kind::kRefuse,
          .reason = model::Reason(word, sentence),
          .revoked_state = job::v1::TARGET_STATE_UNSPECIFIED};
}

bool HasExpired(const OfferFacts& facts, absl::Time now) {
  return facts.expires_after.has_value() && *facts.expires_after <= now;
}

std::string ExpiredAt(const OfferFacts& facts) {
  return absl::StrCat("the offer expired at ",
                      absl::FormatTime(*facts.expires_after, absl::UTCTimeZone()));
}

StartDecision RefuseFinal(const OfferFacts& facts) {
  switch (facts.state) {
    case job::v1::TARGET_STATE_EXPIRED:
      return Refuse(model::kExpired, "the offer expired");
    case job::v1::TARGET_STATE_WITHDRAWN:
      return facts.is_cancelled || model::HasWord(facts.reason, model::kCancelled)
                 ? Refuse(model::kCancelled, "the job was cancelled")
                 : Refuse(model::kWithdrawn, "the offer was withdrawn");
    default:
      return Refuse(model::kAlreadyRun,
                    absl::StrCat("it ended as ", model::ToString(facts.state), " before"));
  }
}

StartDecision DecideRunning(const OfferFacts& facts, absl::string_view run_id, absl::Time now) {
  if (facts.run_id != run_id) {
    return Refuse(model::kRunning, "it was granted under another run id");
  }
  if (facts.is_cancelled) {
    return {.kind = Kind::kRevoke,
            .reason = model::Reason(model::kCancelled, "the job was cancelled before it started"),
            .revoked_state = job::v1::TARGET_STATE_WITHDRAWN};
  }
  if (HasExpired(facts, now)) {
    return {.kind = Kind::kRevoke,
            .reason = model::Reason(model::kExpired, ExpiredAt(facts) + ", before it started"),
            .revoked_state = job::v1::TARGET_STATE_EXPIRED};
  }
  return {.kind = Kind::kRepeat};
}

}  // namespace

StartDecision DecideStart(const OfferFacts& facts, absl::string_view run_id, absl::Time now) {
  if (model::IsFinal(facts.state)) {
    return RefuseFinal(facts);
  }
  if (facts.state == job::v1::TARGET_STATE_RUNNING) {
    return DecideRunning(facts, run_id, now);
  }
  if (facts.is_cancelled) {
    return Refuse(model::kCancelled, "the job was cancelled");
  }
  if (HasExpired(facts, now)) {
    return Refuse(model::kExpired, ExpiredAt(facts));
  }
  if (facts.offer_after > now) {
    return Refuse(model::kNotYet,
                  absl::StrCat("it is offered after ",
                               absl::FormatTime(facts.offer_after, absl::UTCTimeZone())));
  }
  if (facts.state == job::v1::TARGET_STATE_WAITING) {
    return Refuse(model::kNotYet, "the offer is being prepared");
  }
  return {.kind = Kind::kGrant};
}

ResultDecision DecideResult(const RunResult& result,
                            const std::vector<std::int64_t>& success_exit_codes) {
  switch (result.end) {
    case RunEnd::kExited:
      if (std::find(success_exit_codes.begin(), success_exit_codes.end(), result.exit_code) !=
          success_exit_codes.end()) {
        return {.state = job::v1::TARGET_STATE_SUCCEEDED, .reason = ""};
      }
      return {.state = job::v1::TARGET_STATE_FAILED,
              .reason = model::Reason(model::kExitCode,
                                      absl::StrCat("the command ended with ", result.exit_code))};
    case RunEnd::kTimedOut:
      return {.state = job::v1::TARGET_STATE_TIMED_OUT,
              .reason = model::Reason(model::kTimedOut, "the time limit ended the command")};
    case RunEnd::kKilled:
      return {.state = job::v1::TARGET_STATE_FAILED,
              .reason = model::Reason(model::kKilled, result.detail)};
    case RunEnd::kNotStarted:
      return {.state = job::v1::TARGET_STATE_FAILED,
              .reason = model::Reason(model::kNotStarted, result.detail)};
    case RunEnd::kInterrupted:
      return {
          .state = job::v1::TARGET_STATE_UNKNOWN,
          .reason = model::Reason(model::kInterrupted, "it was started and its end was not seen")};
    case RunEnd::kUnknown:
      break;
  }
  return {
      .state = job::v1::TARGET_STATE_UNKNOWN,
      .reason = model::Reason(model::kUnknownResult, "the workstation did not say how it ended")};
}

absl::Duration NextPollAfter(absl::string_view sms_id, absl::Duration interval,
                             const std::vector<absl::Time>& offer_afters, absl::Time now) {
  // Of the digest, since it has to be the same in every process: a workstation keeps its place.
  const double share =
      static_cast<double>(content::Sha256::Of(sms_id).prefix64() >> 11) * 0x1.0p-53;
  absl::Duration next = interval * (0.9 + 0.2 * share);
  const auto due = std::upper_bound(offer_afters.begin(), offer_afters.end(), now);
  if (due != offer_afters.end()) {
    next = std::min(next, *due - now);
  }
  return std::max(next, kNextPollMin);
}

}  // namespace waybill::pcm_manager
