#ifndef WAYBILL_COMMON_MODEL_REASONS_H_
#define WAYBILL_COMMON_MODEL_REASONS_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

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
inline constexpr char kServerFailed[] = "SERVER_FAILED";

/// Reasons are cut to this many bytes before they are stored.
inline constexpr int kReasonBytesMax = 1000;

inline std::string Reason(absl::string_view word, absl::string_view sentence) {
  return absl::StrCat(word, ": ", sentence).substr(0, kReasonBytesMax);
}

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_REASONS_H_
