#ifndef WAYBILL_COMMON_MODEL_REASONS_H_
#define WAYBILL_COMMON_MODEL_REASONS_H_

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

/// Why an edge waits or ended badly: a word that programs may branch on, then ": " and a sentence
/// for people. Stored in the columns named `reason` and sent as they are.
namespace waybill::model {

inline constexpr char kInsufficientSpace[] = "INSUFFICIENT_SPACE";
inline constexpr char kUnreachable[] = "UNREACHABLE";
inline constexpr char kNoAddress[] = "NO_ADDRESS";
inline constexpr char kRefused[] = "REFUSED";
inline constexpr char kDataLoss[] = "DATA_LOSS";
inline constexpr char kVersionNotAtSite[] = "VERSION_NOT_AT_SITE";
inline constexpr char kCancelled[] = "CANCELLED";
inline constexpr char kDeadlinePassed[] = "DEADLINE_PASSED";
inline constexpr char kPackageRemoved[] = "PACKAGE_REMOVED";
inline constexpr char kNoDistributionServer[] = "NO_DISTRIBUTION_SERVER";
inline constexpr char kNoServerHasIt[] = "NO_SERVER_HAS_IT";
inline constexpr char kEmptyTarget[] = "EMPTY_TARGET";
inline constexpr char kImportFailed[] = "IMPORT_FAILED";
inline constexpr char kImportWaits[] = "IMPORT_WAITS";
/// A remove job waits for a transfer that relies on the version.
inline constexpr char kVersionOnItsWay[] = "VERSION_ON_ITS_WAY";
inline constexpr char kServerFailed[] = "SERVER_FAILED";
/// For a workstation whose own row has no word.
inline constexpr char kRunFailed[] = "RUN_FAILED";

// Why a workstation has no leave to run.
inline constexpr char kExpired[] = "EXPIRED";
inline constexpr char kNotYet[] = "NOT_YET";
inline constexpr char kWithdrawn[] = "WITHDRAWN";
inline constexpr char kAlreadyRun[] = "ALREADY_RUN";
inline constexpr char kRunning[] = "RUNNING";

// How a run ended that was no success.
inline constexpr char kExitCode[] = "EXIT_CODE";
inline constexpr char kTimedOut[] = "TIMED_OUT";
inline constexpr char kKilled[] = "KILLED";
inline constexpr char kNotStarted[] = "NOT_STARTED";
inline constexpr char kInterrupted[] = "INTERRUPTED";
inline constexpr char kUnknownResult[] = "UNKNOWN_RESULT";

/// Reasons are cut to this many bytes before they are stored.
inline constexpr int kReasonBytesMax = 1000;

inline std::string Reason(absl::string_view word, absl::string_view sentence) {
  return absl::StrCat(word, ": ", sentence).substr(0, kReasonBytesMax);
}

/// Whether it is that word's.
inline bool HasWord(absl::string_view reason, absl::string_view word) {
  return absl::ConsumePrefix(&reason, word) && absl::StartsWith(reason, ": ");
}

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_REASONS_H_
