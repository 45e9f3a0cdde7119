#ifndef WAYBILL_SERVICES_SENDER_RETRY_RULES_H_
#define WAYBILL_SERVICES_SENDER_RETRY_RULES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/clock/backoff.h"

namespace waybill::sender {

/// How long to wait between attempts.
struct RetryLimits {
  clock::BackoffLimits backoff = {.base = absl::Seconds(5), .max = absl::Minutes(15)};
  absl::Duration space_retry = absl::Seconds(10);  ///< While the neighbour has no room.
};

/// Failures in a row after one more. An attempt during which the neighbour acknowledged something
/// begins the count anew: a line that drops every few seconds still carries the package.
int FailuresAfter(int failures_before, bool made_progress);

/// Whether the neighbour, which answered with `status`, would answer any later attempt likewise: it
/// calls the request wrong whatever the state, or does not know the call. All else may be mended
/// before the job's deadline, a certificate too.
bool IsPermanent(const absl::Status& status);

/// Why an attempt failed, as it stands in the row: UNREACHABLE, DATA_LOSS or REFUSED, and the text.
std::string FailureReason(const absl::Status& status);

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_RETRY_RULES_H_
