#ifndef WAYBILL_SERVICES_PCM_MANAGER_RUN_RULES_H_
#define WAYBILL_SERVICES_PCM_MANAGER_RUN_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/states.h"

/// Who may run what, and what a run's end means. Pure.
namespace waybill::pcm_manager {

/// One job x workstation as it stands while it is locked.
struct OfferFacts {
  model::TargetState state = job::v1::TARGET_STATE_UNSPECIFIED;
  std::string reason = {};  ///< Of that state.
  int attempt_count = 0;
  std::string run_id = {};     ///< Empty: never granted.
  std::string run_token = {};  ///< Empty: never granted.
  bool is_cancelled = false;
  absl::Time offer_after;
  std::optional<absl::Time> expires_after = {};
};

/// The answer to "may I run this?".
///
///   WAITING ---------------------------------------------> refused NOT_YET
///   OFFERED, ACKNOWLEDGED: cancelled, expired, too early -> refused CANCELLED, EXPIRED, NOT_YET
///                          else -------------------------> granted
///   RUNNING: another run id -----------------------------> refused RUNNING
///            the same, cancelled meanwhile --------------> revoked: refused CANCELLED, WITHDRAWN
///            the same, expired meanwhile ----------------> revoked: refused EXPIRED, and EXPIRED
///            the same -----------------------------------> repeated: the same token
///   final ------------------> refused ALREADY_RUN, EXPIRED, WITHDRAWN, CANCELLED
///
/// Whoever asks again with a run id that was granted has not started it yet, so revoking loses no
/// run: this is how a cancel still stops a run that is fetching its package, and how a workstation
/// that was off for weeks in the middle of it does not run what has expired.
struct StartDecision {
  enum class Kind { kGrant, kRepeat, kRefuse, kRevoke };
  Kind kind = Kind::kRefuse;
  std::string reason = {};  ///< For kRefuse and kRevoke: "WORD: sentence".
  /// For kRevoke: what becomes of the workstation's row.
  model::TargetState revoked_state = job::v1::TARGET_STATE_UNSPECIFIED;
};
StartDecision DecideStart(const OfferFacts& facts, absl::string_view run_id, absl::Time now);

/// How a run ended, as the workstation says.
enum class RunEnd { kUnknown, kExited, kTimedOut, kNotStarted, kInterrupted, kKilled };

struct RunResult {
  RunEnd end = RunEnd::kUnknown;
  std::int32_t exit_code = 0;  ///< Meaningful for kExited.
  std::string output = {};     ///< Clean text.
  std::string detail = {};     ///< Clean text.
  std::optional<absl::Duration> run_duration = {};
  std::optional<absl::Time> start_time = {};  ///< By the workstation's clock.
};

/// The final state a result leads to. Nothing defaults to success.
struct ResultDecision {
  model::TargetState state = job::v1::TARGET_STATE_UNKNOWN;
  std::string reason;  ///< Empty for a success.
};
ResultDecision DecideResult(const RunResult& result,
                            const std::vector<std::int64_t>& success_exit_codes);

/// When a workstation is to ask again: `interval`, made up to a tenth shorter or longer by its SMS
/// ID so that a site's workstations do not come together; earlier if one of its offers
/// (`offer_afters`, ascending) becomes due before. At least kNextPollMin.
inline constexpr absl::Duration kNextPollMin = absl::Milliseconds(100);
absl::Duration NextPollAfter(absl::string_view sms_id, absl::Duration interval,
                             const std::vector<absl::Time>& offer_afters, absl::Time now);

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_RUN_RULES_H_
